"""What a run costs beside building and scoring its networks, and what a second worker gains.

    python benchmarks/runs.py [--networks 300] [--proxies standard]

A bare loop builds and scores the same networks in this process and keeps nothing. Overhead is processor time, of this
process and its workers together, above that of the bare loop: it does not depend on what else the machine does. The
gain of the second worker is wall time, and needs two cores that are idle; the start of workers is measured apart.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable

import torch

import zcbench
from zcbench.records import Store
from zcbench.runs import Track, run_scores
from zcbench.runs.score_networks import ScorePlan


def processor() -> float:
    """Seconds of processor time of this process and its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, spent = time.perf_counter(), processor()
    work()
    return time.perf_counter() - wall, processor() - spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=300)
    parser.add_argument("--proxies", default="standard", help="separated by commas")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    benchmark, proxies = zcbench.get_benchmark("digits-201"), options.proxies.split(",")
    torch.set_num_threads(1)

    def bare(count: int) -> None:
        plan = ScorePlan(Track(limit=count, proxies=proxies), benchmark)
        for network in plan.served:
            for _ in plan.work.results(network, tuple(plan.proxies)):
                pass

    def run(count: int, workers: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            run_scores(Track(limit=count, proxies=proxies), benchmark, Store(folder), workers=workers)

    few, count = 10, options.networks
    networks = len(ScorePlan(Track(limit=count, proxies=proxies), benchmark).served)
    small = len(ScorePlan(Track(limit=few, proxies=proxies), benchmark).served)
    bare(few)  # what is loaded at the first use is not what is measured
    print(f"{networks} networks, {options.proxies}; {os.cpu_count()} cores; best of {options.repeats}")
    ways = {"bare loop": bare, **{f"{w} workers": lambda n, w=w: run(n, w) for w in (0, 1, 2)}}
    walls: dict[str, float] = {}
    spent: dict[str, float] = {}
    for _ in range(options.repeats):  # in turn, so that what else the machine does hits all alike
        for name, work in ways.items():
            first, second = measured(lambda work=work: work(few)), measured(lambda work=work: work(count))
            # The difference is without what a run and its workers need to start.
            wall, processor_time = ((b - a) / (networks - small) for a, b in zip(first, second, strict=True))
            walls[name] = min(wall, walls.get(name, wall))
            spent[name] = min(processor_time, spent.get(name, processor_time))
    print(f"{'':12} {'wall, ms':>9} {'processor, ms':>14} {'above bare, ms':>15} {'ratio':>7}")
    for name in ways:
        above = 1000 * (spent[name] - spent["bare loop"])
        ratio = spent[name] / spent["bare loop"]
        print(f"{name:12} {1000 * walls[name]:9.2f} {1000 * spent[name]:14.2f} {above:15.2f} {ratio:7.2f}")
    print(f"2 workers are {walls['1 workers'] / walls['2 workers']:.2f} times as fast as 1")


if __name__ == "__main__":
    main()
