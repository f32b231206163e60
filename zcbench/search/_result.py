"""The result of a search."""

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
    """An evaluated architecture with its values.

    Attributes:
        architecture: the architecture.
        values: numbers by name, with their original signs.
    """

    architecture: Architecture
    values: Mapping[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult:
    """The evaluations of a search in order, and their cost.

    Printing it shows the best architecture, its rank in the table if there is one, the cost, and why the search ended.
    The CSV has a row for each evaluation, the JSON contains everything.

    Attributes:
        searcher: label and version.
        objectives: the objectives.
        architectures: ``n`` evaluated ones, in order.
        epochs: ``(n,)`` epochs of each training; nan for full trainings.
        values: by name, ``(n,)`` all values of the evaluations, with their original signs; nan where there is none.
        seconds: ``(n,)`` total seconds when each evaluation was available.
        spent: total seconds by purpose.
        asks: number of the searcher's proposals, including those that equal an evaluated architecture.
        equal: number of these that equal an architecture evaluated before or in the same batch.
        scored: number of scores that were charged.
        ended: why the search ended, a sentence.
        head: everything that identifies the search.
        notes: sentences that a reader of the result needs to know.
        table: the benchmark that evaluated, whose best is known; None for a function.
        stored: scores from a store; they are charged their original measurement, without building the networks.
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
        """The best by the first objective, the earliest of equal ones; None if no evaluation returned a number."""
        row = self.report.found
        return None if row is None else self._found(row)

    @property
    def front(self) -> list[Found]:
        """The evaluated architectures that no other one dominates, the best by the first objective first."""
        return [self._found(row) for row in self.report.front]

    def _found(self, row: int) -> Found:
        return Found(self.architectures[row], {name: float(column[row]) for name, column in self.values.items()})

    @property
    def trace(self) -> Trace:
        """The evaluations in order, in the form that comparisons need."""
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
        """Return columns of the table's rows within the constraints, their directions, and notes on them."""
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
                    f"The best of the whole table is shown: it has no column to decide which rows satisfy {constraint}."
                )
        return {name: column[kept] for name, column in columns.items()}, directions, notes

    def __str__(self) -> str:
        """Return the result as sentences and a table."""
        return self.report.to_text()

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return everything as JSON; with a path, also write it to this file.

        Raises:
            StoreError: the file cannot be written.
        """
        return self.report.to_json(path)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return one line for each evaluation; with a path, also write them to this file.

        Raises:
            StoreError: the file cannot be written.
        """
        return self.report.to_csv(path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the result as Markdown; with a path, also write it to this file.

        Raises:
            StoreError: the file cannot be written.
        """
        return self.report.to_markdown(path)

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with a row for each evaluation.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        return self.report.to_pandas()

    def _repr_html_(self) -> str:
        """Return the representation for notebooks."""
        return self.report._repr_html_()


def _scorers(head: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return labels of scorers by role, from the head of a ledger."""
    return {
        str(role): [str(one.get("scorer", one) if isinstance(one, Mapping) else one) for one in several]
        for role, several in dict(head.get("scorers", {})).items()
    }
