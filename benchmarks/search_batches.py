"""Does it help if the networks of a batch differ from each other? The table of docs/search.md.

    python benchmarks/search_batches.py --out batches.jsonl     # resumes an interrupted run

There are fifty evaluations in batches of ten, guided by a search's default column. The table has the regret by the
guide after some evaluations, mean and 95 % interval over seeds: the best value of the table minus the best that was
found.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.stats import t

import zcbench
from zcbench.search import guide_and_report

TABLES = ("digits-201", "nasbenchmacro", "transnasbench101-micro", "ofa-mbv3")
SEARCHERS = (
    "random",
    "evolution",
    "guided",
    "guided:acquisition=ts",
    "cheap-first:diversity=0",
    "cheap-first",
)
AT = (20, 30, 50)


def regrets(table, searcher: str, seed: int, batch: int) -> list[float]:
    """Return the regret by the guide at each of :data:`AT`."""
    guide, _ = guide_and_report(table)
    found = zcbench.search(table, objectives=guide, searcher=searcher, budget=AT[-1], batch=batch, seed=seed)
    sign = 1 if table.targets[guide].higher_is_better else -1
    best = np.maximum.accumulate(np.nan_to_num(sign * found.values[guide], nan=-np.inf))
    return [float(np.nanmax(sign * table.truth(guide)) - best[evaluations - 1]) for evaluations in AT]


def interval(values: np.ndarray) -> str:
    """Return the mean over seeds with a 95 % interval."""
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.3f} ± {half:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--searchers", nargs="*", default=SEARCHERS)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed; settings were chosen with 1000 and above")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    known = {}
    if given.out.exists():
        for line in given.out.read_text().splitlines():
            one = json.loads(line)
            known[one["table"], one["searcher"], one["seed"], one["batch"]] = one["regrets"]
    for name in given.tables:
        table = zcbench.get_benchmark(name)
        print(f"\n{name}, batches of {given.batch}\n\n| searcher | {' | '.join(map(str, AT))} |\n|:---|---:|---:|---:|")
        for searcher in given.searchers:
            rows = []
            for seed in range(given.first, given.first + given.seeds):
                key = (name, searcher, seed, given.batch)
                if key not in known:
                    known[key] = regrets(table, searcher, seed, given.batch)
                    line = dict(zip(("table", "searcher", "seed", "batch"), key, strict=True))
                    with given.out.open("a") as file:
                        file.write(json.dumps(line | {"regrets": known[key]}) + "\n")
                rows.append(known[key])
            print(f"| `{searcher}` | {' | '.join(interval(column) for column in np.array(rows).T)} |", flush=True)


if __name__ == "__main__":
    main()
