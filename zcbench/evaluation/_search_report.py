"""The report of one search, for people and programs: pure functions of arrays, without torch."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._display import brief, many, plain
from zcbench.errors import InvalidInputError
from zcbench.evaluation import _search_report_text as text
from zcbench.evaluation._board import Board
from zcbench.evaluation._fronts import KnownFront
from zcbench.evaluation._traces import Cost, Known, Trace, best_of_random
from zcbench.metrics import pareto_front

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class SearchReport(Board):
    """One search: its result and cost, and the statistics of the table that was searched.

    With one objective the table has a row per column, with several a row per architecture of the front found. The CSV
    has a row per evaluation.

    Attributes:
        searcher: label and version.
        evaluate: name and version of the benchmark, or name of the function that evaluated.
        seed: seed of the search.
        objectives: the objectives, and whether high is good.
        architectures: ``n`` strings, in the order of evaluation.
        epochs: ``(n,)`` number of epochs of each training; nan for all epochs.
        values: by name, ``(n,)`` all results of evaluations; nan for a missing one.
        seconds: ``(n,)`` total seconds at the time of each result.
        spent: total seconds, by kind of work.
        asks: number of proposals of the searcher, including those equal to an evaluated network.
        equal: number of proposals equal to a network that was evaluated before, or in their batch.
        scored: number of scores whose cost was counted.
        ended: the reason for the end, a sentence; "" while the search runs.
        budget: the budget, in words; "" if it is not known.
        table: by name, ``(N,)`` columns of every architecture that could have been found; empty without a table.
        directions: by name of a column of the table, whether high is good.
        scorers: the scorers, by role.
        reference: by objective, the reference point of hypervolume; default that of :class:`KnownFront`.
        constraints: the constraints on every architecture.
        notes: notes on the results, a sentence each.
        table_notes: sentences about rows and columns that reading the table excluded or changed.
    """

    searcher: str
    evaluate: str
    seed: int
    objectives: Mapping[str, bool]
    architectures: tuple[str, ...]
    epochs: Floats
    values: Mapping[str, Floats]
    seconds: Floats
    spent: Mapping[str, float]
    asks: int
    equal: int
    scored: int
    ended: str
    budget: str = ""
    table: Mapping[str, Floats] = field(default_factory=dict)
    directions: Mapping[str, bool] = field(default_factory=dict)
    scorers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    table_notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return brief(f"<SearchReport of {plain(self.searcher, 60)}: {many(len(self), 'evaluation')}>")

    def __len__(self) -> int:
        return len(self.architectures)

    @property
    def guide(self) -> str:
        """Name of the first objective."""
        return next(iter(self.objectives))

    @property
    def reported(self) -> list[str]:
        """Names of the columns that are not objectives."""
        return [name for name in self.values if name not in self.objectives]

    @functools.cached_property
    def trace(self) -> Trace:
        """The evaluations as a trace; a partly trained network has no guide."""
        n = len(self)
        nothing = np.full(n, math.nan)
        whole = np.isnan(self.epochs)
        columns = [self.values.get(name, nothing) * (1 if high else -1) for name, high in self.objectives.items()]
        points = np.column_stack([np.where(whole, column, math.nan) for column in columns])
        first = np.unique(np.array(self.architectures, dtype=object).astype(str), return_index=True)[1]
        counts = np.cumsum(np.isin(np.arange(n), first)).astype(np.float64)
        reported = {name: np.asarray(column, np.float64) for name, column in self.values.items()}
        return Trace(self.searcher, self.seed, points[:, 0], self.seconds, reported, points, counts)

    @property
    def found(self) -> int | None:
        """Row of the best evaluation by the first objective; None if no evaluation has a value."""
        row = int(self.trace.incumbents[-1]) if len(self) else -1
        return row if row >= 0 else None

    @functools.cached_property
    def front(self) -> list[int]:
        """Rows of the front, the best by the first objective first; one of each set of equal points."""
        points = self.trace.points
        assert points is not None  # set when the trace was made
        if not len(points):
            return []
        rows = np.flatnonzero(pareto_front(points))
        rows = rows[np.sort(np.unique(points[rows], axis=0, return_index=True)[1])]
        return [int(row) for row in rows[np.argsort(-points[rows, 0], kind="stable")]]

    def known(self, name: str) -> Known | None:
        """Return the statistics of a column of the table; None without a table or a direction."""
        if name not in self.table or name not in self.directions or not np.isfinite(self.table[name]).any():
            return None
        return Known(name, self.table[name], self.directions[name], self.evaluate)

    @functools.cached_property
    def known_front(self) -> KnownFront | None:
        """The known front of the table; None for one objective, or if the table lacks an objective."""
        names = tuple(self.objectives)
        if len(names) < 2 or any(name not in self.table for name in names):
            return None
        values = np.column_stack([self.table[name] for name in names])
        try:
            point = np.array([self.reference[name] for name in names]) if self.reference else None
            return KnownFront(names, values, tuple(self.objectives.values()), point, self.evaluate)
        except InvalidInputError:  # no architecture has all objectives, or none is better than the reference
            return None

    @functools.cached_property
    def hypervolume(self) -> float:
        """Share of the known front's hypervolume that was found; nan without a known front."""
        if self.known_front is None or not len(self):
            return math.nan
        return float(self.known_front.ratio_so_far(self.trace, [len(self)])[-1])

    def random(self, name: str, counts: list[int] | None = None) -> Floats:
        """Return the mean result of random search at numbers of evaluations, ``(k,)``; nan without a table.

        It is also nan if trainings were stopped early, because fewer networks were then trained completely.

        Args:
            name: a column.
            counts: numbers of evaluations; default that of this search.
        """
        counts = [round(self.trace.end())] if counts is None else counts
        if self.guide not in self.table or name not in self.table or not np.isnan(self.epochs).all():
            return np.full(len(counts), math.nan)
        sign = 1 if self.objectives[self.guide] else -1
        return best_of_random(sign * self.table[self.guide], self.table[name], counts)

    def so_far(self, name: str, by: Cost = "evaluations") -> tuple[Floats, Floats]:
        """Return costs and values ``(n,)`` of the best so far by the first objective."""
        return self.trace.cost(by), self.trace.found(name)

    def headline(self) -> str:
        """Return one sentence with the result."""
        return text.headline(self)

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column, and whether its cells are numbers."""
        return text.titles(self)

    def cells(self) -> list[list[str]]:
        """Return a row per column, or per architecture of the front."""
        return text.cells(self)

    def footnotes(self) -> list[str]:
        """Return sentences about the cost, the end and the table."""
        return text.footnotes(self)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per evaluation, in order."""
        return text.rows(self)

    def content(self) -> dict[str, Any]:
        """Return the result, and every evaluation."""
        return text.content(self)
