"""What does an interval cost, compared with the correlation alone, and how does it grow? The table of docs/speed.md.

python benchmarks/metrics.py        # half a minute
"""

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from scipy.stats import kendalltau, spearmanr

from zcbench.metrics import kendall_tau, spearman_rho

SIZES = (15_625, 423_624, 1_000_000)  # NAS-Bench-201, NAS-Bench-101, the largest table that a user may provide


def seconds(function: Callable[..., object], *columns: np.ndarray) -> float:
    """Return the lowest CPU time of three calls."""
    times = []
    for _ in range(3):
        started = time.process_time()
        function(*columns)
        times.append(time.process_time() - started)
    return min(times)


def peak(function: Callable[..., object], *columns: np.ndarray) -> int:
    """Return the peak of bytes that numpy and Python allocated in addition to the columns."""
    tracemalloc.start()
    function(*columns)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def main() -> None:
    rng = np.random.default_rng(0)
    print("| rows | values | statistic | scipy, no interval | with interval | ratio | memory, columns' |")
    print("|---:|:---|:---|---:|---:|---:|---:|")
    for n in SIZES:
        for kind in ("distinct", "seven levels"):
            x, y = rng.normal(size=(2, n)) if kind == "distinct" else rng.integers(1, 8, (2, n)).astype(float)
            for ours, theirs in ((kendall_tau, kendalltau), (spearman_rho, spearmanr)):
                assert ours(x, y).value == theirs(x, y).statistic
                alone, both = seconds(theirs, x, y), seconds(ours, x, y)
                memory = peak(ours, x, y) / (x.nbytes + y.nbytes)
                row = f"| {n:,} | {kind} | `{ours.__name__}` | {alone:.3f} s | {both:.3f} s "
                print(f"{row}| {both / alone:.1f} | {memory:.0f} x |", flush=True)


if __name__ == "__main__":
    main()
