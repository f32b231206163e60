"""The optimum and the best hundred of sums under a budget: best-first search compared with integer programming.

python benchmarks/exact_search.py
"""

import itertools
import time

import numpy as np

from zcbench.search._best_first import Bounded, best_first


def main() -> None:
    rng = np.random.default_rng(0)
    print("| choices x options | architectures | budget | optimum, ms | best 100, ms | milp, ms | ratio |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for parts, options in ((8, 3), (20, 9), (19, 10), (40, 3), (12, 40)):
        score = [rng.normal(size=options) for _ in range(parts)]
        costs = [rng.integers(1, 10**6, options).astype(float) for _ in range(parts)]
        low, high = (sum(edge(c) for c in costs) for edge in (np.min, np.max))
        for share in (0.1, 0.3, 0.5):
            bounds = [Bounded(costs, high=low + share * (high - low))]
            times = []
            for count, beginnings in ((1, 50_000), (100, 50_000), (1, 0)):
                runs = []
                for _ in range(5):
                    began = time.process_time()
                    list(itertools.islice(best_first(score, bounds, beginnings=beginnings), count))
                    runs.append(1000 * (time.process_time() - began))
                times.append(float(np.median(runs)))
            print(
                f"| {parts} x {options} | {options**parts:.1g} | {share:.0%} | {times[0]:.1f} | {times[1]:.1f} "
                f"| {times[2]:.1f} | {times[2] / times[0]:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
