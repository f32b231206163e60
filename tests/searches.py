"""Searches over a small space that are resumed, and their ledgers without what a clock measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import zcbench
from zcbench.search import Answer, Objective, Problem, Proposal, Search, SearchResult
from zcbench.spaces import get_space
from zcbench.types import Architecture

SPACE = get_space("digits-201")
FIRST = list(SPACE)[:200]


def worth(architecture: Architecture) -> float:
    """The number of convolutions, and a little for where they stand."""
    parts = architecture.key.split("|")
    return sum((1 + place / 100) for place, part in enumerate(parts) if "conv" in part)


def searched(ledger: Path | None = None, budget: Any = 40, evaluate: Any = worth, **further: Any) -> SearchResult:
    """A short search whose searcher remembers things and meets equal networks."""
    settings = {"searcher": "evolution:population=4:sample=2", "batch": 3, **further}
    return zcbench.search(SPACE, evaluate, budget=budget, ledger=ledger, **settings)


def timeless(ledger: Path) -> list[dict[str, Any]]:
    """The lines of a ledger without seconds."""
    rows = [json.loads(line) for line in ledger.read_bytes().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


class Listed(zcbench.Searcher):
    """Proposes what it is given, in order; remembers what it was told."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self.keys = keys

    def begin(self, problem: Problem) -> None:
        super().begin(problem)
        self.place, self.told = 0, []

    def ask(self, count: int) -> list[Proposal]:
        names = self.keys[self.place : self.place + count]
        self.place += len(names)
        return [Proposal(Architecture(self.problem.domain.space.name, name)) for name in names]

    def tell(self, answers: Sequence[Answer]) -> None:
        self.told += [[one.architecture.key, one.equal] for one in answers]

    def state(self) -> dict[str, Any]:
        return {"place": self.place, "told": self.told}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.place, self.told = state["place"], list(state["told"])


def engine(searcher: zcbench.Searcher, objectives: int = 1, **further: Any) -> Search:
    """A search that whoever calls it evaluates for."""
    import numpy as np

    goals = tuple(Objective(f"goal{number}") for number in range(objectives))
    settings = {name: further.pop(name) for name in ("filter_by", "filter_from") if name in further}
    domain = further.pop("domain", None) or zcbench.search.Domain(SPACE)
    budget = zcbench.search.Budget(100)
    return Search(searcher, Problem(domain, goals, budget, np.random.default_rng(0), **further), **settings)
