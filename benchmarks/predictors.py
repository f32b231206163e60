"""What do predictors cost? Fit and predict, compared with the simplest baseline in the same run, on one thread.

python benchmarks/predictors.py                      # trees and classics, 1,000 networks, the whole space
python benchmarks/predictors.py --graphs             # graph encoders, 200 networks

The baseline is bayesian_ridge on the same encoding: one linear fit. Seconds are CPU time, so that other jobs on the
machine have little influence. Encodings are cached before the clock starts and timed separately.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings

import torch

import zcbench
from zcbench.runs._pool import pool_of

TREES = ("gp", "random_forest", "gbdt_nas", "lightgbm", "lightgbm_ranker", "xgboost", "xgboost_ranker", "mean")
GRAPHS = ("gcn", "brp_nas", "gates", "flan", "graph_transformer")


def seconds(name: str, pool, known: int, repeats: int) -> tuple[float, float]:
    """Return median seconds to fit and to predict all other architectures."""
    order, everything = pool.order(0), pool.architectures
    fits, predictions = [], []
    for _ in range(repeats):
        predictor = zcbench.get_predictor(name)
        started = time.process_time()
        predictor.fit([everything[i] for i in order[:known]], pool.truth[order[:known]])
        fitted = time.process_time()
        predictor.predict([everything[i] for i in order[known:]])
        fits.append(fitted - started)
        predictions.append(time.process_time() - fitted)
    return statistics.median(fits), statistics.median(predictions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    pool = pool_of(zcbench.get_benchmark("digits-201"))
    for name in ("onehot", "stats", "path", "flow-graph"):
        started = time.process_time()
        zcbench.get_encoding(name).rows(pool.architectures)
        print(f"{name}: {(time.process_time() - started) / len(pool) * 1e6:.0f} µs per architecture")
    known = 200 if options.graphs else 1000
    base = sum(seconds("bayesian_ridge:encoding=onehot+stats+path", pool, known, options.repeats))
    print(f"\n{known} networks, {len(pool) - known:,} to predict; bayesian_ridge: {base:.2f} s\n")
    print("| predictor | fit | predict | both, over bayesian_ridge |\n|:---|---:|---:|---:|")
    for name in GRAPHS if options.graphs else TREES:
        fit, predict = seconds(name, pool, known, 1 if options.graphs else options.repeats)
        print(f"| `{name}` | {fit:.2f} s | {predict:.2f} s | {(fit + predict) / base:.0f} |", flush=True)


if __name__ == "__main__":
    main()
