"""Enumerates the architectures with the largest sums over choices, under bounds on other sums, each exactly once.

This is a best-first search over partial choices. The value that a partial choice can reach is bounded by the best
options of the remaining parts, and by the same bound in the Lagrangian of the linear relaxation. A complete choice that
leaves the queue is at least as good as everything that remains in it. If bounds are so tight that the queue grows too
large, ``scipy.optimize.milp`` finds the remaining choices.

Sources: D. Pisinger, "A minimal algorithm for the multiple-choice knapsack problem", EJOR 83, 1995 (relaxation and
bounds); P. Hart, N. Nilsson, B. Raphael, "A Formal Basis for the Heuristic Determination of Minimum Cost Paths", 1968.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import InvalidInputError
from zcbench.search._base import Floats

#: partial choices that are examined before integer programming is used
BEGINNINGS = 50_000
#: neighbouring parts are merged as long as they have at most this many combined options
_JOINED = 300
#: time limit in seconds for one optimum by integer programming
SECONDS = 60.0
#: largest rounding error of a sum, relative to the size of its terms
_ROUNDING = 1e-12

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Bounded:
    """A sum over choices that must stay within bounds.

    Attributes:
        contributions: for each part, the contribution of each of its options.
        low: smallest allowed sum.
        high: largest allowed sum.
    """

    contributions: Sequence[Floats]
    low: float = -math.inf
    high: float = math.inf


def best_first(
    score: Sequence[Floats], bounds: Sequence[Bounded] = (), *, beginnings: int = BEGINNINGS
) -> Iterator[tuple[float, Numbers]]:
    """Yield (sum, numbers of options), the largest sums first.

    Args:
        score: for each part, the contribution of each of its options.
        bounds: other sums over the same parts.
        beginnings: number of partial choices that are examined before integer programming is used.

    Raises:
        InvalidInputError: integer programming neither found the next choice nor showed that there is none.
    """
    rows, limits = _rows(bounds)
    prices = _prices(score, rows, limits)
    if prices is None:
        return
    found: list[Numbers] = []
    for value, numbers in _Queue(score, rows, limits, prices).run(beginnings):
        if numbers is None:  # the queue has reached its limit
            break
        found.append(numbers)
        yield value, numbers
    else:
        return
    yield from _by_programming(score, rows, limits, found)


def _rows(bounds: Sequence[Bounded]) -> tuple[list[list[Floats]], Floats]:
    """Return the bounds as upper limits on sums."""
    rows, limits = [], []
    for bound in bounds:
        if bound.high < math.inf:
            rows.append([np.asarray(one, np.float64) for one in bound.contributions])
            limits.append(bound.high)
        if bound.low > -math.inf:
            rows.append([-np.asarray(one, np.float64) for one in bound.contributions])
            limits.append(-bound.low)
    slack = [
        _ROUNDING * (abs(limit) + sum(float(np.abs(one).max()) for one in row))
        for row, limit in zip(rows, limits, strict=True)
    ]
    return rows, np.array(limits, np.float64) + np.array(slack, np.float64)


def _relaxation(score: Sequence[Floats], rows: Sequence[Sequence[Floats]], limits: Floats) -> dict[str, Any]:
    """Return the linear programme: one variable for each option, and those of a part sum to 1."""
    from scipy.sparse import csr_array

    sizes = [len(one) for one in score]
    parts = np.repeat(np.arange(len(sizes)), sizes)
    one_each = csr_array((np.ones(len(parts)), (parts, np.arange(len(parts)))))
    cost = -np.concatenate(score)
    matrix = np.array([np.concatenate(row) for row in rows]).reshape(len(rows), len(parts))
    scale = np.abs(matrix).max(1, initial=0.0)
    scale[scale == 0] = 1.0
    return {
        "cost": cost,
        "matrix": matrix / scale[:, None],
        "limits": limits / scale,
        "one_each": one_each,
        "scale": scale,
    }


def _prices(score: Sequence[Floats], rows: Sequence[Sequence[Floats]], limits: Floats) -> Floats | None:
    """Return the dual price of each bounded sum at the relaxation's optimum; None if nothing satisfies the bounds."""
    from scipy.optimize import linprog

    if not rows:
        return np.zeros(0)
    if any(sum(float(one.min()) for one in row) > limit for row, limit in zip(rows, limits, strict=True)):
        return None
    made = _relaxation(score, rows, limits)
    size = float(np.abs(made["cost"]).max()) or 1.0
    solved = linprog(
        made["cost"] / size,
        A_ub=made["matrix"],
        b_ub=made["limits"],
        A_eq=made["one_each"],
        b_eq=np.ones(len(score)),
        method="highs",
    )
    if solved.status != 0:
        # Bounds are valid with any prices; the queue, whose arithmetic has no tolerance, detects infeasibility.
        return np.zeros(len(rows))
    prices: Floats = np.maximum(0.0, -np.asarray(solved.ineqlin.marginals)) * size / made["scale"]
    return prices


@dataclass(frozen=True)
class _Group:
    """Merged parts: the contribution of each combination of their options."""

    score: Floats
    reduced: Floats
    rows: Floats  # (bounded sums, options)
    numbers: NDArray[np.intp]  # (options, parts)


class _Queue:
    """Partial choices, ordered by an upper bound on the sums that they can reach."""

    def __init__(
        self, score: Sequence[Floats], rows: Sequence[Sequence[Floats]], limits: Floats, prices: Floats
    ) -> None:
        self.limits = limits
        self.constant = float(prices @ limits)
        singles = []
        for part, one in enumerate(score):
            costs = np.array([row[part] for row in rows]).reshape(len(rows), len(one))
            numbers = np.arange(len(one))[:, None]
            singles.append(_Group(np.asarray(one, np.float64), one - prices @ costs, costs, numbers))
        self.groups = _joined(singles)
        self.best = _later([float(group.score.max()) for group in self.groups])
        self.best_reduced = _later([float(group.reduced.max()) for group in self.groups])
        self.least = [
            np.array([sum(float(group.rows[j].min()) for group in self.groups[i:]) for j in range(len(rows))])
            for i in range(len(self.groups) + 1)
        ]

    def run(self, beginnings: int) -> Iterator[tuple[float, Numbers | None]]:
        """Yield complete choices, best first; finally (nan, None) if too many partial choices were examined."""
        count = itertools.count()
        heap: list[tuple[float, int, int, _Siblings, int]] = []
        depth = len(self.groups)

        def put(siblings: _Siblings, place: int) -> None:
            if place < len(siblings.order):
                heapq.heappush(heap, (-siblings.bounds[place], -siblings.depth, next(count), siblings, place))

        put(self._siblings(None, 0), 0)
        looked = 0
        while heap:
            bound, _, _, siblings, place = heapq.heappop(heap)
            put(siblings, place + 1)
            if siblings.depth == depth - 1:
                looked = 0
                yield -bound, self._numbers(siblings, place)
                continue
            looked += 1
            if looked > beginnings:
                yield math.nan, None
                return
            put(self._siblings(siblings, place), 0)

    def _siblings(self, parent: _Siblings | None, place: int) -> _Siblings:
        """Return all extensions of a partial choice by one group, the most promising first."""
        depth = 0 if parent is None else parent.depth + 1
        score, reduced, rows = 0.0, self.constant, np.zeros(len(self.limits))
        if parent is not None:
            option, group = int(parent.order[place]), self.groups[parent.depth]
            score = parent.score + float(group.score[option])
            reduced = parent.reduced + float(group.reduced[option])
            rows = parent.rows + group.rows[:, option]
        group = self.groups[depth]
        bounds = score + group.score + self.best[depth + 1]
        if depth + 1 < len(self.groups):
            bounds = np.minimum(bounds, reduced + group.reduced + self.best_reduced[depth + 1])
        if len(rows):
            left = self.limits - rows - self.least[depth + 1]
            kept = np.flatnonzero((group.rows <= left[:, None]).all(0))
        else:
            kept = np.arange(len(bounds))
        order = kept[np.argsort(-bounds[kept], kind="stable")]
        return _Siblings(depth, score, reduced, rows, order, bounds[order].tolist(), parent, place)

    def _numbers(self, siblings: _Siblings, place: int) -> Numbers:
        found: list[int] = []
        at: _Siblings | None = siblings
        while at is not None:
            found = [*self.groups[at.depth].numbers[at.order[place]].tolist(), *found]
            place = at.place
            at = at.parent
        return tuple(found)


@dataclass(frozen=True, eq=False)
class _Siblings:
    """The options of one group after one partial choice."""

    depth: int
    score: float
    reduced: float
    rows: Floats
    order: NDArray[np.intp]
    bounds: list[float]
    parent: _Siblings | None
    place: int  # of the partial choice's last option among its own siblings


def _joined(groups: Sequence[_Group]) -> list[_Group]:
    """Merge neighbouring groups while they have few options, which gives fewer steps on longer arrays."""
    found: list[_Group] = []
    for group in groups:
        if found and len(found[-1].score) * len(group.score) <= _JOINED:
            a = found.pop()
            numbers = np.concatenate(
                [np.repeat(a.numbers, len(group.numbers), 0), np.tile(group.numbers, (len(a.numbers), 1))], 1
            )
            group = _Group(
                np.add.outer(a.score, group.score).ravel(),
                np.add.outer(a.reduced, group.reduced).ravel(),
                (a.rows[:, :, None] + group.rows[:, None, :]).reshape(len(a.rows), len(numbers)),
                numbers,
            )
        found.append(group)
    return found


def _later(values: Sequence[float]) -> list[float]:
    """Return the sum of all following values, for each position and the end."""
    return [math.fsum(values[i:]) for i in range(len(values) + 1)]


def _by_programming(
    score: Sequence[Floats], rows: Sequence[Sequence[Floats]], limits: Floats, found: Sequence[Numbers]
) -> Iterator[tuple[float, Numbers]]:
    """Yield the remaining choices, each as an optimum of integer programming that excludes those before it."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    made = _relaxation(score, rows, limits)
    spread = float(np.ptp(made["cost"])) or 1.0
    starts = np.cumsum([0, *(len(one) for one in score)])
    constraints = [LinearConstraint(made["one_each"], 1, 1)]
    if rows:
        constraints.append(LinearConstraint(made["matrix"], -np.inf, made["limits"]))
    taken = list(found)
    while True:
        cuts = np.zeros((len(taken), len(made["cost"])))
        for cut, numbers in zip(cuts, taken, strict=True):
            cut[starts[:-1] + np.array(numbers)] = 1
        further = [LinearConstraint(cuts, -np.inf, len(score) - 1)] if taken else []
        solved = milp(
            made["cost"] * (1e3 / spread),  # the solver's own tolerances are absolute
            constraints=[*constraints, *further],
            integrality=np.ones(len(made["cost"])),
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0.0, "time_limit": SECONDS},
        )
        if solved.status == 2:
            return
        if solved.status != 0:
            raise InvalidInputError(
                f"integer programming found no choice within the bounds in {SECONDS:g} s, and did not show that there "
                "is none: widen the bounds."
            )
        numbers = tuple(int(solved.x[a:b].argmax()) for a, b in itertools.pairwise(starts.tolist()))
        taken.append(numbers)
        sums = [math.fsum(float(one[i]) for one, i in zip(row, numbers, strict=True)) for row in rows]
        if all(total <= limit for total, limit in zip(sums, limits.tolist(), strict=True)):
            yield math.fsum(float(one[i]) for one, i in zip(score, numbers, strict=True)), numbers
