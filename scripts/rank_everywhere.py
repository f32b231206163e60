"""The ten standard proxies on every benchmark whose networks can be built: docs/leaderboards/everywhere.md.

    ZCBENCH_DATA=../shared/data python scripts/rank_everywhere.py run [BENCHMARK …]   # resumes; records go to runs
    ZCBENCH_DATA=../shared/data python scripts/rank_everywhere.py table               # prints Markdown

100 networks each, drawn at random among those with a value of the default target; seed 0. Batches are as large as two
cores bear.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from zcbench.datasets import benchmark_info, load_benchmark
from zcbench.errors import ZcbenchError
from zcbench.evaluation import Evaluation
from zcbench.leaderboards import interval
from zcbench.proxies import resolve
from zcbench.records import Store
from zcbench.runs import Track, collect, run

LIMIT = 100
#: samples in a batch, by benchmark
BATCHES = {
    "digits-201": 64,
    "chars-rnn": 32,
    "chars-bert": 32,
    "nasbench201": 64,
    "nats-size": 16,
    "nasbenchmacro": 16,
    "nasbench301": 16,
    "darts-swap": 16,
    "transnasbench101-micro": 16,
    "transnasbench101-macro": 16,
    "ofa-mbv3": 16,
    "flexibert": 8,
    "nasbench101": 16,
    "nasbenchnlp": 4,
    "autoformer-224": 4,
    "autoformer-32": 4,
}


def track(name: str) -> Track:
    """What is measured on a benchmark."""
    return Track(name, None, LIMIT, 0, BATCHES[name])


def measure(names: list[str], workers: int) -> None:
    """Score what is not scored yet."""
    for name in names:
        benchmark = load_benchmark(name)
        infos = resolve(None, benchmark.space.domains)
        run(track(name), benchmark, infos, Store("runs"), workers=workers)
        print(f"{name}: done", file=sys.stderr, flush=True)


def evaluation(name: str) -> Evaluation | None:
    """What is known of a benchmark, if anything is."""
    try:
        benchmark = load_benchmark(name)
        return collect(track(name), benchmark, resolve(None, benchmark.space.domains), Store("runs"))
    except ZcbenchError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None


def table() -> None:
    """Print a row per benchmark and a column per proxy."""
    proxies = [info.label for info in resolve(None) if info.label != "random"]
    print("| benchmark | ground truth | noise ceiling | " + " | ".join(proxies) + " |")
    print("|:---|:---|:---|" + ":---|" * len(proxies))
    for name in BATCHES:
        found = evaluation(name)
        if found is None:
            continue
        entries = {entry.proxy: entry for entry in found.entries}
        whole = load_benchmark(name).noise_ceiling()
        cells = []
        for proxy in proxies:
            entry = entries.get(proxy)
            if entry is None or entry.n < 3 or not np.isfinite(entry.tau.value):
                cells.append("-")
            else:
                cells.append(interval(entry.tau) + (f" ({entry.n})" if entry.n < found.total else ""))
        ceiling = interval(whole) if np.isfinite(whole.value) else "no repeats"
        print(f"| {name} ({found.total}) | `{found.target.name}` | {ceiling} | " + " | ".join(cells) + " |")
        if found.total < LIMIT:
            print(f"{name}: only {found.total} of {LIMIT}", file=sys.stderr)
    print()
    for name in BATCHES:
        info = benchmark_info(name)
        print(f"- {name}: {info.reference}; batch of {BATCHES[name]}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.action == "run":
        measure(arguments.names or list(BATCHES), arguments.workers)
    else:
        table()


if __name__ == "__main__":
    main()
