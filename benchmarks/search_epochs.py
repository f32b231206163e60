"""Early stopping in searches, compared with random search at the same epochs: digits-201, chars-rnn, chars-bert.

    python benchmarks/search_epochs.py --seeds 100 --budget 20 --store scores --out epochs.jsonl

Validation loss guides, test loss is reported. The budget is in full trainings. A training that is stopped after a third
of its epochs costs a third; seconds of scoring are added. Each line of the output is one search; the same command
resumes an interrupted run. The table at the end has, by benchmark and searcher, the number of networks, the mean test
loss of the network that the validation loss chooses among the fully trained ones, with a 95 % interval over seeds, the
same loss as a rank in the table (0 is the best, 100 the worst), and the difference to random search, seed by seed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import stats

import zcbench

BENCHMARKS = ("digits-201", "chars-rnn", "chars-bert")
SEARCHERS = (
    ("random", ""),
    ("halving", ""),
    ("hyperband", ""),
    ("asha", ""),
    ("stopping:rule=median", ""),
    ("stopping:rule=last", ""),
    ("stopping:rule=sum", ""),
    ("evolution", ""),
    ("random", "params"),
    ("halving", "params"),
    ("hyperband", "params"),
    ("asha", "params"),
)


def found(benchmark: str, searcher: str, scorer: str, seed: int, budget: int, store: str) -> dict[str, float]:
    """Return the result of one search."""
    result = zcbench.search(
        benchmark,
        searcher=searcher,
        scorer=scorer or None,
        objectives="valid_nll",
        report="test_nll",
        budget=budget,
        seed=seed,
        **({"store": store} if scorer else {}),
    )
    whole = np.flatnonzero(np.isnan(result.epochs))
    best = whole[np.argmin(result.values["valid_nll"][whole])] if len(whole) else 0
    test = float(result.values["test_nll"][best])
    truth = zcbench.get_benchmark(benchmark).truth("test_nll")
    return {
        "test_nll": test,
        "rank": 100 * float(np.mean(truth < test)),
        "networks": len(set(result.architectures)),
        "whole": len(whole),
        "training": float(result.spent["training"]),
        "scoring": float(result.spent.get("scoring", 0.0)),
    }


def interval(values: np.ndarray) -> str:
    """Return the mean and half of a 95 % interval by Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.4f} ± {half:.4f}"


def main() -> None:
    """Search, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--benchmarks", nargs="+", default=list(BENCHMARKS))
    parser.add_argument("--searchers", nargs="+", default=list(dict.fromkeys(name for name, _ in SEARCHERS)))
    parser.add_argument("--store", default="scores", help="folder of saved scores")
    parser.add_argument("--out", type=Path, default=Path("epochs.jsonl"))
    options = parser.parse_args()
    searchers = [pair for pair in SEARCHERS if pair[0] in ("random", *options.searchers)]
    rows: dict[tuple[str, str, str, int, int], dict[str, float]] = {}
    if options.out.exists():
        for line in options.out.read_text().splitlines():
            row = json.loads(line)
            rows[row["benchmark"], row["searcher"], row["scorer"], row["seed"], row["budget"]] = row
    seeds = range(options.first, options.first + options.seeds)
    with options.out.open("a") as file:
        for benchmark in options.benchmarks:
            for searcher, scorer in searchers:
                for seed in seeds:
                    names = (benchmark, searcher, scorer, seed, options.budget)
                    if names not in rows:
                        named = dict(zip(("benchmark", "searcher", "scorer", "seed", "budget"), names, strict=True))
                        rows[names] = {**named, **found(*names, options.store)}  # type: ignore[dict-item]
                        file.write(json.dumps(rows[names]) + "\n")
                        file.flush()
    print(f"budget {options.budget} full trainings, {options.seeds} seeds")
    print("| benchmark | searcher | warm start | networks | test NLL | rank, % | minus random |")
    print("|---|---|---|---|---|---|---|")
    for benchmark in options.benchmarks:
        base = np.array([rows[benchmark, "random", "", seed, options.budget]["test_nll"] for seed in seeds])
        for searcher, scorer in searchers:
            several = [rows[benchmark, searcher, scorer, seed, options.budget] for seed in seeds]
            test = np.array([row["test_nll"] for row in several])
            rank = np.array([row["rank"] for row in several])
            networks = np.mean([row["networks"] for row in several])
            apart = "" if (searcher, scorer) == ("random", "") else interval(test - base)
            half = interval(rank)
            print(f"| {benchmark} | {searcher} | {scorer} | {networks:.0f} | {interval(test)} | {half} | {apart} |")


if __name__ == "__main__":
    main()
