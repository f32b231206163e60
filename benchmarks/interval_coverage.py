"""How often do the 95 % confidence intervals contain the true value? The table of docs/method.md.

python benchmarks/interval_coverage.py                    # about five minutes
python benchmarks/interval_coverage.py --sizes 5,8,10     # why intervals need ten architectures; two minutes
"""

import argparse
import math

import numpy as np
from scipy.stats import kendalltau, spearmanr

from zcbench.metrics import _correlation, kendall_tau, spearman_rho

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
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="20,50,200", help="numbers of architectures")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    _correlation.FEWEST = min(_correlation.FEWEST, *sizes)  # measure the intervals that zcbench does not give
    rng = np.random.default_rng(0)
    print("| distribution | correlation | n | tau covered | rho covered |\n|:---|---:|---:|---:|---:|")
    for kind in ("normal", "ties", "outliers"):
        for correlation in (0.0, 0.6, 0.9):
            x, y = draw(rng, 200_000, correlation, kind)
            truth = kendalltau(x, y).statistic, spearmanr(x, y).statistic
            for n in sizes:
                covered, given = np.zeros(2), np.zeros(2)
                for _ in range(REPEATS):
                    columns = draw(rng, n, correlation, kind)
                    estimates = kendall_tau(*columns), spearman_rho(*columns)
                    covered += [e.low <= t <= e.high for e, t in zip(estimates, truth, strict=True)]
                    given += [not math.isnan(e.low) for e in estimates]
                tau, rho = covered / given
                print(f"| {kind} | {correlation} | {n} | {tau:.3f} | {rho:.3f} |", flush=True)


if __name__ == "__main__":
    main()
