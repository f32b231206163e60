"""What one search found, as people and programs read it: pure functions of arrays, no torch."""

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
    """One search: what was found, at what cost, and what is known of the table that was searched.

    The table of one objective has a row per column, that of several a row per architecture of the front found. The CSV
    has a row per evaluation.

    Attributes:
        searcher: label and version.
        evaluate: name and version of the benchmark, or name of the function that evaluated.
        seed: of the search.
        objectives: what was searched for, and whether high is good.
        architectures: ``n`` strings, in the order of evaluation.
        epochs: ``(n,)`` epochs that each was trained for; nan for all of them.
        values: by name, ``(n,)`` everything that evaluations gave; nan where there is none.
        seconds: ``(n,)`` spent in all when each answer was there.
        spent: seconds in all, by what for.
        asks: proposals of the searcher, those included whose equal was evaluated.
        equal: proposals among these whose equal was evaluated before, or in their batch.
        scored: scores that were paid for.
        ended: why the search ended, a sentence; "" while it goes on.
        budget: what could be spent, in words; "" if that is not known.
        table: by name, ``(N,)`` columns of every architecture that could have been found; empty without a table.
        directions: by name, whether high is good, of columns of the table.
        scorers: what helped without training, by role.
        reference: by objective, what hypervolume is measured from; default that of :class:`KnownFront`.
        constraints: what every architecture had to keep.
        notes: what a reader has to know, a sentence each.
        table_notes: what reading the table left out or changed.
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
        """Names of the columns that are no objectives."""
        return [name for name in self.values if name not in self.objectives]

    @functools.cached_property
    def trace(self) -> Trace:
        """The evaluations as a trace; a network that was trained in part has no guide."""
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
        """Row of the best evaluation by the first objective; None where nothing has a value."""
        row = int(self.trace.incumbents[-1]) if len(self) else -1
        return row if row >= 0 else None

    @functools.cached_property
    def front(self) -> list[int]:
        """Rows that no other dominates in the objectives, the best by the first objective first; of equal ones one."""
        points = self.trace.points
        assert points is not None  # set when the trace was made
        if not len(points):
            return []
        rows = np.flatnonzero(pareto_front(points))
        rows = rows[np.sort(np.unique(points[rows], axis=0, return_index=True)[1])]
        return [int(row) for row in rows[np.argsort(-points[rows, 0], kind="stable")]]

    def known(self, name: str) -> Known | None:
        """What the table knows of a column; None without a table or a direction."""
        if name not in self.table or name not in self.directions or not np.isfinite(self.table[name]).any():
            return None
        return Known(name, self.table[name], self.directions[name], self.evaluate)

    @functools.cached_property
    def known_front(self) -> KnownFront | None:
        """The best trade-offs of the table; None for one objective, or where the table has not all of them."""
        names = tuple(self.objectives)
        if len(names) < 2 or any(name not in self.table for name in names):
            return None
        values = np.column_stack([self.table[name] for name in names])
        try:
            point = np.array([self.reference[name] for name in names]) if self.reference else None
            return KnownFront(names, values, tuple(self.objectives.values()), point, self.evaluate)
        except InvalidInputError:  # no architecture has all of them, or none is better than the reference
            return None

    @functools.cached_property
    def hypervolume(self) -> float:
        """Share of the known front's hypervolume that was found; nan where no front is known."""
        if self.known_front is None or not len(self):
            return math.nan
        return float(self.known_front.ratio_so_far(self.trace, [len(self)])[-1])

    def random(self, name: str, counts: list[int] | None = None) -> Floats:
        """What random search finds on average with so many evaluations, ``(k,)``; nan without a table.

        nan, too, where trainings were stopped early: so many networks were not trained to the end.

        Args:
            name: a column.
            counts: default the evaluations of this search.
        """
        counts = [round(self.trace.end())] if counts is None else counts
        if self.guide not in self.table or name not in self.table or not np.isnan(self.epochs).all():
            return np.full(len(counts), math.nan)
        sign = 1 if self.objectives[self.guide] else -1
        return best_of_random(sign * self.table[self.guide], self.table[name], counts)

    def so_far(self, name: str, by: Cost = "evaluations") -> tuple[Floats, Floats]:
        """Costs and values ``(n,)`` of the best so far by the first objective."""
        return self.trace.cost(by), self.trace.found(name)

    def headline(self) -> str:
        """One sentence that says what was found."""
        return text.headline(self)

    def titles(self) -> list[tuple[str, bool]]:
        """Heading of each column, and whether its cells are numbers."""
        return text.titles(self)

    def cells(self) -> list[list[str]]:
        """A row per column, or per architecture of the front."""
        return text.cells(self)

    def footnotes(self) -> list[str]:
        """Cost, end, and what a reader has to know besides."""
        return text.footnotes(self)

    def rows(self) -> list[dict[str, Any]]:
        """A row per evaluation, in order."""
        return text.rows(self)

    def content(self) -> dict[str, Any]:
        """What was found, and every evaluation."""
        return text.content(self)
