"""Functions that are sums over choices: their contributions are identified, and other functions are refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import brief, many
from zcbench.errors import InvalidInputError
from zcbench.search._base import Floats
from zcbench.search._parts import Parts, Whole, parts_of
from zcbench.types import Architecture, SearchSpace

#: largest difference, relative to the spread of all values, with which a function counts as a sum
TOLERANCE = 1e-6
#: exchanges that are tried first; each needs four architectures
_EXCHANGES = 4
_BASES = 10
Values = Callable[[Sequence[Architecture]], Any]


class NotAdditiveError(InvalidInputError):
    """A function that is not a sum over choices, or for which this cannot be determined."""


@dataclass(frozen=True, eq=False, repr=False)
class Additive:
    """A function that is a constant plus a sum over choices.

    Attributes:
        parts: the choices.
        contributions: for each choice, the contribution of each of its options ``(options,)``.
        constant: added for every architecture.
        error: largest observed difference between the sum and the function that it was fitted to.
        checked: number of architectures on which the error was measured, including those used for the fit.
    """

    parts: Parts
    contributions: tuple[Floats, ...]
    constant: float = 0.0
    error: float = 0.0
    checked: int = 0

    def __repr__(self) -> str:
        return brief(f"<Additive over {many(len(self.parts), 'choice')} of {self.parts.space!r}>")

    @classmethod
    def of(cls, space: SearchSpace, contributions: Sequence[Any], constant: float = 0.0) -> Additive:
        """Make a sum of known numbers, such as a linear predictor's weights or a table of latencies by operation.

        Args:
            space: a space of independent choices.
            contributions: for each choice, a mapping from its options to numbers, or numbers in the options' order.
            constant: added for every architecture.

        Raises:
            InvalidInputError: the space's choices depend on one another, or an option has no finite number.
        """
        parts = _parts(space)
        if len(contributions) != len(parts):
            raise InvalidInputError(
                f"give contributions of {many(len(parts), 'choice')} of {space.name}, not of {len(contributions)}."
            )
        found = []
        for place, (options, given) in enumerate(zip(parts.options, contributions, strict=True), 1):
            if isinstance(given, Mapping):
                missing = [option for option in options if option not in given]
                if missing:
                    raise InvalidInputError(f"choice {place}: give a contribution of {rules.shown(missing[0])}.")
                given = [given[option] for option in options]
            numbers = [rules.number(f"a contribution of choice {place}", one) for one in given]
            if len(numbers) != len(options):
                raise InvalidInputError(f"choice {place}: give {len(options)} contributions, not {len(numbers)}.")
            found.append(np.array(numbers))
        return cls(parts, tuple(found), rules.number("the constant", constant))

    @classmethod
    def fit(
        cls,
        space: SearchSpace,
        function: Values,
        *,
        name: str = "the function",
        sample: int = 100,
        seed: int = 0,
        tolerance: float = TOLERANCE,
    ) -> Additive:
        """Determine whether a function is a sum over choices, and find its contributions.

        First, options are exchanged between random pairs of architectures, which does not change the total of a sum.
        Then every option is tried in one architecture to find the contributions. Finally, the sum is compared with the
        function on a random sample.

        Args:
            space: a space of independent choices.
            function: from architectures ``(n,)`` to numbers ``(n,)``, nan where there is no value.
            name: name of the function in messages.
            sample: number of architectures on which the sum is checked.
            seed: determines these architectures.
            tolerance: largest difference, relative to the spread of all values, with which the function counts as a
                sum.

        Raises:
            NotAdditiveError: the function is not a sum, or has no value somewhere; the message gives the difference.
            InvalidInputError: the space's choices depend on one another.
        """
        parts = _parts(space)
        rng = np.random.default_rng(seed)

        def values(numbers: Whole) -> Floats:
            found = np.asarray(function([parts.architecture(row) for row in numbers]), np.float64)
            if found.shape != (len(numbers),):
                raise InvalidInputError(f"{name} returned {rules.shown(found)} for {len(numbers)} architectures.")
            return found

        _check_exchanges(parts, values, rng, name, tolerance)
        base, first = _base(parts, values, rng, name)
        contributions = []
        for part in range(len(parts)):
            tried = [0, *parts.leading(part)]
            rows = np.repeat(base[None], len(tried), 0)
            rows[:, part] = tried
            new = rows[:, part] != base[part]
            found = np.full(len(tried), first)
            if new.any():
                found[new] = _finite(values(rows[new]), rows[new], parts, name)
            contributions.append(parts.spread(part, tried[1:], found[1:] - found[0]))
        constant = first - math.fsum(one[i] for one, i in zip(contributions, base.tolist(), strict=True))
        made = cls(parts, tuple(contributions), constant)
        return made._checked(values, rng, name, sample, tolerance)

    def _checked(
        self, values: Callable[[Whole], Floats], rng: np.random.Generator, name: str, sample: int, tolerance: float
    ) -> Additive:
        rows = self.parts.draw(rng, sample)
        true = _finite(values(rows), rows, self.parts, name)
        off = np.abs(true - self._of_numbers(rows))
        worst = float(off.max(initial=0.0))
        low, high = self.reach
        if worst > tolerance * max(high - low, float(np.ptp(true)) if len(true) else 0.0):
            place = int(off.argmax())
            raise NotAdditiveError(
                f"{name} is not a sum over the choices of {self.parts.space.name}: on {many(sample, 'architecture')} "
                f"the sum differs by up to {worst:.4g} ({true[place]:.6g} for {self.parts.architecture(rows[place])})."
            )
        return Additive(self.parts, self.contributions, self.constant, worst, sample)

    def _of_numbers(self, numbers: Whole) -> Floats:
        total = np.full(len(numbers), self.constant)
        for part, contributions in enumerate(self.contributions):
            total += contributions[numbers[:, part]]
        return total

    def values(self, architectures: Iterable[Architecture]) -> Floats:
        """Return the sums ``(n,)``."""
        return self._of_numbers(self.parts.numbers(architectures))

    @property
    def reach(self) -> tuple[float, float]:
        """Smallest and largest sum over all architectures."""
        low = self.constant + math.fsum(float(one.min()) for one in self.contributions)
        high = self.constant + math.fsum(float(one.max()) for one in self.contributions)
        return low, high


def _parts(space: SearchSpace) -> Parts:
    parts = parts_of(space)
    if parts is None:
        raise InvalidInputError(
            f"the choices of {space.name} depend on one another: functions on it cannot be sums over choices."
        )
    return parts


def _finite(found: Floats, rows: Whole, parts: Parts, name: str) -> Floats:
    missing = np.flatnonzero(~np.isfinite(found))
    if len(missing):
        raise NotAdditiveError(f"{name} has no value for {parts.architecture(rows[missing[0]])}: it is not a sum.")
    return found


def _check_exchanges(
    parts: Parts, values: Callable[[Whole], Floats], rng: np.random.Generator, name: str, tolerance: float
) -> None:
    """Refuse most functions that are not sums after a few evaluations."""
    a, b = parts.draw(rng, _EXCHANGES), parts.draw(rng, _EXCHANGES)
    taken = rng.random((_EXCHANGES, len(parts))) < 0.5
    rows = np.concatenate([a, b, np.where(taken, b, a), np.where(taken, a, b)])
    found = values(rows)
    kept = found.reshape(4, _EXCHANGES)
    off = np.abs(kept[0] + kept[1] - kept[2] - kept[3])
    off = off[np.isfinite(off)]
    spread = float(np.nanmax(found) - np.nanmin(found)) if np.isfinite(found).any() else 0.0
    if off.size and (worst := float(off.max())) > 4 * tolerance * spread:
        raise NotAdditiveError(
            f"{name} is not a sum over the choices of {parts.space.name}: when two architectures exchange options, "
            f"their total changes by {worst:.4g} (values differ by {spread:.4g})."
        )


def _base(parts: Parts, values: Callable[[Whole], Floats], rng: np.random.Generator, name: str) -> tuple[Whole, float]:
    """Return an architecture that has a value, and the value."""
    for _ in range(_BASES):
        row = parts.draw(rng, 1)
        if math.isfinite(value := float(values(row)[0])):
            return row[0], value
    raise NotAdditiveError(f"{name} has no value for any of {_BASES} architectures of {parts.space.name}.")
