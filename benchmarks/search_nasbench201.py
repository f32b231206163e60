"""Do simulated searches reproduce published results? python benchmarks/search_nasbench201.py

NAS-Bench-201: each search has 12,000 seconds of training on the table's clock. CIFAR-10 validation accuracy after 12
epochs guides it, the best network by it is chosen, and its test accuracies after 200 epochs are reported, as in X.
Dong, Y. Yang, "NAS-Bench-201", ICLR 2020, arXiv:2001.00326; population and sample are theirs. Completed searches are
saved in a file (``--to``), one line each, and not repeated. 500 searches take half a minute on one core.

The published searches pay for every network again; here equal networks are paid for once. ``--first 1000`` uses other
seeds, on which settings may be chosen.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import zcbench

GUIDE = "cifar10_valid_accuracy_12ep"
REPORT = {
    "CIFAR-10": "cifar10_test_accuracy_200ep",
    "CIFAR-100": "cifar100_test_accuracy_200ep",
    "ImageNet16-120": "ImageNet16-120_test_accuracy_200ep",
}
#: mean and standard deviation over searches, from table 2 of RoBoT (ICLR 2024, arXiv:2403.07591)
PUBLISHED = {
    "random": ((93.70, 0.36), (71.04, 1.07), (44.57, 1.25)),
    "evolution:population=10:sample=3": ((93.92, 0.30), (71.84, 0.99), (45.15, 0.89)),
    "reinforce": ((93.85, 0.37), (71.71, 1.09), (45.24, 1.18)),
}


def found(benchmark: zcbench.Benchmark, searcher: str, budget: str, seed: int) -> dict[str, object]:
    """Return one search: its settings, its cost, and the test accuracies of the network that it chose."""
    began = time.perf_counter()
    result = zcbench.search(
        benchmark, searcher=searcher, budget=budget, objectives=GUIDE, report=REPORT.values(), seed=seed
    )
    best = int(np.argmax(result.values[GUIDE]))
    return {
        "searcher": result.searcher,
        "budget": budget,
        "seed": seed,
        "evaluations": len(result),
        "wall": round(time.perf_counter() - began, 4),
        "test": [float(result.values[name][best]) for name in REPORT.values()],
    }


def searches(path: Path, benchmark: zcbench.Benchmark, searcher: str, budget: str, seeds: range) -> list[dict]:
    """Return the searches of all seeds; those in the file are read from it."""
    label = found(benchmark, searcher, budget, 10**6)["searcher"]
    done = {}
    if path.exists():
        rows = map(json.loads, path.read_text().splitlines())
        done = {row["seed"]: row for row in rows if (row["searcher"], row["budget"]) == (label, budget)}
    with path.open("a") as file:
        for seed in seeds:
            if seed not in done:
                done[seed] = found(benchmark, searcher, budget, seed)
                file.write(json.dumps(done[seed]) + "\n")
                file.flush()
    return [done[seed] for seed in seeds]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("searchers", nargs="*", default=["random", "evolution:population=10:sample=3"])
    parser.add_argument("--budget", default="12000s")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--to", type=Path, default=Path("search_nasbench201.jsonl"))
    asked = parser.parse_args()
    benchmark = zcbench.get_benchmark("nasbench201")
    optimum = [benchmark.truth(name).max() for name in REPORT.values()]
    print(
        f"{asked.seeds} searches of {asked.budget}: test accuracy, mean ± sd over searches [half of the "
        "mean's 95 % interval] (published)"
    )
    print(f"{'':34}" + "".join(f"{name:>36}" for name in REPORT) + f"{'networks':>10}{'s each':>8}")
    for searcher in asked.searchers:
        seeds = range(asked.first, asked.first + asked.seeds)
        rows = searches(asked.to, benchmark, searcher, asked.budget, seeds)
        tests = np.array([row["test"] for row in rows])
        published = PUBLISHED.get(searcher, ()) if asked.budget == "12000s" else ()
        spread = tests.std(0, ddof=1)
        sure = 1.96 * spread / np.sqrt(len(tests))
        cells = [f"{m:.2f} ± {s:.2f} [{h:.2f}]" for m, s, h in zip(tests.mean(0), spread, sure, strict=True)]
        said = [f"  ({m:.2f} ± {s:.2f})" for m, s in published] or [""] * len(cells)
        line = "".join(f"{cell + bar:>36}" for cell, bar in zip(cells, said, strict=True))
        sizes = np.array([row["evaluations"] for row in rows])
        print(f"{searcher:34}{line}{sizes.mean():10.0f}{np.mean([row['wall'] for row in rows]):8.2f}", flush=True)
    print(f"{'best of the table':34}" + "".join(f"{value:36.2f}" for value in optimum))


if __name__ == "__main__":
    main()
