"""Figures of a search, and of searchers over seeds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._display import label
from zcbench.errors import MissingDependencyError
from zcbench.evaluation import Known, SearchComparison, SearchReport
from zcbench.evaluation._traces import Cost

Floats = NDArray[np.float64]
#: largest number of columns with a separate panel
PANELS = 3


def draw_search(report: SearchReport, path: Path) -> None:
    """Draw the best so far against evaluations and seconds; for several objectives, the front and the hypervolume.

    Args:
        report: one search.
        path: an image; its suffix says which kind.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure_of = _matplotlib()
    panels = _panels(report)
    count = len(panels)
    across = min(count, 2)
    down = math.ceil(count / across)
    figure = figure_of(figsize=(5.2 * across, 3.6 * down), layout="constrained")
    axes = list(np.ravel(figure.subplots(down, across, squeeze=False)))
    for axis, draw in zip(axes, panels, strict=False):
        draw(axis)
    for axis in axes[count:]:
        axis.set_axis_off()
    figure.suptitle(label(f"{report.searcher} on {report.evaluate}, seed {report.seed}", 90), fontsize=11)
    _save(figure, path)


def _panels(report: SearchReport) -> list[Callable[[Any], None]]:
    """Return the function that draws each panel."""
    timed = bool(len(report)) and report.seconds[-1] > 0
    if len(report.objectives) > 1:
        costs: list[Cost] = ["evaluations", "seconds"] if timed else ["evaluations"]
        known = costs if report.known_front is not None else []
        return [partial(_draw_front, report=report), *(partial(_draw_volume, report=report, by=by) for by in known)]
    columns = [report.guide, *report.reported][:PANELS]
    panels: list[Callable[[Any], None]] = [partial(_draw_evaluations, report=report, name=name) for name in columns]
    if timed:
        panels.append(partial(_draw_seconds, report=report, name=columns[0] if len(columns) == 1 else columns[1]))
    return panels


def _draw_volume(axis: Any, report: SearchReport, by: Cost) -> None:
    """Draw the share of the known front's hypervolume."""
    assert report.known_front is not None  # asked before
    axis.step(report.trace.cost(by), report.known_front.ratio_so_far(report.trace), where="post", color="C0")
    axis.axhline(1, color="0.3", lw=0.8, ls=":")
    axis.set(xlabel="evaluations" if by == "evaluations" else "seconds on the search's clock")
    axis.set(ylabel="share of the known front's hypervolume")
    axis.grid(alpha=0.3)


def draw_comparison(comparison: SearchComparison, path: Path) -> None:
    """Draw the results of searchers against cost: the mean over seeds with its 95 % band, and the table's best.

    Args:
        comparison: searchers over seeds.
        path: an image; its suffix says which kind.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure = _matplotlib()(figsize=(8, 4.8), layout="constrained")
    axis = figure.subplots()
    metric = "volume" if comparison.front is not None else "regret"
    styles = ["-", "--", ":", "-."]
    for i, one in enumerate(comparison.searched):
        found = getattr(one, metric)
        value, low, high = (np.array([getattr(e, end) for e in found]) for end in ("value", "low", "high"))
        style: dict[str, Any] = {"color": f"C{i % 10}", "linestyle": styles[(i // 10) % 4]}
        axis.plot(comparison.grid, value, marker=".", label=label(one.label), **style)
        axis.fill_between(comparison.grid, np.maximum(low, 0), high, color=style["color"], alpha=0.15, lw=0)
    what = "share of the known front's hypervolume" if metric == "volume" else f"regret in {comparison.known.name}"
    axis.set(xscale="log", xlabel=comparison.by, ylabel=label(what), title=label(comparison.known.benchmark))
    if metric == "regret" and all(e.value > 0 for one in comparison.searched for e in one.regret):
        axis.set_yscale("log")
    axis.grid(alpha=0.3)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    _save(figure, path)


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise MissingDependencyError("matplotlib", "plots", "a figure") from None
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "zcbench"  # the same figure is the same file
    return Figure


def _save(figure: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # characters that the font lacks are drawn as boxes
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=130)


def _draw_evaluations(axis: Any, report: SearchReport, name: str) -> None:
    """Draw every evaluation, the best so far, the average of random search, and the table's best."""
    counts, found = report.so_far(name)
    values = report.values.get(name, np.full(len(report), math.nan))
    axis.plot(counts, values, ".", color="0.6", ms=3, label="an evaluation")
    axis.step(counts, found, where="post", color="C0", label="the best so far by the guide")
    if len(report) and (random := _random(report, name)) is not None:
        axis.plot(*random, color="C1", ls="--", lw=1.2, label="random search, on average")
    known = report.known(name)
    _bound(axis, known, np.concatenate([values, [] if known is None else [known.best]]), name)
    axis.set(xlabel="evaluations", ylabel=label(name))
    if len(report):
        axis.legend(fontsize=7)


def _random(report: SearchReport, name: str) -> tuple[Floats, Floats] | None:
    grid = np.unique(np.geomspace(1, max(1, report.trace.end()), 60).round().astype(int))
    found = report.random(name, grid.tolist())
    return (grid.astype(np.float64), found) if np.isfinite(found).all() else None


def _draw_seconds(axis: Any, report: SearchReport, name: str) -> None:
    """Draw the best so far against its cost."""
    seconds, found = report.so_far(name, "seconds")
    axis.step(seconds, found, where="post", color="C0")
    known = report.known(name)
    if known is not None:
        axis.axhline(known.best, color="0.3", lw=0.8, ls=":")
    axis.set(xlabel="seconds on the search's clock", ylabel=label(name))
    axis.grid(alpha=0.3)


def _bound(axis: Any, known: Known | None, values: Floats, name: str) -> None:
    """Draw a line at the table's best, and limit the axis to the better nine tenths of the values."""
    if known is not None:
        axis.axhline(known.best, color="0.3", lw=0.8, ls=":", label="the best of the table")
    if (limits := view(values, None if known is None else known.higher_is_better)) is not None:
        axis.set_ylim(*limits)
    axis.grid(alpha=0.3)


def view(values: Floats, higher_is_better: bool | None) -> tuple[float, float] | None:
    """Return the limits of an axis that shows the better nine tenths of finite values; None without such values.

    Where no direction is known all values are shown.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = float(finite.min()), float(finite.max())
    if higher_is_better is True:
        low = float(np.quantile(finite, 0.1))
    elif higher_is_better is False:
        high = float(np.quantile(finite, 0.9))
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin


def _draw_front(axis: Any, report: SearchReport) -> None:
    """Draw the first two objectives: all evaluations, the front found, and the known front."""
    names = list(report.objectives)[:2]
    x, y = (report.values.get(name, np.full(len(report), math.nan)) for name in names)
    axis.plot(x, y, ".", color="0.6", ms=3, label="an evaluation")
    if (front := report.known_front) is not None:
        axis.plot(front.points[:, 0], front.points[:, 1], "x", color="0.3", ms=4, label="the known front")
    rows = report.front
    axis.plot(x[rows], y[rows], "o", color="C0", ms=4, label="the front found")
    for values, name, limit in ((x, names[0], axis.set_xlim), (y, names[1], axis.set_ylim)):
        place = names.index(name)
        shown = values if front is None else np.concatenate([values, front.points[:, place]])
        if (limits := view(shown, report.objectives[name])) is not None:
            known = () if front is None else front.points[:, place]
            limit(min([limits[0], *known]), max([limits[1], *known]))
    axis.set(xlabel=label(names[0]), ylabel=label(names[1]))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
