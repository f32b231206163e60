"""What a search found."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zcbench._display import brief, many
from zcbench.datasets import Benchmark
from zcbench.evaluation import SearchReport, Trace
from zcbench.search._base import Floats, Objective
from zcbench.search._constraints import read_constraints
from zcbench.types import Architecture

if TYPE_CHECKING:
    import pandas as pd


class Found(NamedTuple):
    """An architecture that was evaluated, and what that gave.

    Attributes:
        architecture: the architecture.
        values: numbers by name, as they are.
    """

    architecture: Architecture
    values: Mapping[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult:
    """What a search evaluated, in order, and what it cost.

    Printing it says what was found, how that stands in the table where there is one, at what cost, and why the search
    ended. The CSV has a row per evaluation, the JSON everything.

    Attributes:
        searcher: label and version.
        objectives: what was searched for.
        architectures: ``n`` evaluated ones, in order.
        epochs: ``(n,)`` epochs that each was trained for; nan for all of them.
        values: by name, ``(n,)`` everything that evaluations gave, as it is; nan where there is none.
        seconds: ``(n,)`` spent in all when each answer was there.
        spent: seconds in all, by what for.
        asks: proposals of the searcher, those included whose equal was evaluated.
        equal: proposals among these whose equal was evaluated before, or in their batch.
        scored: scores that were paid for.
        ended: why the search ended, a sentence.
        head: everything that identifies the search.
        notes: sentences that whoever reads the result has to know.
        table: the benchmark that evaluated, whose best is known; None for a function.
        stored: scores that came from a store, and cost what they took when they were measured, without building.
    """

    searcher: str
    objectives: tuple[Objective, ...]
    architectures: tuple[Architecture, ...]
    epochs: Floats
    values: Mapping[str, Floats]
    seconds: Floats
    spent: Mapping[str, float]
    asks: int
    equal: int
    scored: int
    ended: str
    head: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    table: Benchmark | None = None
    stored: int = 0

    def __repr__(self) -> str:
        return brief(f"<SearchResult of {self.searcher}: {many(len(self), 'evaluation')}>")

    def __len__(self) -> int:
        return len(self.architectures)

    @property
    def best(self) -> Found | None:
        """The best by the first objective, the earliest of equal ones; None where no evaluation gave a number."""
        row = self.report.found
        return None if row is None else self._found(row)

    @property
    def front(self) -> list[Found]:
        """What nothing else that was evaluated dominates, the best by the first objective first."""
        return [self._found(row) for row in self.report.front]

    def _found(self, row: int) -> Found:
        return Found(self.architectures[row], {name: float(column[row]) for name, column in self.values.items()})

    @property
    def trace(self) -> Trace:
        """The evaluations in order, as comparisons take them."""
        return self.report.trace

    @functools.cached_property
    def report(self) -> SearchReport:
        """Tables and numbers of this search; see :class:`zcbench.evaluation.SearchReport`."""
        columns, directions, notes = self._known()
        return SearchReport(
            searcher=self.searcher,
            evaluate=str(self.head.get("evaluate", "")),
            seed=int(self.head.get("seed", 0)),
            objectives={one.name: one.higher_is_better for one in self.objectives},
            architectures=tuple(one.key for one in self.architectures),
            epochs=self.epochs,
            values=self.values,
            seconds=self.seconds,
            spent=self.spent,
            asks=self.asks,
            equal=self.equal,
            scored=self.scored,
            ended=self.ended,
            table=columns,
            directions=directions,
            scorers=_scorers(self.head),
            reference={str(name): float(value) for name, value in dict(self.head.get("reference", {})).items()},
            constraints=tuple(map(str, self.head.get("constraints", ()))),
            notes=(*self.notes, *notes),
            table_notes=() if self.table is None else self.table.notes,
        )

    def _known(self) -> tuple[dict[str, Floats], dict[str, bool], list[str]]:
        """Columns of the table's rows that could have been found, their directions, and what to say of them."""
        table = self.table
        if table is None:
            return {}, {}, []
        names = dict.fromkeys([*(one.name for one in self.objectives), *self.values])
        columns = {name: table.truth(name) for name in names if name in table.targets}
        columns |= {name: table.facts[name] for name in names if name in table.facts}
        directions = {name: table.targets[name].higher_is_better for name in columns if name in table.targets}
        directions |= {one.name: one.higher_is_better for one in self.objectives if one.name in columns}
        kept, notes = np.ones(len(table), np.bool_), []
        for constraint in read_constraints(list(map(str, self.head.get("constraints", ())))):
            if isinstance(constraint.on, str) and constraint.on in table.facts:
                values = table.facts[constraint.on]
                kept &= (values >= constraint.low) & (values <= constraint.high)
            else:
                notes.append(
                    f"The best of the whole table is shown: its columns do not tell which rows keep {constraint}."
                )
        return {name: column[kept] for name, column in columns.items()}, directions, notes

    def __str__(self) -> str:
        """What was found, in sentences and a table."""
        return self.report.to_text()

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return everything as JSON; with a path, write it there too.

        Raises:
            StoreError: the file cannot be written.
        """
        return self.report.to_json(path)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return one line per evaluation; with a path, write them there too.

        Raises:
            StoreError: the file cannot be written.
        """
        return self.report.to_csv(path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return what was found as Markdown; with a path, write it there too.

        Raises:
            StoreError: the file cannot be written.
        """
        return self.report.to_markdown(path)

    def to_pandas(self) -> pd.DataFrame:
        """Return a row per evaluation as a data frame.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        return self.report.to_pandas()

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.report._repr_html_()


def _scorers(head: Mapping[str, Any]) -> dict[str, list[str]]:
    """Labels of scorers by role, from what the head of a ledger says of them."""
    return {
        str(role): [str(one.get("scorer", one) if isinstance(one, Mapping) else one) for one in several]
        for role, several in dict(head.get("scorers", {})).items()
    }
