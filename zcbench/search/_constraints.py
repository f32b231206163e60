"""Hard constraints: the architectures that may be searched, and the message if there are none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench import _arguments as rules
from zcbench._display import brief
from zcbench.errors import InvalidInputError
from zcbench.scorers import Context, Scorer
from zcbench.search._base import Floats
from zcbench.search._quantities import Quantity, noted, quantity
from zcbench.types import Architecture, SearchSpace

_NUMBER = r"[-+]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?:inf|nan)"
_ONE = re.compile(rf"(.*[^<>=!\s])\s*(<=|>=|==|<|>)\s*({_NUMBER})", re.IGNORECASE)
_TURNED = re.compile(rf"({_NUMBER})\s*(<=|>=|==|<|>)\s*([^<>=\s].*)", re.IGNORECASE)
_COMMA = re.compile(r",(?![^(]*\))")  # outside brackets
_TURN = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "==": "=="}
_FORM = "write bounds like  params<=1e6  or  10<=flops_M<=60"


@dataclass(frozen=True)
class Constraint:
    """Bounds on a number of an architecture, both inclusive.

    Attributes:
        on: name of a fact or scorer, a scorer, or a function from an architecture to a number. Without bounds, a
            function returns whether an architecture is allowed.
        low: smallest allowed number.
        high: largest allowed number.
        predicate: whether it is a function without bounds.

    Raises:
        InvalidInputError: a bound is not a number, or the largest is below the smallest.
    """

    on: str | Scorer | Quantity | Callable[[Architecture], Any]
    low: float = -math.inf
    high: float = math.inf
    predicate: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        what = f"the bound of {self.name}"
        for side, open_end in (("low", -math.inf), ("high", math.inf)):
            given = getattr(self, side)
            value = open_end if given is None or given == open_end else rules.number(what, given)
            object.__setattr__(self, side, value)
        if self.low > self.high:
            raise InvalidInputError(
                f"the bounds of {self.name} are reversed: {self.low:g} is above {self.high:g}. Give the smaller first."
            )
        if math.isinf(self.low) and math.isinf(self.high):
            if isinstance(self.on, str) or not callable(self.on) or isinstance(self.on, Scorer):
                raise InvalidInputError(f"a constraint on {self.name} needs a bound: {_FORM}.")
            object.__setattr__(self, "low", 1.0)
            object.__setattr__(self, "predicate", True)

    @property
    def name(self) -> str:
        """The name of the constrained quantity."""
        if isinstance(self.on, str):
            return self.on
        return str(getattr(self.on, "label", None) or getattr(self.on, "__name__", type(self.on).__name__))

    def __str__(self) -> str:
        if self.predicate:
            return self.name
        if self.low == self.high:
            return f"{self.name}=={self.low!r}"
        low = f"{self.low!r}<=" if self.low > -math.inf else ""
        return f"{low}{self.name}" + (f"<={self.high!r}" if self.high < math.inf else "")


def read_constraints(given: Any) -> list[Constraint]:
    """Read constraints from the forms in which users give them.

    Args:
        given: None; a text such as "params<=1e6" or "10<=flops_M<=60"; a mapping from names to largest numbers or to
            (smallest, largest), None where there is no bound; a function that returns whether an architecture is
            allowed; a :class:`Constraint`; or several of these in a list.

    Raises:
        InvalidInputError: the value is none of these, or a bound is not a number.
    """
    if given is None:
        return []
    if isinstance(given, Constraint):
        return [given]
    if isinstance(given, str):
        return [_read(part) for part in _COMMA.split(given)] if given.strip() else []
    if isinstance(given, Mapping):
        return [_bounded(name, bound) for name, bound in given.items()]
    if isinstance(given, Iterable) and not isinstance(given, bytes | Scorer):
        return [constraint for one in given for constraint in read_constraints(one)]
    if callable(given) and not isinstance(given, Scorer):
        return [Constraint(rules.called_with(1)("a constraint", given))]
    raise InvalidInputError(f"the constraint {rules.shown(given)} cannot be read: {_FORM}.")


def _read(text: str) -> Constraint:
    text = text.strip()
    found = _ONE.fullmatch(text)
    name, bounds = text, []
    if found is not None:
        name = found[1]
        bounds.append((found[2], found[3]))
    turned = _TURNED.fullmatch(name)
    if turned is not None:
        name = turned[3]
        bounds.append((_TURN[turned[2]], turned[1]))
    if not bounds or re.fullmatch(_NUMBER, name, re.IGNORECASE):
        raise InvalidInputError(f"the constraint {rules.shown(text)} cannot be read: {_FORM}.")
    low, high = -math.inf, math.inf
    for sign, number in bounds:
        value = rules.number(f"the bound of {name}", float(number.replace("_", "")))
        if sign in (">=", ">", "=="):
            low = max(low, math.nextafter(value, math.inf) if sign == ">" else value)
        if sign in ("<=", "<", "=="):
            high = min(high, math.nextafter(value, -math.inf) if sign == "<" else value)
    if low > high:
        raise InvalidInputError(f"nothing satisfies the constraint {rules.shown(text)}: its bounds exclude each other.")
    return Constraint(name.strip(), low, high)


def _bounded(name: Any, bound: Any) -> Constraint:
    if isinstance(bound, tuple | list):
        if len(bound) != 2:
            raise InvalidInputError(
                f"bounds of {rules.shown(name)} must be (smallest, largest), not {rules.shown(bound)}."
            )
        return Constraint(name, *bound)
    if bound is None or isinstance(bound, str):
        raise InvalidInputError(
            f"the bound of {rules.shown(name)} is {rules.shown(bound)}: give a number, or (smallest, largest)."
        )
    return Constraint(name, high=bound)


class Constraints:
    """The constraints of one search.

    Args:
        given: anything that :func:`read_constraints` takes.
        where: the searched space; a context also determines the table and the samples that scorers measure on.

    Raises:
        InvalidInputError: the constraints cannot be read, or exclude each other.
        UnknownNameError: no fact and no scorer has this name.
    """

    def __init__(self, given: Any, where: SearchSpace | Context) -> None:
        context = where if isinstance(where, Context) else Context(where, batch_size=16)
        self.space = context.space
        self.given = read_constraints(given)
        by_name: dict[Any, list[Constraint]] = {}
        for one in self.given:
            by_name.setdefault(one.on, []).append(one)
        self.quantities = [quantity(on, context) for on in by_name]
        self.predicates = [several[0].predicate for several in by_name.values()]
        self.low = np.array([max(one.low for one in several) for several in by_name.values()])
        self.high = np.array([min(one.high for one in several) for several in by_name.values()])
        for each, low, high in zip(self.quantities, self.low.tolist(), self.high.tolist(), strict=True):
            if low > high:
                raise InvalidInputError(
                    f"the constraints on {each.label} exclude each other: at least {low:g} and at most {high:g}."
                )
        self._dropped: dict[str, str] = {}

    @property
    def cheap(self) -> bool:
        """Whether the numbers of all architectures of a table or of a small space are cheap to compute."""
        return all(one.cheap or one.as_sum(self.space) is not None for one in self.quantities)

    def __bool__(self) -> bool:
        return bool(self.given)

    def __len__(self) -> int:
        return len(self.quantities)

    def __repr__(self) -> str:
        return brief(f"<Constraints {', '.join(map(str, self.given)) or 'none'}>")

    def values(self, architectures: Sequence[Architecture]) -> Floats:
        """Return the bounded numbers ``(architectures, quantities)``; nan where there is none."""
        return np.stack([one.values(architectures, self.space) for one in self.quantities], 1)

    def allows(self, architectures: Sequence[Architecture]) -> NDArray[np.bool_]:
        """Return whether each architecture satisfies all constraints ``(n,)``; one without a number does not."""
        kept = np.ones(len(architectures), bool)
        # Cheap quantities decide first; expensive ones are computed only for the remaining architectures.
        for one, low, high in sorted(
            zip(self.quantities, self.low, self.high, strict=True),
            key=lambda entry: (entry[0].timed is not None, not entry[0].free),
        ):
            rows = np.flatnonzero(kept).tolist()
            if rows:
                found = one.values([architectures[row] for row in rows], self.space)
                kept[rows] = (found >= low) & (found <= high)  # both are False for nan
        return kept

    def keeps(self, architecture: Architecture) -> bool:
        """Return whether one architecture satisfies all constraints, by its exact numbers.

        If a quantity was treated as a sum over choices and is not one, it is computed for each architecture from then
        on.
        """
        fine = True
        for one, low, high in zip(self.quantities, self.low.tolist(), self.high.tolist(), strict=True):
            value = float(one.true([architecture])[0])
            if not low <= value <= high:
                fine = False
                if low <= float(one.values([architecture], self.space)[0]) <= high:
                    one.drop_sum()
                    self._dropped[one.label] = (
                        f"{one.label} was treated as a sum over choices but is not one at {architecture}; since then "
                        "it is computed for each architecture."
                    )
        return fine

    def violations(self, architectures: Sequence[Architecture]) -> Floats:
        """Return the distance of each architecture from the bounds ``(n,)``: 0 within them, inf without a number.

        The distance of each quantity is divided by the size of its bounds to make quantities comparable.
        """
        found = self.values(architectures)
        size = np.maximum(np.where(np.isfinite(self.low), np.abs(self.low), 0.0), 1e-12)
        size = np.maximum(size, np.where(np.isfinite(self.high), np.abs(self.high), 0.0))
        outside = np.maximum(0.0, np.maximum(self.low - found, found - self.high)) / size
        total: Floats = np.where(np.isnan(found), math.inf, outside).sum(1)
        return total

    @property
    def timed(self) -> bool:
        """Whether one of the numbers is a measured time."""
        return any(one.timed is not None for one in self.quantities)

    def meter(self, metered: Callable[[Scorer], Scorer]) -> None:
        """Record measured times: ``metered`` wraps a scorer into one whose scores are recorded."""
        for one in self.quantities:
            one.meter(metered)

    def take_seconds(self) -> float:
        """Return the seconds that the quantities took since the last call."""
        return sum(one.take_seconds() for one in self.quantities)

    def notes(self) -> list[str]:
        """Return sentences that a reader of the result needs to know."""
        return [*(note for one in self.quantities for note in noted(one)), *self._dropped.values()]

    def state(self) -> dict[str, str]:
        """Return what was found out about the quantities and affects what is allowed, as JSON-compatible values."""
        return dict(self._dropped)

    def restore(self, state: Mapping[str, str]) -> None:
        """Restore the state from :meth:`state`."""
        self._dropped = dict(state)
        for one in self.quantities:
            if one.label in state:
                one.drop_sum()
