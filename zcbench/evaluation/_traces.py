"""The results of one search as a function of cost: pure functions of arrays, without torch.

The guide chooses and the reported column judges. At any cost the *incumbent* is the evaluated architecture with the
best value of the guide, and the reported value is another column's value of the same architecture. A reported value can
therefore fall while the guide rises.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench._display import brief, many, plain
from zcbench.errors import InvalidInputError, UnknownNameError

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
#: the units of the axis of costs
Cost: TypeAlias = Literal["evaluations", "seconds"]
COSTS: tuple[Cost, ...] = ("evaluations", "seconds")


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Evaluations of one search in the order of their results.

    Attributes:
        label: label of the searcher; traces of one label differ in their seed.
        seed: seed of the search.
        guide: ``(n,)`` the objective, signed so that high is good; nan for an evaluation without a value.
        seconds: ``(n,)`` total seconds at the time of each result; never decreasing.
        reported: columns by name, ``(n,)`` each, unchanged.
        points: ``(n, m)`` all objectives, signed so that high is good; default only the guide.
        counts: ``(n,)`` total number of evaluations at the time of each result; default 1, 2, …

    Raises:
        InvalidInputError: lengths differ, or costs decrease.
    """

    label: str
    seed: int
    guide: Floats
    seconds: Floats
    reported: Mapping[str, Floats] = field(default_factory=dict)
    points: Floats | None = None
    counts: Floats | None = None

    def __post_init__(self) -> None:
        n = len(np.atleast_1d(self.guide))
        set_ = functools.partial(object.__setattr__, self)
        set_("guide", np.asarray(self.guide, np.float64).reshape(n))
        set_("seconds", _costs(self.seconds, n, "seconds"))
        set_("counts", _costs(np.arange(1, n + 1) if self.counts is None else self.counts, n, "evaluations"))
        set_("reported", {name: _column(values, n, name) for name, values in self.reported.items()})
        points = self.guide[:, None] if self.points is None else np.asarray(self.points, np.float64)
        if points.ndim != 2 or len(points) != n:
            raise InvalidInputError(f"points of shape {points.shape}: give ({n}, objectives), a row per evaluation.")
        set_("points", points)

    def __repr__(self) -> str:
        return brief(f"<Trace of {plain(self.label, 60)}, seed {self.seed}: {many(len(self), 'evaluation')}>")

    def __len__(self) -> int:
        return len(self.guide)

    def cost(self, by: Cost = "evaluations") -> Floats:
        """Return the total cost ``(n,)`` at the time of each result.

        Raises:
            UnknownNameError: it is neither "evaluations" nor "seconds".
        """
        if by not in COSTS:
            raise UnknownNameError("cost", str(by), COSTS)
        found = self.counts if by == "evaluations" else self.seconds
        assert found is not None  # set when it was made
        return found

    def end(self, by: Cost = "evaluations") -> float:
        """Return the total cost at the last result; 0 without a result."""
        return float(self.cost(by)[-1]) if len(self) else 0.0

    @functools.cached_property
    def incumbents(self) -> Ints:
        """Row ``(n,)`` of the best by the guide after each result, the earliest of equal ones; -1 before the first."""
        return incumbents(self.guide)

    def column(self, name: str | None) -> Floats:
        """Return a reported column ``(n,)``; the guide for None.

        Raises:
            UnknownNameError: no column of that name was reported.
        """
        if name is None:
            return self.guide
        if name not in self.reported:
            raise UnknownNameError("reported column", name, self.reported)
        return self.reported[name]

    def found(self, name: str | None = None) -> Floats:
        """Return a column's value ``(n,)`` of the incumbent after each result; nan before the first incumbent."""
        return _taken(self.column(name), self.incumbents)

    def so_far(self, name: str | None = None, grid: ArrayLike | None = None, by: Cost = "evaluations") -> Floats:
        """Return a column's value of the incumbent at given costs.

        After the last result the incumbent does not change.

        Args:
            name: a reported column; None for the guide.
            grid: ``(k,)`` costs; default those of the results.
            by: the unit of costs.

        Returns:
            ``(k,)``; nan where there was no incumbent yet.
        """
        if grid is None:
            return self.found(name)
        return _taken(self.found(name), self.rows_at(grid, by))

    def rows_at(self, grid: ArrayLike, by: Cost = "evaluations") -> Ints:
        """Return the row ``(k,)`` of the last result at given costs; -1 where there was none."""
        found = np.searchsorted(self.cost(by), np.atleast_1d(np.asarray(grid, np.float64)), side="right") - 1
        return np.asarray(found, np.intp)


def _column(values: ArrayLike, n: int, name: str) -> Floats:
    found = np.asarray(values, np.float64)
    if found.shape != (n,):
        raise InvalidInputError(f"{plain(name, 60)} has the shape {found.shape}: give ({n},), one for each evaluation.")
    return found


def _costs(values: ArrayLike, n: int, name: str) -> Floats:
    found = _column(values, n, name)
    if not np.isfinite(found).all() or (n and (found[0] < 0 or (np.diff(found) < 0).any())):
        raise InvalidInputError(f"{name} of a trace must be finite and never decrease: give total costs.")
    return found


def _taken(values: Floats, rows: Ints) -> Floats:
    """Return the values at rows; nan for -1."""
    if not len(values):
        return np.full(len(rows), math.nan)
    return np.where(rows >= 0, values[np.maximum(rows, 0)], math.nan)


def incumbents(guide: ArrayLike) -> Ints:
    """Return the row ``(n,)`` of the highest finite value up to each, the earliest of equal ones; -1 before any."""
    values = np.asarray(guide, np.float64)
    values = np.where(np.isfinite(values), values, -math.inf)
    before = np.concatenate([[-math.inf], np.maximum.accumulate(values)[:-1]]) if len(values) else values
    return np.maximum.accumulate(np.where(values > before, np.arange(len(values)), -1), dtype=np.intp)


@dataclass(frozen=True, eq=False, repr=False)
class Known:
    """One column of a table: its values of every architecture that a search could have found.

    Attributes:
        name: the column.
        values: ``(N,)``, unchanged; values that are not finite are excluded.
        higher_is_better: direction.
        benchmark: name and version of the table.

    Raises:
        InvalidInputError: no value is finite.
    """

    name: str
    values: Floats
    higher_is_better: bool
    benchmark: str = ""

    def __post_init__(self) -> None:
        values = np.asarray(self.values, np.float64).reshape(-1)
        values = values[np.isfinite(values)]
        if not len(values):
            raise InvalidInputError(f"the column {plain(self.name, 60)} has no finite value: nothing can be reported.")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "_sorted", np.sort(values if self.higher_is_better else -values))

    @classmethod
    def of(cls, benchmark: Benchmark, name: str | None = None, rows: ArrayLike | None = None) -> Known:
        """Read a column of a benchmark.

        Args:
            benchmark: a table.
            name: name of a target, or of a fact: "-flops" where low is good; default the benchmark's default target.
            rows: numbers of the rows to use, for example one for each equal network; default all.

        Raises:
            UnknownNameError: the table has no such column.
        """
        name = benchmark.default_target if name is None else name
        bare = name.removeprefix("-")
        if bare in benchmark.targets:
            values, higher = benchmark.truth(bare), benchmark.targets[bare].higher_is_better
        elif bare in benchmark.facts:
            values, higher = benchmark.facts[bare], bare == name
        else:
            raise UnknownNameError("column", bare, [*benchmark.targets, *benchmark.facts])
        kept = values if rows is None else values[np.asarray(rows, np.intp)]
        return cls(bare, kept, higher, benchmark.identifier)

    def __repr__(self) -> str:
        return brief(f"<Known {plain(self.name, 60)} of {many(len(self), 'architecture')}>")

    def __len__(self) -> int:
        return len(self.values)

    @functools.cached_property
    def best(self) -> float:
        """The best value."""
        return float(self.values.max() if self.higher_is_better else self.values.min())

    @functools.cached_property
    def mean(self) -> float:
        """Mean of all values: the expected value of an architecture drawn at random."""
        scale = 2.0 ** np.frexp(np.abs(self.values).max())[1]  # sums of the largest numbers overflow
        return float((self.values / scale).mean() * scale)

    def turned(self, values: ArrayLike) -> Floats:
        """Return values with the sign for which high is good."""
        found = np.asarray(values, np.float64)
        return found if self.higher_is_better else -found

    def regret(self, values: ArrayLike) -> Floats:
        """Return the difference to the best, never negative for values of the table; nan for nan."""
        return np.asarray(self.turned(self.best) - self.turned(values), np.float64)

    def rank(self, values: ArrayLike) -> Floats:
        """Return 1 for the best: one more than the number of architectures that are better; nan for nan."""
        turned = self.turned(values)
        ordered: Floats = self._sorted  # type: ignore[attr-defined]  # set when it was made
        rank = 1.0 + len(self) - np.searchsorted(ordered, turned, side="right")
        return np.where(np.isnan(turned), math.nan, rank)

    def share(self, values: ArrayLike) -> Floats:
        """Return the rank as a share of all: 0.001 is among the best 0.1 %."""
        return self.rank(values) / len(self)

    def threshold(self, share: float) -> float:
        """Return the worst value among the best share of all; the best value for less than one architecture.

        Raises:
            InvalidInputError: the share is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            raise InvalidInputError(f"a share of {share}: choose one above 0 and at most 1, such as 0.001.")
        count = max(1, math.floor(share * len(self) + 1e-9))
        ordered: Floats = self._sorted  # type: ignore[attr-defined]
        return float(self.turned(ordered[len(self) - count]))

    def improvement(self, values: ArrayLike) -> Floats:
        """Return the relative improvement over random, in percent: 100 (value - mean) / mean, positive if better.

        The measure of A. Yang, P. M. Esperança and F. M. Carlucci, "NAS evaluation is frustratingly hard", ICLR 2020
        (arXiv:1912.12522), section 3: it compares with the *average* architecture of the same space and training.
        Where low values are good, the sign is changed. It is nan where the mean is not positive.
        """
        found = 100 * ((np.asarray(values, np.float64) - self.mean) / self.mean) if self.mean > 0 else math.nan
        return np.asarray(found if self.higher_is_better else np.negative(found)) + np.zeros(np.shape(values))


def regret_so_far(trace: Trace, known: Known, grid: ArrayLike | None = None, by: Cost = "evaluations") -> Floats:
    """Return the regret ``(k,)`` of the incumbent at given costs; nan where there was no incumbent yet."""
    return known.regret(trace.so_far(known.name, grid, by))


def cost_to(trace: Trace, known: Known, share: float, by: Cost = "evaluations") -> float:
    """Return the cost at which the incumbent was first among the best share of a column, or infinity.

    The guide chooses the incumbent, and the column is the reported one: a search that evaluated such an architecture
    without a good value of the guide has not found it.
    """
    goal = known.turned(known.threshold(share))
    with np.errstate(invalid="ignore"):
        reached = np.flatnonzero(known.turned(trace.found(known.name)) >= goal)
    return float(trace.cost(by)[reached[0]]) if len(reached) else math.inf


def best_of_random(guide: ArrayLike, values: ArrayLike, counts: Sequence[int]) -> Floats:
    """Return the exact mean result of random search without replacement.

    Args:
        guide: ``(N,)`` of every architecture, signed so that high is good; nan for an evaluation without a value.
        values: ``(N,)`` the reported column; nan for a missing value.
        counts: ``(k,)`` numbers of evaluations.

    Returns:
        ``(k,)`` the expected value of the incumbent, given that there is one. Of equal values of the guide each is as
        likely to be drawn first.
    """
    seen, truth = np.asarray(guide, np.float64), np.asarray(values, np.float64)
    order = np.argsort(-np.where(np.isfinite(seen), seen, -math.inf), kind="stable")
    seen, truth = seen[order], truth[order]
    good = int(np.isfinite(seen).sum())
    total, place = len(seen), np.arange(good)
    group = np.unique(-seen[:good], return_inverse=True)[1]
    means = np.bincount(group, truth[:good]) / np.bincount(group)
    found = []
    for count in counts:
        # Probability that the best of the draw is the one at a place: it is drawn and none before it is.
        drawn = min(max(int(count), 0), total)
        if not drawn or not good:
            found.append(math.nan)
            continue
        with np.errstate(divide="ignore"):
            # log C(total - 1 - place, drawn - 1) as a running product, from C(total - 1, drawn - 1)
            steps = np.log(np.maximum(total - drawn - place, 0)) - np.log(np.maximum(total - 1 - place, 1))
        logs = np.concatenate([[0.0], np.cumsum(steps[:-1])])
        chance = np.exp(logs) * drawn / total
        found.append(float((chance * means[group]).sum() / chance.sum()))
    return np.array(found)
