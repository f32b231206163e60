"""Checks whether constraints can be satisfied, and describes the reachable values if they cannot."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from zcbench._display import many
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.search._additive import Additive
from zcbench.search._base import Floats
from zcbench.search._best_first import Bounded, best_first
from zcbench.search._constraints import Constraints
from zcbench.search._towards import towards
from zcbench.types import Architecture, SearchSpace

#: number of architectures drawn if a quantity is neither a sum nor in a table; fewer if each has a cost, and fewest if
#: it is a time
DRAWN, DRAWN_AT_COST, DRAWN_TIMED = 1_000, 100, 8
#: how many of these are changed towards the bounds
CHANGED = 10
#: largest size of a space that is enumerated
COUNTABLE = 200_000


def check_reachable(
    constraints: Constraints, candidates: Sequence[Architecture] | None, rng: np.random.Generator
) -> None:
    """Refuse constraints that no architecture satisfies.

    The check is exact if all quantities are sums over choices, or if a table or a small space can be enumerated.
    Otherwise architectures are drawn, and some of them are changed step by step towards the bounds.

    Args:
        constraints: the constraints.
        candidates: rows of a table; None for the whole space.
        rng: random numbers for the draws.

    Raises:
        InvalidInputError: no architecture satisfies them, or none was found; the message gives the reachable values.
    """
    if not constraints:
        return
    reach = _reach(constraints, candidates, rng)
    every = list(range(len(constraints)))
    if reach.possible(every):
        return
    raise InvalidInputError(_sentence(constraints, reach, every))


class _Reach(ABC):
    """The reachable values of quantities."""

    #: the examined architectures, as the end of a sentence; "" if these are all
    seen = ""
    #: whether an architecture that was not found does not exist
    exact = True

    def __init__(self, constraints: Constraints) -> None:
        self.constraints = constraints

    @abstractmethod
    def span(self, which: int, others: Sequence[int] = ()) -> tuple[float, float] | None:
        """Return the smallest and largest value of a quantity within the bounds of others; None if nothing is."""

    @abstractmethod
    def possible(self, which: Sequence[int]) -> bool:
        """Return whether an architecture satisfies these constraints."""


class _OfRows(_Reach):
    """Reachable values from those of architectures: of all, or of a sample."""

    def __init__(self, constraints: Constraints, values: Floats, seen: str, *, exact: bool) -> None:
        super().__init__(constraints)
        self.values, self.seen, self.exact = values, seen, exact
        self.kept = (values >= constraints.low) & (values <= constraints.high)

    def span(self, which: int, others: Sequence[int] = ()) -> tuple[float, float] | None:
        found = self.values[self.kept[:, list(others)].all(1), which]
        found = found[np.isfinite(found)]
        return (float(found.min()), float(found.max())) if len(found) else None

    def possible(self, which: Sequence[int]) -> bool:
        return bool(self.kept[:, list(which)].all(1).any())


class _OfSums(_Reach):
    """Reachable values from sums over choices."""

    def __init__(self, constraints: Constraints, sums: Sequence[Additive]) -> None:
        super().__init__(constraints)
        self.sums = sums

    def _bounds(self, which: Sequence[int]) -> list[Bounded]:
        return [bounded(self.sums[i], float(self.constraints.low[i]), float(self.constraints.high[i])) for i in which]

    def span(self, which: int, others: Sequence[int] = ()) -> tuple[float, float] | None:
        one, bounds = self.sums[which], self._bounds(others)
        largest = next(best_first(one.contributions, bounds), None)
        smallest = next(best_first([-part for part in one.contributions], bounds), None)
        if largest is None or smallest is None:
            return None
        return one.constant - smallest[0], one.constant + largest[0]

    def possible(self, which: Sequence[int]) -> bool:
        nothing = [np.zeros(len(part)) for part in self.sums[0].contributions]
        return next(best_first(nothing, self._bounds(which)), None) is not None


def bounded(one: Additive, low: float, high: float) -> Bounded:
    """Return bounds on an additive function as bounds on the sum of its contributions."""
    return Bounded(one.contributions, low - one.constant, high - one.constant)


def _reach(constraints: Constraints, candidates: Sequence[Architecture] | None, rng: np.random.Generator) -> _Reach:
    space = constraints.space
    if candidates is not None and constraints.cheap:
        return _OfRows(constraints, constraints.values(candidates), "in the table", exact=True)
    if candidates is None:
        sums = [one.as_sum(space) for one in constraints.quantities]
        found = [one for one in sums if one is not None]
        if len(found) == len(sums):
            return _OfSums(constraints, found)
        if constraints.cheap and space.size is not None and space.size <= COUNTABLE:
            return _OfRows(constraints, constraints.values(list(space)), "", exact=True)
    return _of_sample(constraints, candidates, rng)


def _of_sample(constraints: Constraints, candidates: Sequence[Architecture] | None, rng: np.random.Generator) -> _Reach:
    count = DRAWN_TIMED if constraints.timed else DRAWN if constraints.cheap else DRAWN_AT_COST
    drawn = _draw(constraints.space, candidates, rng, count)
    if constraints.timed and candidates is None:
        ends = [getattr(constraints.space, name, None) for name in ("smallest", "largest")]
        drawn = list(dict.fromkeys([*(one for one in ends if one is not None), *drawn]))
    values = constraints.values(drawn)
    seen = f"among {many(len(drawn), 'architecture')} drawn at random"
    sample = _OfRows(constraints, values, seen, exact=False)
    if sample.possible(range(len(constraints))):
        return sample
    known = None if candidates is None else frozenset(candidates)
    distances = constraints.violations(drawn)
    order = np.argsort(distances, kind="stable")[:CHANGED]
    seen += f", of which {len(order)} were changed towards the bounds"
    for start in (drawn[int(row)] for row in order):
        found: list[Architecture] = []
        with suppress(UnsupportedModelError):  # names without a space cannot be changed
            found = towards(start, constraints.space, constraints.violations, rng, known=known, further=0)
        if found:
            values = np.concatenate([values, constraints.values(found)])
            break
    return _OfRows(constraints, values, seen, exact=False)


def _draw(
    space: SearchSpace, candidates: Sequence[Architecture] | None, rng: np.random.Generator, count: int
) -> list[Architecture]:
    if candidates is not None:
        rows = rng.permutation(len(candidates))[:count]
        return [candidates[int(row)] for row in rows]
    return list(dict.fromkeys(space.sample(rng) for _ in range(count)))


def _sentence(constraints: Constraints, reach: _Reach, every: Sequence[int]) -> str:
    """Describe which constraints cannot be satisfied, and the reachable values."""
    space = constraints.space.name
    alone = [i for i in every if not reach.possible([i])]
    where = f" {reach.seen}" if reach.seen else ""
    if alone:
        spans = "; ".join(_alone(constraints, reach, i, where) for i in alone)
        texts = " or ".join(_text(constraints, i) for i in alone)
        return f"{_subject(reach, space)} {texts}: {spans}."
    core = _core(reach, every)
    parts = []
    for i in core[:2]:
        others = [j for j in core if j != i]
        span = reach.span(i, others)
        if span is not None:
            parts.append(f"where {_texts(constraints, others)}, {_from_to(constraints, i, span)}{where}")
    return (
        f"{_subject(reach, space)} {_texts(constraints, core)} together, though each can be satisfied alone: "
        f"{'; '.join(parts)}."
    )


def _subject(reach: _Reach, space: str) -> str:
    return f"no architecture of {space} meets" if reach.exact else f"no architecture of {space} was found to meet"


def _core(reach: _Reach, every: Sequence[int]) -> list[int]:
    """Return a minimal set of constraints that exclude each other."""
    core = list(every)
    for i in every:
        fewer = [j for j in core if j != i]
        if fewer and not reach.possible(fewer):
            core = fewer
    return core


def _alone(constraints: Constraints, reach: _Reach, which: int, where: str) -> str:
    one = constraints.quantities[which]
    span = reach.span(which)
    if span is None:
        return f"{one.label} has no value for any{where}" + (f" ({one.example})" if one.example else "")
    if constraints.predicates[which]:
        return f"{one.label} allows nothing{where}"
    return f"{_from_to(constraints, which, span)}{where}"


def _from_to(constraints: Constraints, which: int, span: tuple[float, float]) -> str:
    label = constraints.quantities[which].label
    low, high = (_number(edge) for edge in span)
    return f"{label} is {low} everywhere" if low == high else f"{label} ranges from {low} to {high}"


def _texts(constraints: Constraints, which: Sequence[int]) -> str:
    return " and ".join(_text(constraints, i) for i in which)


def _text(constraints: Constraints, which: int) -> str:
    label = constraints.quantities[which].label
    low, high = float(constraints.low[which]), float(constraints.high[which])
    if constraints.predicates[which]:
        return label
    if low == high:
        return f"{label} == {_number(low)}"
    left = f"{_number(low)} <= " if low > -math.inf else ""
    return f"{left}{label}" + (f" <= {_number(high)}" if high < math.inf else "")


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.6g}"
