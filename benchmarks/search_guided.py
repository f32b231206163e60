"""Searchers that learn, on NAS-Bench-201 and NAS-Bench-101: results and their costs, over many seeds.

    python benchmarks/search_guided.py run.jsonl --task nb201 --seeds 50
    python benchmarks/search_guided.py run.jsonl --task nb201 --store STORE --scorer logsynflow --seeds 50
    python benchmarks/search_guided.py run.jsonl --show
    python benchmarks/search_guided.py --build nasbench201 500

One line of the file is one search; searches in the file are not run again, so that an interrupted run resumes. The
guide is the only column that a searcher receives. The recommended network is the best by the guide. Seconds are all-in:
training seconds from the table, and scoring seconds from the store of measured scores (``zcbench run``), without
building the networks: ``--build`` measures that.

tasks   nb201      guide and target cifar10_valid_accuracy_200ep, 150 networks
        nb201-12   guide cifar10_valid_accuracy_12ep and its seconds, 3,051 s (RoBoT's) and half of it
        nb101      the sample of 20,001, guide and target valid_accuracy_108ep, 150 networks
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import zcbench.records
from zcbench._process import stable_seed
from zcbench.datasets import get_benchmark
from zcbench.scorers import Scorer, Scores
from zcbench.search import Budget, Domain, Ledger, Objective, Problem, Search, TableEvaluator, get_searcher
from zcbench.search._loop import Loop
from zcbench.types import Architecture

TESTS = ("cifar10_test_accuracy_200ep", "cifar100_test_accuracy_200ep", "ImageNet16-120_test_accuracy_200ep")
#: share of the networks that count as best
BEST = 0.001


@dataclass(frozen=True)
class Task:
    """The searched table, the guide, the reported column, and the costs."""

    benchmark: str
    guide: str
    tests: tuple[str, ...]
    budget: str
    marks: tuple[float, ...]
    seconds: str | float | None = None


TASKS = {
    "nb201": Task("nasbench201", "cifar10_valid_accuracy_200ep", TESTS, "150", (75, 150), 0.0),
    "nb201-12": Task("nasbench201", "cifar10_valid_accuracy_12ep", TESTS, "3051s", (1525.5, 3051.0)),
    "nb101": Task("nasbench101", "valid_accuracy_108ep", (), "150", (50, 100, 150), 0.0),
}


class Stored(Scorer):
    """Saved scores, with the seconds of their measurement; networks without one have none."""

    def __init__(self, label: str, known: dict[str, tuple[float, float]]) -> None:
        self.label, self._known = label, known

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Look up scores ``(n,)``."""
        found = np.array([self._known.get(one.key, (np.nan, 0.0)) for one in architectures]).reshape(-1, 2)
        return Scores(found[:, 0], found[:, 1])


def stored(folder: str, benchmark: str, name: str) -> dict[str, tuple[float, float]]:
    """Return scores and seconds of a proxy by architecture."""
    records = zcbench.records.Store(folder).records(benchmark)
    columns = (records.column("architecture"), records.column("proxy"), records.values, records.seconds)
    rows = zip(*columns, strict=True)
    return {one: (float(v), float(s)) for one, proxy, v, s in rows if proxy.partition("@")[0] == name}


class Runner:
    """Searches of one task, which share the domain."""

    def __init__(self, task: Task, store: str | None, scorer: str | None, drawn: int, roles: Sequence[str]) -> None:
        self.task, self.benchmark = task, get_benchmark(task.benchmark)
        self.known = stored(store, task.benchmark, scorer) if store and scorer else None
        rows = self.benchmark.architectures
        if self.known is not None:
            rows = [one for one in rows if one.key in self.known]
        self.domain = Domain(self.benchmark.space, rows)
        self.scorer, self.drawn, self.roles = scorer, drawn, roles
        keys = {self.domain.key(one): row for row, one in enumerate(self.benchmark.architectures)}
        guide = self.benchmark.truth(task.guide)
        values = np.sort(guide[list(keys.values())])[::-1]
        self.best, self.bar = float(np.nanmax(guide)), float(values[max(0, round(BEST * len(values)) - 1)])

    def run(self, searcher: str, seed: int) -> dict[str, object]:
        """Run one search, and return a line of the file."""
        goals = (Objective(self.task.guide),)
        evaluator = TableEvaluator(self.benchmark, [self.task.guide, *self.task.tests], self.task.seconds)

        def make(metered: Callable[[Scorer], Scorer]) -> Search:
            rng = np.random.default_rng(stable_seed("search", seed))
            budget = Budget.of(self.task.budget)
            problem = Problem(self.domain, goals, budget, rng)
            if self.known is not None and self.scorer:
                scorer = metered(Stored(self.scorer, self.known))
                if "warm-start" in self.roles:
                    problem.warm_start, problem.warm_start_from = scorer, self.drawn
                if "feature" in self.roles:
                    problem.features = (scorer,)
            return Search(get_searcher(searcher), problem)

        with Ledger(None, {}) as ledger:
            found = Loop(make, evaluator, goals, ledger).run()
        guide = found.values[self.task.guide]
        cost = np.arange(1, len(guide) + 1) if self.task.seconds == 0.0 else found.seconds
        best = np.maximum.accumulate(np.nan_to_num(guide, nan=-np.inf))
        hits = np.flatnonzero(guide >= self.bar)
        line: dict[str, object] = {"queries": int(hits[0]) + 1 if len(hits) else None, "evaluations": len(guide)}
        for mark in self.task.marks:
            within = int(np.searchsorted(cost, mark, side="right"))
            row = int(np.argmax(best[:within] == best[within - 1])) if within else None
            line[f"at {mark:g}"] = (
                None
                if row is None
                else {
                    "regret": self.best - float(best[row]),
                    **{name: float(found.values[name][row]) for name in self.task.tests},
                }
            )
        return {**line, "scoring": found.spent.get("scoring", 0.0)}


def show(path: Path) -> None:
    """Print means ± standard deviations over seeds [95 % bootstrap intervals]; of queries median and share as well."""
    groups: dict[tuple[str, str], list[dict[str, object]]] = {}
    for line in map(json.loads, path.read_text().splitlines()):
        groups.setdefault((line["task"], line["what"]), []).append(line)
    for (task, what), lines in sorted(groups.items()):
        print(f"{task}  {what}  {len(lines)} seeds, scoring {np.mean([line['scoring'] for line in lines]):.1f} s")
        queries = np.array([np.nan if line["queries"] is None else line["queries"] for line in lines], float)
        got = np.isfinite(queries)
        if got.any():
            capped = np.where(got, queries, np.inf)
            print(f"   best {BEST:.1%}: {got.mean():.0%} get there, median {np.median(capped):g}, mean", end=" ")
            print(_interval(queries[got]) if got.all() else "- (some do not)")
        for mark in [name for name in lines[0] if name.startswith("at ")]:
            rows = [line[mark] for line in lines if line[mark] is not None]
            shown = "  ".join(f"{name} {_interval(np.array([row[name] for row in rows]))}" for name in rows[0])
            print(f"   {mark}: {shown}")


def _interval(values: np.ndarray) -> str:
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    low, high = np.quantile(values[draws].mean(1), [0.025, 0.975])
    return f"{values.mean():.3f} ± {values.std():.3f} [{low:.3f}, {high:.3f}]"


def build(name: str, count: int) -> None:
    """Print the CPU time that building some networks of a benchmark takes, each separately."""
    benchmark = get_benchmark(name)
    drawn = np.random.default_rng(0).permutation(len(benchmark))[: count + 1]
    spent = []
    for row in drawn.tolist():
        began = time.process_time()
        benchmark.space.build(benchmark.architectures[row])
        spent.append(1000 * (time.process_time() - began))
    print(f"{name}: building a network takes {_interval(np.array(spent[1:]))} ms ({len(spent) - 1} networks)")


def main() -> None:
    """Run the searches that are missing in the file, then show it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--task", choices=TASKS, action="append", default=[])
    parser.add_argument("--searcher", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="first seed; those from 1000 on are for choosing settings")
    parser.add_argument("--store")
    parser.add_argument("--scorer", action="append", default=[], help="one after the other")
    parser.add_argument("--drawn", type=int, default=1000, help="networks that the warm start scores")
    parser.add_argument("--role", action="append", default=[])
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--build", nargs=2, metavar=("BENCHMARK", "NETWORKS"))
    given = parser.parse_args()
    if given.build:
        build(given.build[0], int(given.build[1]))
    if given.file is None:
        return
    roles = given.role or ["warm-start"]
    done = set()
    if given.file.exists():
        done = {(o["task"], o["what"], o["seed"]) for o in map(json.loads, given.file.read_text().splitlines())}
    for name, scorer in itertools.product(given.task, given.scorer or [None]):
        runner = Runner(TASKS[name], given.store, scorer, given.drawn, roles)
        helped = f" + {scorer} ({', '.join(roles)}, {given.drawn})" if scorer else ""
        for searcher in given.searcher or ["random", "evolution", "guided:every=5"]:
            for seed in range(given.first, given.first + given.seeds):
                if (name, searcher + helped, seed) in done:
                    continue
                line = {"task": name, "what": searcher + helped, "seed": seed, **runner.run(searcher, seed)}
                with given.file.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    if given.show or not given.task:
        show(given.file)


if __name__ == "__main__":
    main()
