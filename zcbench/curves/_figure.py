"""Runs and their forecasts as a figure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zcbench._display import label
from zcbench.curves._runs import RunForecast
from zcbench.errors import InvalidInputError, MissingDependencyError

#: panels of a figure
MOST = 30
_SUFFIXES = (".png", ".svg", ".pdf", ".jpg")


def check_figure(name: str | None) -> None:
    """Raise InvalidInputError before anything is computed, if the suffix says no kind of image."""
    if name is not None and Path(name).suffix.lower() not in _SUFFIXES:
        raise InvalidInputError(f"{name!r} names no kind of image: let it end with one of {', '.join(_SUFFIXES)}.")


def draw_runs(runs: Sequence[RunForecast], path: Path, *, title: str = "", horizon: float) -> None:
    """Draw observed values, medians, and bands of 50 % and 90 %, a panel for each run.

    Args:
        runs: those without a forecast are left out, and those beyond the first 30; the title says how many there are.
        path: an image; its suffix says which kind.
        title: of the figure.
        horizon: the last epoch.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        InvalidInputError: no run has a forecast.
    """
    try:
        import matplotlib
    except ImportError:
        raise MissingDependencyError("matplotlib", "plots", "a figure") from None
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "zcbench"  # the same figure is the same file
    every = [run for run in runs if len(run.epochs)]
    shown = every[:MOST]
    if not shown:
        raise InvalidInputError("no run has a forecast that could be drawn.")
    across = min(3, len(shown))
    down = math.ceil(len(shown) / across)
    width, height = (6.4, 4.2) if len(shown) == 1 else (4.0 * across, 2.9 * down)
    figure = Figure(figsize=(width, height + 0.6), layout="constrained")
    axes = list(np.ravel(figure.subplots(down, across, squeeze=False)))
    for axis, run in zip(axes, shown, strict=False):
        _draw(axis, run, horizon)
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    figure.suptitle(label(title, 90) + (f" ({MOST} of {len(every)} runs)" if len(every) > MOST else ""), fontsize=11)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a box stands for what the font lacks
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=130)


def _draw(axis: Any, run: RunForecast, horizon: float) -> None:
    epochs, values = run.seen
    # The bands begin at the last value, from which they open.
    later = np.concatenate([epochs[-1:], run.epochs])
    bound = {p: np.concatenate([values[-1:], q]) for p, q in run.quantiles.items()}
    axis.fill_between(later, bound[0.05], bound[0.95], color="#c6dbef", lw=0, label="90 %")
    axis.fill_between(later, bound[0.25], bound[0.75], color="#6baed6", lw=0, label="50 %")
    axis.plot(later, bound[0.5], color="#08306b", lw=1.4, ls="--", label="median")
    size = 3 if len(epochs) <= 60 else 1.5
    axis.plot(epochs, values, color="black", marker="o", ms=size, lw=0.6, label="observed")
    axis.set(xlim=(min(1.0, float(epochs[0])), horizon), title=label(run.name, 40), xlabel="epoch")
    axis.title.set_fontsize(9)
    axis.grid(alpha=0.3, lw=0.5)
