"""Draw the figure of docs/curves.md: six real learning curves, forecast from their beginnings.

    ZCBENCH_DATA=… python tools/draw_curves.py docs/curves.png

The curve of each benchmark is the one whose final value is the median of all, so that none is chosen by its forecast.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import zcbench
from zcbench import curves

#: benchmark, curve, whether lower is better, bounds, observed share of the epochs, title of the panel
PANELS = (
    ("digits-201", "valid_nll", True, None, 0.25, "digits-201, validation loss"),
    ("chars-rnn", "valid_nll", True, None, 0.25, "chars-rnn, validation loss"),
    ("chars-bert", "valid_nll", True, None, 0.25, "chars-bert, validation loss"),
    ("nasbenchnlp", "valid_nll", True, None, 0.2, "NAS-Bench-NLP, validation loss"),
    ("nats-records", "", False, (0.0, 100.0), 0.25, "NATS-Bench, validation accuracy"),
    ("lcdb11", "", True, (0.0, 1.0), 0.4, "LCDB 1.1, test error by training size"),
)


def median_curve(benchmark: str, name: str) -> np.ndarray:
    """Return the curve whose last value is the median of all."""
    table = zcbench.get_benchmark(benchmark).curves
    chosen = np.asarray(table[name or next(iter(table))], dtype=np.float64)
    rows = chosen.reshape(-1, chosen.shape[-1])
    rows = rows[np.isfinite(rows).sum(1) >= min(10, rows.shape[1])]
    ends = np.array([row[np.isfinite(row)][-1] for row in rows])
    middle = rows[np.argsort(ends, kind="stable")[len(ends) // 2]]
    return middle[: np.flatnonzero(np.isfinite(middle))[-1] + 1]


def main() -> None:
    """Draw all panels into the given file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), layout="constrained")
    for axis, (benchmark, name, lower, bounds, share, title) in zip(figure.subplots(2, 3).ravel(), PANELS, strict=True):
        values = median_curve(benchmark, name)
        seen = max(2, round(share * len(values)))
        prior = "sizes" if benchmark == "lcdb11" else "extended"
        found = curves.extrapolate(
            values[:seen], len(values), lower_is_better=lower, bounds=bounds, predictor=f"lcpfn:prior={prior}"
        )
        assert isinstance(found, curves.Extrapolation)
        for part, colour in ((0.9, "#c6dbef"), (0.5, "#6baed6")):
            axis.fill_between(found.epochs, *found.interval(part), color=colour, lw=0, label=f"{part:.0%}")
        axis.plot(found.epochs, found.median, color="#08306b", ls="--", lw=1.4, label="median")
        axis.plot(np.arange(1, len(values) + 1), values, color="0.35", lw=0.8, label="observed later")
        axis.plot(np.arange(1, seen + 1), values[:seen], "o", color="black", ms=3, label="seen")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("anchor" if benchmark == "lcdb11" else "epoch", fontsize=9)
        axis.grid(alpha=0.3, lw=0.5)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9, frameon=False)
    figure.savefig(Path(sys.argv[1]), dpi=110)


if __name__ == "__main__":
    main()
