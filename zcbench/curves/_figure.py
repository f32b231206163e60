"""Figures of runs and their forecasts."""

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

#: largest number of panels of a figure
MOST = 30
_SUFFIXES = (".png", ".svg", ".pdf", ".jpg")


def check_figure(name: str | None) -> None:
    """Raise InvalidInputError before anything is computed if the suffix is not that of an image format."""
    if name is not None and Path(name).suffix.lower() not in _SUFFIXES:
        raise InvalidInputError(f"{name!r} is not an image's name: use one of the suffixes {', '.join(_SUFFIXES)}.")


def draw_runs(runs: Sequence[RunForecast], path: Path, *, title: str = "", horizon: float) -> None:
    """Draw observed values, medians, and bands of 50 % and 90 %, a panel for each run.

    Args:
        runs: the runs; those without a forecast and those beyond the first 30 are omitted, and the title gives the
            total.
        path: an image file; its suffix determines the format.
        title: title of the figure.
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

    matplotlib.rcParams["svg.hashsalt"] = "zcbench"  # makes files of equal figures equal
    every = [run for run in runs if len(run.epochs)]
    shown = every[:MOST]
    if not shown:
        raise InvalidInputError("no run has a forecast to draw.")
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
        warnings.filterwarnings("ignore", "Glyph")  # characters that are not in the font are drawn as boxes
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=130)


def _draw(axis: Any, run: RunForecast, horizon: float) -> None:
    epochs, values = run.seen
    # The bands begin at the last value.
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
