"""How much of the known front do multi-objective searchers find? The table of docs/search.md.

python benchmarks/search_fronts.py --ledgers /tmp/fronts        # half an hour on one core; resumes an interrupted run

NAS-Bench-Macro: test accuracy x FLOPs, hypervolume from 20 % error and 110 MFLOPs as a share of the front's of all
6,561 networks. OFA-MobileNetV3: top-1 x MACs, hypervolume from 70 % and 450 MMACs in units of (450 - 120) x 8. In the
published search logs NSGA-II ends at .719 after 540 evaluations, and LINAS reaches it after 251.

Accuracy both guides and is reported, because each table has only one. Searchers whose name ends in "*" know FLOPs or
MACs of all networks without an evaluation, because these can be counted; those of "guessed" rows have to predict them.

The OFA table contains only subnets that other searches chose, 2,162 of 2e19; many lie near the front. The numbers of
the logs are therefore not comparable with the rows here; compare the rows with random search.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import t

import zcbench
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.metrics import hypervolume, hypervolumes, igd_plus

#: name, columns, reference point, evaluations at which hypervolume is reported
TASKS = {
    "nasbenchmacro": (("test_accuracy", "-flops_M"), (80.0, 110.0), (40, 100, 200)),
    "ofa-mbv3": (("top1", "-macs_M"), (70.0, 450.0), (50, 100, 150)),
}
#: hypervolume of NSGA-II in the logs after 540 evaluations, and its unit
TO_REACH, UNIT = 0.719, (450 - 120) * 8
SEARCHERS = {
    "random": "random",
    "nsga2": "nsga2",
    "linas*": "linas:every=10",
    "ehvi*": "ehvi",
    "ehvi*, no reference point": "ehvi",
    "linas, guessed": "linas:every=10",
    "ehvi, guessed": "ehvi",
}


def interval(values: np.ndarray) -> str:
    """Return the mean over seeds with a 95 % interval."""
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.4f} ± {half:.4f}"


def points(table: Benchmark, columns: tuple[str, ...]) -> np.ndarray:
    """Return all rows ``(n, 2)``."""
    names = [name.removeprefix("-") for name in columns]
    return np.column_stack([table.facts[n] if n in table.facts else table.truth(n) for n in names])


def found(benchmark: str, kind: str, seed: int, budget: int, folder: Path | None) -> np.ndarray:
    """Return the evaluations of one search ``(budget, 2)``, in order."""
    table, (columns, reference, _) = get_benchmark(benchmark), TASKS[benchmark]
    names = [name.removeprefix("-") for name in columns]
    asked = {
        "searcher": SEARCHERS[kind],
        "objectives": columns,
        "budget": budget,
        "batch": 10,
        "seed": seed,
        "reference": None if "no reference" in kind else dict(zip(names, reference, strict=True)),
    }
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        words = "-".join(kind.replace("*", "").replace(",", "").split())
        asked["ledger"] = folder / f"{benchmark}-{words}-{seed}.jsonl"
    if "guessed" in kind:
        rows = zip(table.architectures, points(table, columns).tolist(), strict=True)
        values = {architecture.key: dict(zip(names, row, strict=True)) for architecture, row in rows}

        def evaluate(architecture):
            return values[architecture.key]

        evaluate.version = 1
        result = zcbench.search(table.space, evaluate, **asked)
    else:
        result = zcbench.search(table, **asked)
    return np.column_stack([result.values[name] for name in names])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="first seed; settings were chosen with 1000 and above")
    parser.add_argument("--ledgers", type=Path)
    parser.add_argument("--benchmarks", nargs="*", default=list(TASKS))
    parser.add_argument("--rows", nargs="*", default=list(SEARCHERS))
    asked = parser.parse_args()
    directions = [True, False]
    for benchmark in asked.benchmarks:
        columns, reference, at = TASKS[benchmark]
        everything = points(get_benchmark(benchmark), columns)
        macro = benchmark == "nasbenchmacro"
        unit = hypervolume(everything, reference, directions) if macro else UNIT
        last = "IGD+" if macro else f"evaluations to {TO_REACH}: median (5 to 95 % of seeds)"
        print(f"\n{benchmark}, {asked.seeds} seeds\n\n| searcher | {' | '.join(map(str, at))} | {last} |")
        print(f"|:---|{'---:|' * (len(at) + 1)}", flush=True)
        for row in asked.rows:
            if "guessed" in row and not macro:
                continue  # a function is not restricted to a table
            curves, distances = [], []
            for seed in range(asked.first, asked.first + asked.seeds):
                # A random search needs more evaluations, which cost nothing.
                budget = at[-1] if macro or row not in ("random", "nsga2") else 400
                visited = found(benchmark, row, seed, budget, asked.ledgers)
                curves.append(hypervolumes(visited, reference, directions) / unit)
                distances.append(igd_plus(visited[: at[-1]], everything, directions))
            values = np.array(curves)
            cells = [interval(values[:, evaluations - 1]) for evaluations in at]
            reached = np.where((values >= TO_REACH).any(1), (values < TO_REACH).sum(1) + 1, np.inf)
            steps = np.quantile(reached, [0.5, 0.05, 0.95], method="inverted_cdf")
            cells.append(interval(np.array(distances)) if macro else "{:.0f} ({:.0f} to {:.0f})".format(*steps))
            print(f"| {row} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
