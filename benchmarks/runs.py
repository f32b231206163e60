"""What does a run cost in addition to building and scoring its networks, and what does a second worker gain?

    python benchmarks/runs.py [--networks 200] [--repeats 3]

The first table is of scores that cost nothing (ready numbers replace the proxies), so that all of the time is overhead:
resume loop, pipes, store. The second one is of the standard proxies on digits-201; a bare loop builds and scores the
same networks in this process and saves nothing. Processor time, of this process and its workers, does not depend on
other programs on the machine. Wall time does: the gain of a second worker needs two idle cores. The printed number is
the difference between many and few networks, which excludes the start of workers, and the best of the repeats.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

import torch

import zcbench
from zcbench.records import Store
from zcbench.runs import Track, resume
from zcbench.runs.score_networks import ScorePlan
from zcbench.types import Score, Status

FEW = 20
WORKERS = (0, 1, 2)


class Ready:
    """Work that is done before it begins."""

    imports = ()

    def prepare(self) -> None:
        pass

    def lost(self, status: Status, reason: str, seconds: float) -> Score:
        return Score(None, status, seconds, reason)

    def results(
        self, key: str, parts: Sequence[str], begin: Callable[[str], object] = str
    ) -> Iterator[tuple[str, Score]]:
        begin("")
        for part in parts:
            begin(part)
            yield part, Score(len(key) / 7, seconds=0.0125)


def processor() -> float:
    """Return seconds of processor time of this process and its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measured(work: Callable[[ScorePlan], object], plan: ScorePlan) -> tuple[float, float]:
    """Return wall and processor seconds."""
    wall, spent = time.perf_counter(), processor()
    work(plan)
    return time.perf_counter() - wall, processor() - spent


def compare(title: str, make: Callable[[int], ScorePlan], networks: int, repeats: int) -> None:
    """Print a bare loop and runs with 0, 1 and 2 workers: milliseconds per network."""

    def bare(plan: ScorePlan) -> None:
        for network in plan.served:
            for _ in plan.work.results(network, tuple(plan.proxies)):
                pass

    def run(plan: ScorePlan, workers: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            resume(plan, Store(folder), workers=workers)

    ways = {"bare loop": bare, **{f"{w} workers": lambda plan, w=w: run(plan, w) for w in WORKERS}}
    walls: dict[str, float] = {}
    spent: dict[str, float] = {}
    bare(make(FEW))  # loading at the first use is not measured
    for _ in range(repeats):  # alternating, so that other programs on the machine slow all ways equally
        for name, work in ways.items():
            few, many = make(FEW), make(networks)
            first, second = measured(work, few), measured(work, many)
            count = len(many.served) - len(few.served)
            wall, processor_time = (1000 * (b - a) / count for a, b in zip(first, second, strict=True))
            walls[name] = min(wall, walls.get(name, wall))
            spent[name] = min(processor_time, spent.get(name, processor_time))
    print(f"\n{title}: ms per network, {networks} networks, best of {repeats}")
    print(f"{'':12} {'wall':>8} {'processor':>10} {'above bare':>11} {'ratio':>7}")
    for name in ways:
        above, ratio = spent[name] - spent["bare loop"], spent[name] / spent["bare loop"]
        print(f"{name:12} {walls[name]:8.2f} {spent[name]:10.2f} {above:11.2f} {ratio:7.2f}")
    print(f"2 workers are {walls['1 workers'] / walls['2 workers']:.2f} times as fast as 1.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    benchmark = zcbench.get_benchmark("digits-201")
    torch.set_num_threads(1)

    def ready(count: int) -> ScorePlan:
        plan = ScorePlan(Track(limit=count, proxies=zcbench.list_proxies()[:25]), benchmark)
        plan.work = Ready()  # type: ignore[assignment]
        return plan

    print(f"{os.cpu_count()} cores")
    compare("25 ready numbers", ready, 10 * options.networks, options.repeats)
    standard = Track(limit=options.networks)
    compare("standard proxies", lambda n: ScorePlan(standard.with_fields(limit=n), benchmark), *vars(options).values())


if __name__ == "__main__":
    main()
