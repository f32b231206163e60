"""Sample efficiency as a figure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench._display import NAME, label
from zcbench.errors import MissingDependencyError
from zcbench.evaluation import Entry, SampleEfficiency
from zcbench.evaluation._efficiency_table import SHOWN

if TYPE_CHECKING:
    from zcbench.evaluation._efficiency import Point

#: least difference of tau between two labels of the figure
_APART = 0.03
#: at most eight predictors have a colour; all can be read on white and on black, and by most colour-blind readers
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8F6BD0", "#9A7B2F")
#: lines of further predictors
_OTHER = "#A7ACB2"
#: axes and text, on a transparent background
_INK = "#7A8087"
#: height of a label and least distance of two, as a part of the axis
_LINE = 0.042


def draw_efficiency(efficiency: SampleEfficiency, path: Path, labels: list[str] | None = None) -> None:
    """Draw tau against the number of trained networks and against seconds; proxies are points at zero networks.

    Each line has its label at its end. The eight best predictors have a colour, and further ones are grey. Whiskers are
    95 % intervals. Points of equal size are drawn next to each other.

    Args:
        efficiency: without a transfer.
        path: an image; its suffix says which kind.
        labels: predictors to show; default all.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise MissingDependencyError("matplotlib", "plots", "a figure") from None
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "zcbench"  # the same figure is the same file
    points = [p for p in efficiency.points if not p.transfer_from and "tau" in p.metrics]
    shown = [name for name in efficiency.predictors if labels is None or name in labels]
    shown = [name for name in shown if any(p.predictor == name for p in points)]
    timed = any(math.isfinite(point.seconds) for point in points)  # else only the number of networks is known
    height = max(4.8, 0.2 * len(shown) + 1)
    figure = Figure(figsize=(13 if timed else 7.5, height))
    figure.subplots_adjust(
        left=0.055 if timed else 0.1, right=0.87 if timed else 0.74, wspace=0.5, top=0.92, bottom=0.12
    )
    by_size, *rest = figure.subplots(1, 2 if timed else 1, sharey=True, squeeze=False)[0]
    sizes = sorted({p.train_size for p in points})
    _draw_zero(efficiency, by_size, rest)
    for place, name in reversed(list(enumerate(shown))):  # the best is drawn last, above the others
        own = sorted((p for p in points if p.predictor == name), key=lambda p: p.train_size)
        colour = _COLOURS[place] if place < len(_COLOURS) else _OTHER
        aside = 1 + 0.008 * (place - (len(shown) - 1) / 2)
        for axis, x in ((by_size, [p.train_size * aside for p in own]), *((a, [p.seconds for p in own]) for a in rest)):
            _draw_line(axis, x, own, colour, whiskers=axis is by_size and place < len(_COLOURS))
    if sizes:
        by_size.set_xscale("symlog", linthresh=sizes[0], linscale=0.6)
        by_size.set_xlim(-0.1 * sizes[0], 1.12 * sizes[-1])
        by_size.set_xticks([0, *sizes], [str(size) for size in (0, *sizes)])
        by_size.minorticks_off()
    by_size.set(
        xlabel="trained networks",
        ylabel="Kendall's tau-b",
        title=label(f"{efficiency.benchmark}: {efficiency.target.name}"),
    )
    for axis in rest:
        axis.set(xscale="log", xlabel="seconds: training, features, fit, predict", title="the same predictors by cost")
        axis.tick_params(labelleft=True)
    for axis in (by_size, *rest):
        _paint(axis)
        _label_ends(axis, [label(name) for name in shown])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # characters that the font lacks are drawn as boxes
        figure.savefig(path, transparent=True, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_line(axis: Any, x: Sequence[float], points: Sequence[Point], colour: str, *, whiskers: bool) -> None:
    """Draw the line of a predictor; matplotlib omits values that are not finite."""
    tau = [p.metrics["tau"] for p in points]
    if whiskers:
        axis.vlines(x, [t.low for t in tau], [t.high for t in tau], color=colour, alpha=0.45, lw=1)
    thin = colour == _OTHER
    axis.plot(x, [t.value for t in tau], marker=".", ms=4 if thin else 7, lw=0.8 if thin else 1.6, color=colour)


def _draw_zero(efficiency: SampleEfficiency, by_size: Any, rest: Sequence[Any]) -> None:
    """Draw the best proxies at zero trained networks, each with a line at its height."""
    for names, reached, seconds in _at_zero(efficiency):
        for axis, place in zip((by_size, *rest), (0.0, seconds * efficiency.pool), strict=False):
            axis.axhline(reached, color=_INK, lw=0.8, linestyle=(0, (1, 2)), gid="proxy")
            axis.plot([place], [reached], marker="^", ls="", color=_INK, ms=4, gid="proxy")
        by_size.annotate(
            names, (0, reached), xytext=(4, 2), textcoords="offset points", fontsize=7, va="bottom", color=_INK
        )


def _paint(axis: Any) -> None:
    """Give frame, ticks and texts a colour that can be read on white and on black."""
    axis.grid(alpha=0.25)
    axis.tick_params(colors=_INK, which="both")
    for text in (axis.title, axis.xaxis.label, axis.yaxis.label):
        text.set_color(_INK)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_INK)


def _label_ends(axis: Any, names: Sequence[str]) -> None:
    """Write each predictor's name next to the end of its line, moved up or down where names would overlap."""
    lines = [line for line in axis.lines if line.get_gid() != "proxy"][::-1]  # the best first, as the names
    to_axis = (axis.transData + axis.transAxes.inverted()).transform
    ends = []
    for line, name in zip(lines, names, strict=True):
        known = [(x, y) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True) if math.isfinite(x * y)]
        if known:
            x, y = to_axis(known[-1])
            ends.append((float(x), float(y), name, line.get_color()))
    ends.sort(key=lambda end: end[1])
    for (x, y, name, colour), height in zip(ends, spread([end[1] for end in ends], _LINE), strict=True):
        axis.annotate(
            name,
            (x, y),
            xytext=(1.03, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            color=_INK if colour == _OTHER else colour,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "alpha": 0.6, "shrinkA": 1, "shrinkB": 3},
            annotation_clip=False,
        )


def spread(heights: Sequence[float], apart: float) -> list[float]:
    """Return the heights, moved as little as possible so that neighbours are ``apart`` and all are from 0 to 1.

    Args:
        heights: ascending.
        apart: least distance of two neighbours; smaller where they would not fit.
    """
    apart = min(apart, 1 / max(1, len(heights) - 1))
    # Least squares under an order is isotonic regression of the heights less their places in a dense stack.
    stacks: list[tuple[float, int]] = []  # mean and size of groups of labels that touch
    for place, height in enumerate(heights):
        mean, size = height - place * apart, 1
        while stacks and stacks[-1][0] > mean:
            before, count = stacks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        stacks.append((mean, size))
    most = 1 - (len(heights) - 1) * apart
    bases = [min(max(mean, 0.0), max(most, 0.0)) for mean, size in stacks for _ in range(size)]
    return [base + place * apart for place, base in enumerate(bases)]


def _at_zero(efficiency: SampleEfficiency) -> list[tuple[str, float, float]]:
    """Return names, tau and seconds per architecture of the best proxies; labels that would overlap are joined."""
    if efficiency.proxies is None:
        return []
    good = [e for e in efficiency.proxies.entries if math.isfinite(e.tau.value) and e.tau.value > 0][:SHOWN]
    groups: list[list[Entry]] = []
    for entry in good:
        if groups and groups[-1][0].tau.value - entry.tau.value < _APART:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return [
        (label(", ".join(e.proxy for e in group), NAME), group[0].tau.value, max(min(e.seconds for e in group), 1e-4))
        for group in groups
    ]
