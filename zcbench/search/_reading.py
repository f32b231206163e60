"""Reads the result of a search, finished or not, from its ledger."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from zcbench.datasets import Benchmark
from zcbench.errors import DataCorruptError
from zcbench.search._answered import Answered
from zcbench.search._base import Objective, Proposal
from zcbench.search._budget import Budget
from zcbench.search._clock import Clock
from zcbench.search._ledger import read_ledger
from zcbench.search._result import SearchResult
from zcbench.types import Architecture


def read_search(path: str | os.PathLike[str], table: Benchmark | None = None) -> SearchResult:
    """Read the result of a search from its ledger, also while another process is writing it.

    Args:
        path: the ledger.
        table: the benchmark that evaluated, if there was one, for the report.

    Returns:
        The result. If the search has not ended, ``ended`` is empty and ``asks`` counts the recorded proposals.

    Raises:
        InvalidInputError: there is no such file, or it is not a ledger.
        DataCorruptError: a line is damaged, or has missing fields.
    """
    head, lines = read_ledger(path)
    told = _Told(head, simulated=table is not None)
    for number, row in enumerate(lines, 2):
        try:
            told.take(row)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataCorruptError(
                f"line {number} of {os.fspath(path)} has missing or invalid fields: it was edited, or written by "
                "another version of zcbench."
            ) from None
    return told.result(table)


class _Told:
    """The content of the lines so far."""

    def __init__(self, head: Mapping[str, Any], *, simulated: bool) -> None:
        self.head = head
        self.clock = Clock(simulated=simulated)
        self.budget: Budget | None = None
        self.asks = self.equal = 0
        self.ended = ""
        self.space = str(head.get("space", ""))
        given = [str(name) for name in head.get("objectives", ["value"])]
        self.objectives = tuple(Objective(name.removeprefix("-"), not name.startswith("-")) for name in given)
        self.trace = Answered(one.name for one in self.objectives)
        self._late: Mapping[str, Any] | None = None

    def take(self, row: Mapping[str, Any]) -> None:
        """Read a line."""
        kind = row["kind"]
        if kind == "budget":
            self.budget, self.ended = Budget(**row["budget"]), ""
            if (late := self._late) is not None:
                self._late = None
                self._evaluated(late)
        elif kind == "scored":
            self.clock.score(_numbers(row["seconds"]), int(row.get("stored", 0)))
        elif kind == "equal":
            self.asks += 1
            self.equal += 1
        elif kind == "evaluated":
            self.asks += 1
            self.ended = ""
            self._evaluated(row)
        elif kind == "ended":
            self.ended = str(row["reason"])
            self.clock.spend(row.get("seconds", {}))
            self.asks, self.equal = row["asks"], row["equal"]  # includes those equal to another one of their batch

    def _evaluated(self, row: Mapping[str, Any]) -> None:
        """Count an evaluation, unless it ended after the budget's seconds."""
        if self.budget is not None and self.clock.exceeds(self.budget, sum(row["seconds"].values())):
            self._late = row
            return
        self.clock.spend(row["seconds"])
        values = {str(name): math.nan if value is None else float(value) for name, value in row["values"].items()}
        self.trace.add(Proposal(Architecture(self.space, row["architecture"]), row["epochs"]), values, self.clock.total)

    def result(self, table: Benchmark | None) -> SearchResult:
        """Return the lines as a result."""
        return SearchResult(
            searcher=str(self.head.get("searcher", "")),
            objectives=self.objectives,
            architectures=tuple(self.trace.architectures),
            epochs=np.array(self.trace.epochs, np.float64),
            values={name: np.array(column, np.float64) for name, column in self.trace.values.items()},
            seconds=np.array(self.trace.seconds, np.float64),
            spent=dict(self.clock.seconds),
            asks=self.asks,
            equal=self.equal,
            scored=self.clock.scored,
            ended=self.ended,
            head=self.head,
            notes=(*self.trace.notes, *self.clock.notes()),
            table=table,
            stored=self.clock.stored,
        )


def _numbers(values: Iterable[float | None]) -> Any:
    return np.array([math.nan if value is None else float(value) for value in values], np.float64)
