"""Traces from stored searches: the values of their evaluations are looked up in the table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import InvalidInputError
from zcbench.evaluation._traces import Known, Trace
from zcbench.records import SearchTrace
from zcbench.types import Status

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

Floats = NDArray[np.float64]


def looked_up(searches: Iterable[SearchTrace], benchmark: Benchmark, report: Sequence[str] = ()) -> list[Trace]:
    """Make traces of searches on a benchmark's table.

    Networks that were trained in part have no guide, and count as an evaluation once. Searches that failed are
    excluded, because they have no rows.

    Args:
        searches: searches on this version of the benchmark.
        benchmark: its table.
        report: columns to report in addition to the guides.

    Raises:
        InvalidInputError: a search is of another benchmark, or has rows that the table does not have.
        UnknownNameError: the table has no such column.
    """
    columns: dict[str, tuple[Floats, bool]] = {}
    found = []
    for search in searches:
        if search.benchmark != benchmark.identifier:
            raise InvalidInputError(f"a search of {search.benchmark} cannot be looked up in {benchmark.identifier}.")
        if search.status is not Status.OK:
            continue
        guides = [name.strip() for name in search.guide.split(",") if name.strip()]
        for name in (*guides, *report):
            if name not in columns:
                columns[name] = _column(benchmark, name)
        found.append(_trace(search, [columns[name] for name in guides], {n: columns[n][0] for n in (*guides, *report)}))
    return found


def _column(benchmark: Benchmark, name: str) -> tuple[Floats, bool]:
    """Return a column of the whole table, unchanged, and its direction."""
    known = Known.of(benchmark, name)
    bare = known.name
    values = benchmark.truth(bare) if bare in benchmark.targets else benchmark.facts[bare]
    return values, known.higher_is_better


def _trace(search: SearchTrace, guides: Sequence[tuple[Floats, bool]], reported: dict[str, Floats]) -> Trace:
    rows = np.asarray(search.rows, np.intp)
    size = len(guides[0][0])
    if len(rows) and not (rows.min() >= 0 and rows.max() < size):
        raise InvalidInputError(
            f"{search!r} evaluated rows that a table of {size:,} does not have: it used another table."
        )
    whole = np.asarray(search.epochs, np.int64) == 0 if search.epochs else np.ones(len(rows), np.bool_)
    points = [np.where(whole, (values if high else -values)[rows], math.nan) for values, high in guides]
    first = np.unique(rows, return_index=True)[1]
    return Trace(
        search.label,
        search.seed,
        points[0],
        np.asarray(search.clock, np.float64),
        {name.removeprefix("-"): values[rows] for name, values in reported.items()},
        np.column_stack(points),
        np.cumsum(np.isin(np.arange(len(rows)), first)).astype(np.float64),
    )
