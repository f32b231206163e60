"""Columns of tables as scorers: values that are known without training, and the true results."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zcbench.datasets import Benchmark, benchmark_info, get_benchmark, list_benchmarks
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.scorers._base import Scorer, Scores
from zcbench.scorers._context import Context
from zcbench.scorers._register import register_scorer
from zcbench.types import Architecture


@register_scorer("table", arguments="flops_M")
class TableScorer(Scorer):
    """A column that a table has without training: parameters, FLOPs, latency. It costs nothing.

    Training results are refused as scorers; ``oracle`` reads them, for searches that are meant to know the answer.
    Higher is better for facts ("-table(flops_M)" prefers small values); for latencies the table declares the direction.

    Args:
        column: name of a column of the benchmark; "hwnasbench/edgegpu_latency_cifar10" for one of another benchmark
            with the same search space.
    """

    may_know = False

    def __init__(self, column: str) -> None:
        self.column = column
        self.label = f"{self.name}({column})"
        self._column = np.empty(0)
        self._rows: dict[Architecture, int] = {}
        self._truth: tuple[str, ...] = ()

    #: name in the registry
    name = "table"

    def begin(self, context: Context) -> None:
        """Find the column.

        Raises:
            InvalidInputError: there is no table; the other table is of another space; or the column is a training
                result.
            UnknownNameError: the benchmark or column does not exist.
        """
        super().begin(context)
        table, column = self._found(context)
        if column in table.targets:
            target = table.target(column)
            self.higher_is_better = target.higher_is_better
            self._column = table.truth(column)
        elif column in table.facts:
            self._column = np.asarray(table.facts[column], np.float64)
        else:
            raise UnknownNameError("column", column, [*table.facts, *table.targets])
        if _trained(table) if column in table.targets else needs_training(column):
            if not self.may_know:
                raise InvalidInputError(
                    f"{column} is a training result, which a scorer must not know: write oracle({self.column}) for a "
                    "search that is meant to know the answer."
                )
            self._truth = (self.column,)
        self._rows = table._rows

    def _found(self, context: Context) -> tuple[Benchmark, str]:
        """Return the table, and the name of its column."""
        own = context.benchmark
        if own is not None and (self.column in own.facts or self.column in own.targets):
            return own, self.column
        name, _, column = self.column.partition("/")
        if column and name in list_benchmarks():
            table = get_benchmark(name)
            if table.space.name != context.space.name:
                raise InvalidInputError(
                    f"{self.column}: {name} is a table of the space {table.space.name}, not of {context.space.name}."
                )
            return table, column
        if own is None:
            raise InvalidInputError(
                f"{self.label} needs a table: search a benchmark, or name one, for example  "
                f"{self.name}(hwnasbench/COLUMN)."
            )
        return own, self.column

    @property
    def truth(self) -> tuple[str, ...]:
        """The column, if it is a training result."""
        return self._truth

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def identifier(self) -> str:
        """Label, and the table with its version."""
        where = self.context.benchmark if self.context is not None else None
        return self.label if where is None or "/" in self.column else f"{self.label} of {where.identifier}"

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Look up the architectures.

        Raises:
            InvalidInputError: there is no task.
        """
        if self.context is None:
            raise InvalidInputError(f"{self.label} needs a table: get_scorer({self.label!r}, benchmark).")
        values = np.full(len(architectures), math.nan)
        reasons = {}
        for place, architecture in enumerate(architectures):
            row = self._rows.get(architecture)
            if row is not None:
                values[place] = self._column[row]
            if not math.isfinite(values[place]):
                reasons[place] = f"the table has no {self.column} for this network."
        return Scores(values, np.zeros(len(architectures)), reasons)


@register_scorer("oracle", arguments="test_nll")
class OracleScorer(TableScorer):
    """A column of a table, training results included: the best that scorers could achieve. Results record its use.

    Args:
        column: as for ``table``.
    """

    may_know = True
    name = "oracle"


def needs_training(fact: str) -> bool:
    """Return whether a fact is measured while a network trains, so that it is unknown before."""
    return fact.startswith("train_")


def _trained(table: Benchmark) -> bool:
    """Return whether the targets of a table are training results."""
    try:
        return benchmark_info(table.name).trained
    except UnknownNameError:
        return True
