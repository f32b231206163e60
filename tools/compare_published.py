"""Compare our scores on NAS-Bench-201 with published ones, architecture by architecture.

    ZCBENCH_DATA=… zcbench run nasbench201 --limit 510 --proxies all
    ZCBENCH_DATA=… python tools/compare_published.py     # the second table of docs/leaderboards

The published scores are those of NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022, arXiv:2210.03230) on
CIFAR-10, for the 9,445 cells without unreachable operations, in ``ZCBENCH_DATA/nbsuitezero``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from zcbench.datasets import get_benchmark
from zcbench.evaluation import interval
from zcbench.metrics import kendall_tau
from zcbench.proxies import get_proxy
from zcbench.records import Store
from zcbench.types import Status

#: our name, theirs
PROXIES = {
    "params": "params",
    "flops": "flops",
    "l2_norm": "l2_norm",
    "synflow": "synflow",
    "naswot": "nwot",
    "jacov": "jacov",
    "snip": "snip",
    "grad_norm": "grad_norm",
    "plain": "plain",
    "fisher": "fisher",
    "fisher:per_weight=True": "fisher",
    "grasp": "grasp",
    "epe_nas": "epe_nas",
    "zen": "zen",
    "zen:running=True": "zen",
}
#: value in their table for a score that is not finite
SENTINEL = -1e8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="runs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    file = Path(os.environ["ZCBENCH_DATA"]) / "nbsuitezero" / "nb201_zc_cifar10_9445.parquet"
    table = pq.read_table(file).to_pydict()
    published = {name: dict(zip(table["arch_str"], table[name], strict=True)) for name in PROXIES.values()}
    benchmark = get_benchmark("nasbench201")
    accuracy = dict(zip((a.key for a in benchmark.architectures), benchmark.truth(), strict=True))
    records = [r for r in Store(options.store).records(benchmark.name) if r.seed == options.seed]

    print("| proxy | cells | tau, zcbench | tau, published scores | tau between the two |\n|:---|---:|---:|---:|---:|")
    for ours, theirs in PROXIES.items():
        pairs = [
            (float(r.score), published[theirs][r.architecture], accuracy[r.architecture])
            for r in records
            if r.proxy == get_proxy(ours).identifier
            and r.score.status is Status.OK
            and published[theirs].get(r.architecture, SENTINEL) > SENTINEL
        ]
        if not pairs:
            print(f"{ours}: no scores in {options.store}", file=sys.stderr)
            continue
        a, b, truth = np.asarray(pairs).T
        cells = " | ".join(interval(kendall_tau(x, y)) for x, y in ((a, truth), (b, truth), (a, b)))
        print(f"| {ours} | {len(pairs)} | {cells} |")


if __name__ == "__main__":
    main()
