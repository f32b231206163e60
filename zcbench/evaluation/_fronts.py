"""Several objectives: the known front of a table, and the share of it that a search has found."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench._display import brief, many, plain
from zcbench.errors import InvalidInputError
from zcbench.evaluation._traces import Cost, Known, Trace
from zcbench.metrics import hypervolume, hypervolumes, pareto_front

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

Floats = NDArray[np.float64]
#: distance of the reference point from the worst values of the known front, as a share of the front's ranges
MARGIN = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class KnownFront:
    """The best trade-offs between several columns of a table.

    Attributes:
        names: ``m`` columns.
        values: ``(N, m)`` of every architecture, unchanged; rows that are not finite are excluded.
        higher_is_better: direction of each.
        reference: ``(m,)`` the fixed reference point of hypervolumes; default the worst values on the front, and a
            tenth of the front's range beyond them.
        benchmark: name and version of the table.

    Raises:
        InvalidInputError: shapes differ, no row is finite, or no point is better than the reference.
    """

    names: tuple[str, ...]
    values: Floats
    higher_is_better: tuple[bool, ...]
    reference: Floats | None = None
    benchmark: str = ""

    def __post_init__(self) -> None:
        values = np.asarray(self.values, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.names) or len(self.names) != len(self.higher_is_better):
            raise InvalidInputError(
                f"values of shape {values.shape}: give a column for each of {len(self.names)} names."
            )
        values = values[np.isfinite(values).all(1)]
        if not len(values):
            raise InvalidInputError(f"no architecture has all of {', '.join(map(plain, self.names))}.")
        object.__setattr__(self, "values", values)
        given = self._default() if self.reference is None else np.asarray(self.reference, np.float64)
        object.__setattr__(self, "reference", given)
        if not self.volume > 0:
            raise InvalidInputError("no architecture is better than the reference point: choose a worse one.")

    def _default(self) -> Floats:
        front = self.points
        best, worst = front.max(0), front.min(0)
        low = np.where(self.higher_is_better, worst, best)
        span = np.where(best > worst, best - worst, np.maximum(np.abs(low), 1.0))
        away = np.where(self.higher_is_better, -MARGIN, MARGIN)
        return np.asarray(low + away * span, np.float64)

    @classmethod
    def of(
        cls,
        benchmark: Benchmark,
        names: Sequence[str],
        reference: ArrayLike | None = None,
        rows: ArrayLike | None = None,
    ) -> KnownFront:
        """Compute the front of a benchmark's columns.

        Args:
            benchmark: a table.
            names: names of targets and facts; "-flops" where low is good.
            reference: ``(m,)``.
            rows: numbers of the rows to use; default all.

        Raises:
            UnknownNameError: the table has no such column.
        """
        every = np.arange(len(benchmark)) if rows is None else np.asarray(rows, np.intp)
        found = [_directed(benchmark, name) for name in names]
        values = np.column_stack([values for values, _ in found])[every]
        given = None if reference is None else np.asarray(reference, np.float64)
        bare = tuple(name.removeprefix("-") for name in names)
        return cls(bare, values, tuple(higher for _, higher in found), given, benchmark.identifier)

    def __repr__(self) -> str:
        return brief(f"<KnownFront of {' × '.join(map(plain, self.names))}: {many(len(self.points), 'point')}>")

    @functools.cached_property
    def points(self) -> Floats:
        """The front ``(k, m)``, unchanged, equal points once, in the order of the first column."""
        return np.unique(self.values[pareto_front(self.values, self.higher_is_better)], axis=0)

    @functools.cached_property
    def volume(self) -> float:
        """Its hypervolume."""
        assert self.reference is not None  # set when it was made
        return hypervolume(self.points, self.reference, self.higher_is_better)

    def reported(self, trace: Trace) -> Floats:
        """Return the reported values ``(n, m)`` of a trace for these columns."""
        return np.column_stack([trace.column(name) for name in self.names])

    def ratio_so_far(self, trace: Trace, grid: ArrayLike | None = None, by: Cost = "evaluations") -> Floats:
        """Return the hypervolume of the front found at given costs, as a share of the known front's.

        The front found consists of the evaluated architectures that no other dominates *in the objectives that the
        searcher received*. Their reported values give the hypervolume.

        Returns:
            ``(k,)``; 0 where no architecture better than the reference was found.
        """
        assert self.reference is not None
        rows = np.arange(len(trace)) if grid is None else trace.rows_at(grid, by)
        truth = self.reported(trace)
        turned = np.where(self.higher_is_better, truth, -truth)
        assert trace.points is not None
        if np.array_equal(turned, trace.points, equal_nan=True):
            volumes = hypervolumes(truth, self.reference, self.higher_is_better)
        else:
            volumes = np.zeros(len(trace))
            for row in np.unique(rows[rows >= 0]):
                front = pareto_front(trace.points[: row + 1])
                volumes[row] = hypervolume(truth[: row + 1][front], self.reference, self.higher_is_better)
        found = np.array([volumes[row] if row >= 0 else 0.0 for row in rows.tolist()], np.float64)
        return found / self.volume

    def cost_to(self, trace: Trace, ratio: float, by: Cost = "evaluations") -> float:
        """Return the cost at which the hypervolume first reached this share of the known front's, or infinity."""
        reached = np.flatnonzero(self.ratio_so_far(trace) >= ratio)
        return float(trace.cost(by)[reached[0]]) if len(reached) else math.inf


def _directed(benchmark: Benchmark, name: str) -> tuple[Floats, bool]:
    """Return a column's values, including those that are not finite, and its direction."""
    known = Known.of(benchmark, name)
    bare = known.name
    return benchmark.facts[bare] if bare not in benchmark.targets else benchmark.truth(bare), known.higher_is_better
