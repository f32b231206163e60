"""How often do the 95 % confidence intervals contain the true value? The table of docs/method.md.

python benchmarks/interval_coverage.py        # about five minutes
"""

import math

import numpy as np
from scipy.stats import kendalltau, spearmanr

from zcbench.metrics import kendall_tau, spearman_rho

REPEATS = 1000


def draw(rng: np.random.Generator, n: int, correlation: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw two correlated columns: normal, with many ties, or with one outlier in ten values."""
    x, noise = rng.normal(size=(2, n))
    y = correlation * x + math.sqrt(1 - correlation**2) * noise
    if kind == "ties":
        return x.round(), y.round(1)
    if kind == "outliers":
        y = y + (rng.random(n) < 0.1) * rng.normal(size=n) * 5
    return x, y


def main() -> None:
    rng = np.random.default_rng(0)
    print("| distribution | correlation | n | tau covered | rho covered |\n|:---|---:|---:|---:|---:|")
    for kind in ("normal", "ties", "outliers"):
        for correlation in (0.0, 0.6, 0.9):
            x, y = draw(rng, 200_000, correlation, kind)
            truth = kendalltau(x, y).statistic, spearmanr(x, y).statistic
            for n in (20, 50, 200):
                covered = np.zeros(2)
                for _ in range(REPEATS):
                    columns = draw(rng, n, correlation, kind)
                    estimates = kendall_tau(*columns), spearman_rho(*columns)
                    covered += [e.low <= t <= e.high for e, t in zip(estimates, truth, strict=True)]
                tau, rho = covered / REPEATS
                print(f"| {kind} | {correlation} | {n} | {tau:.3f} | {rho:.3f} |", flush=True)


if __name__ == "__main__":
    main()
