"""Sample efficiency as a figure."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

from zcbench._display import NAME, label
from zcbench.errors import MissingDependencyError
from zcbench.evaluation import Entry, SampleEfficiency
from zcbench.evaluation._efficiency_table import SHOWN

#: least difference of tau between two labels of the figure
_APART = 0.02


def draw_efficiency(efficiency: SampleEfficiency, path: Path, labels: list[str] | None = None) -> None:
    """Tau against the number of trained networks and against seconds, with bands; proxies at zero.

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
    timed = any(
        math.isfinite(point.seconds) for point in efficiency.points
    )  # else only the number of networks is known
    figure = Figure(figsize=(11 if timed else 7, 4.8), layout="constrained")
    by_size, *rest = figure.subplots(1, 2 if timed else 1, sharey=True, squeeze=False)[0]
    shown = [name for name in efficiency.predictors if labels is None or name in labels]
    styles = ["-", "--", ":", "-."]
    for i, name in enumerate(shown):
        points = sorted(
            (p for p in efficiency.points if p.predictor == name and not p.transfer_from), key=lambda p: p.train_size
        )
        points = [p for p in points if "tau" in p.metrics]
        tau = [p.metrics["tau"] for p in points]
        style: dict[str, Any] = {"color": f"C{i % 10}", "linestyle": styles[(i // 10) % 4]}
        places = [[p.train_size for p in points], [p.seconds for p in points]]
        for axis, x in zip((by_size, *rest), places, strict=False):
            axis.plot(x, [t.value for t in tau], marker=".", label=label(name), **style)
            axis.fill_between(x, [t.low for t in tau], [t.high for t in tau], color=style["color"], alpha=0.15, lw=0)
    sizes = sorted({p.train_size for p in efficiency.points if not p.transfer_from})
    for names, reached, seconds in _at_zero(efficiency):
        for axis, place in zip((by_size, *rest), (0.0, seconds * efficiency.pool), strict=False):
            axis.axhline(reached, color="0.4", lw=0.8, linestyle=(0, (1, 2)))
            axis.plot([place], [reached], "k^", ms=4)
        by_size.annotate(names, (0, reached), xytext=(4, 2), textcoords="offset points", fontsize=7, va="bottom")
    by_size.set_xscale("symlog", linthresh=sizes[0], linscale=0.6)
    by_size.set_xlim(-0.1 * sizes[0], 1.1 * sizes[-1])
    by_size.set_xticks([0, *sizes], [str(size) for size in (0, *sizes)])
    by_size.set(
        xlabel="trained networks",
        ylabel="Kendall's tau-b",
        title=label(f"{efficiency.benchmark}: {efficiency.target.name}"),
    )
    for axis in rest:
        axis.set(xscale="log", xlabel="seconds: training, features, fit, predict", title="the same against its cost")
    for axis in (by_size, *rest):
        axis.grid(alpha=0.3)
    figure.legend(*by_size.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a box stands for what the font lacks
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _at_zero(efficiency: SampleEfficiency) -> list[tuple[str, float, float]]:
    """The best proxies: names, tau, seconds per architecture; those whose labels would overlap share one."""
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
