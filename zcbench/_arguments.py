"""Validation of the arguments of public functions and declarations: one rule for each kind of value.

A rule takes the name of the argument, in words, and the value. It returns the value or raises InvalidInputError with
one sentence.
"""

from __future__ import annotations

import inspect
import math
import operator
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, TypeAlias

from zcbench.errors import InvalidInputError

#: From the argument's name and a value to the value.
Rule: TypeAlias = Callable[[str, Any], Any]

#: Largest version that every reader of a store accepts.
NEWEST = 10**9
#: Range of the seeds that public functions accept; numpy accepts no larger ones.
SEEDS = (0, 2**32 - 1)
#: Range of whole numbers that a setting can have.
WHOLE = (-(2**63), 2**63 - 1)


class _Bounded(reprlib.Repr):
    """The repr of containers by their first entries, whatever the types of their entries."""

    def repr_instance(self, x: object, level: int) -> str:
        return repr(x)

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict(dict(islice(x.items(), self.maxdict + 1)), level)  # super().repr_dict sorts them

    def repr_set(self, x: set[Any], level: int) -> str:
        return super().repr_set(set(islice(x, self.maxset + 1)), level)


_REPR = _Bounded()
_REPR.maxlevel = 4
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = _REPR.maxfrozenset = _REPR.maxdeque = 20
_REPR.maxstring = _REPR.maxlong = 100
_REPR.fillvalue = "…"


def shown(value: object, length: int = 60) -> str:
    """Return the repr of a value for a message, in one line of at most ``length`` characters.

    Of strings and containers, only the displayed part is read. A value without a repr is described by its type.
    """
    try:
        long = isinstance(value, (str, bytes))
        text = repr(value[: length + 1]) if long else " ".join(_REPR.repr(value).split())  # type: ignore[index]
    except Exception:  # a user-defined repr raised, or the number has more digits than Python prints
        text = f"a {type(value).__name__}"
    return text if len(text) <= length else f"{text[: length - 1]}…"


def whole(what: str, value: object, low: int = WHOLE[0], high: int = WHOLE[1]) -> int:
    """Validate a whole number from ``low`` to ``high``; integers of numpy are accepted, bools and floats are not."""
    try:
        if isinstance(value, bool) or type(value).__name__ == "bool_":
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidInputError(f"{what} {shown(value)}: choose a whole number.") from None
    if not low <= number <= high:
        limit = f"at least {low}" if number < low else f"at most {high}"
        raise InvalidInputError(f"{what} {shown(number)}: choose {limit}.")
    return number


def number(what: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
    """Validate a finite number from ``low`` to ``high``."""
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"{what} {shown(value)}: choose a finite number.") from None
    if not math.isfinite(found):
        raise InvalidInputError(f"{what} {shown(value)}: choose a finite number.")
    if not low <= found <= high:
        limit = f"at least {low:g}" if found < low else f"at most {high:g}"
        raise InvalidInputError(f"{what} {shown(value)}: choose {limit}.")
    return found


def seed(what: str, value: object) -> int:
    """Validate a seed; see :data:`SEEDS`."""
    try:
        return whole(what, value, *SEEDS)
    except InvalidInputError:
        raise InvalidInputError(f"{what} {shown(value)}: choose a number from {SEEDS[0]} to {SEEDS[1]}.") from None


def version(what: str, value: object) -> int:
    """Validate a positive whole number up to :data:`NEWEST`, of type ``int`` so that it can be written as JSON."""
    if type(value) is not int or not 1 <= value <= NEWEST:
        raise InvalidInputError(f"{what} must be a positive integer up to {NEWEST}, not {shown(value)}.")
    return value


def flag(what: str, value: object) -> bool:
    """Validate True or False."""
    if not isinstance(value, bool):
        raise InvalidInputError(f"{what} must be True or False, not {shown(value)}.")
    return value


def text(what: str, value: object) -> str:
    """Validate text of one line."""
    if not isinstance(value, str):
        raise InvalidInputError(f"{what} must be text, not {shown(value)}.")
    if len(value.splitlines()) > 1:
        raise InvalidInputError(f"{what} must be one line of text, not {shown(value)}.")
    return value


def choice(noun: str, options: Iterable[str]) -> Rule:
    """Return the rule that a value is one of these names."""
    known = tuple(options)

    def check(what: str, value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise InvalidInputError(f"{what}: unknown {noun} {shown(value)}; known: {', '.join(known)}.")
        return value

    return check


def names(noun: str, known: Iterable[str] | Callable[[], Iterable[str]] = (), *, least: int = 0) -> Rule:
    """Return the rule that a value is a tuple of different names.

    Args:
        noun: the noun for one name, for messages.
        known: names that exist, or a function that returns them; if empty, any text is a name.
        least: smallest number of names.
    """

    def check(what: str, value: object) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
            example = (value if isinstance(value, str) else "name",)
            raise InvalidInputError(f"{what} must be a tuple of texts such as {shown(example)}, not {shown(value)}.")
        options = () if not value else tuple(known() if callable(known) else known)
        for one in value:
            if not one.strip() or (options and one not in options):
                raise InvalidInputError(
                    f"{what}: unknown {noun} {shown(one)}; known: {', '.join(sorted(options)) or 'all but blank text'}."
                )
        if len(set(value)) < len(value):
            raise InvalidInputError(f"{what} {shown(value)}: a name is repeated.")
        if len(value) < least:
            raise InvalidInputError(f"{what} {shown(value)}: give at least {least}.")
        return value

    return check


def path(what: str, value: object) -> str:
    """Return the path of a file or folder as text; a ``pathlib.Path`` is accepted."""
    found = None
    with suppress(TypeError):
        found = os.fspath(value)  # type: ignore[call-overload]
    if not isinstance(found, str) or not found or "\0" in found:
        raise InvalidInputError(f"{what} {shown(value)}: give a path, as text or pathlib.Path.")
    return found


def all_text(what: str, value: object) -> list[str]:
    """Return the strings of an iterable; a single string is a list of one."""
    if isinstance(value, str):
        return [value]
    try:
        if isinstance(value, Mapping):  # its values would be lost
            raise TypeError
        found: list[Any] = list(value)  # type: ignore[call-overload]
    except TypeError:
        raise InvalidInputError(f"{what} {shown(value)}: give names, one text or several in a list.") from None
    for one in found:
        if not isinstance(one, str):
            raise InvalidInputError(f"{what}: {shown(one)} is not a name: give texts.")
    return found


def by_name(kind: str, things: Iterable[Any]) -> dict[Any, Any]:
    """Return named objects by name; a name must not occur twice."""
    found: dict[Any, Any] = {}
    for thing in things:
        name = getattr(thing, "name", None)
        if not isinstance(name, str):
            raise InvalidInputError(
                f"{shown(thing)} cannot be registered as a {kind}: it has no name that is a string."
            )
        if name in found:
            raise InvalidInputError(f"two {kind}s named {name!r} were given.")
        found[name] = thing
    return found


def as_tuple(value: Any) -> Any:
    """Convert a list or a string to a tuple; return everything else unchanged, for a rule to validate."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def mapping(values: Rule) -> Rule:
    """Return the rule that a value is a mapping from names to values that the rule ``values`` accepts."""

    def check(what: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise InvalidInputError(f"{what} must be a mapping from names, not {shown(value)}.")
        for key, one in value.items():
            values(f"{what}[{key!r}]", one)
        return value

    return check


def called_with(count: int) -> Rule:
    """Return the rule that a value is a plain function that accepts this number of positional arguments."""

    def check(what: str, value: object) -> object:
        if not callable(value):
            raise InvalidInputError(f"{what} must be a function, not {shown(value)}.")
        if inspect.iscoroutinefunction(value) or inspect.isgeneratorfunction(value):
            raise InvalidInputError(f"{what} must return its result directly: async functions and generators do not.")
        try:
            signature = inspect.signature(value)
        except (TypeError, ValueError):  # a callable without a readable signature
            return value
        try:
            signature.bind(*[None] * count)
        except TypeError:
            plural = "argument" if count == 1 else "arguments"
            raise InvalidInputError(
                f"{what} is called with {count} {plural}, which {signature} does not accept: give all other "
                "arguments a default."
            ) from None
        return value

    return check


def optional(rule: Rule) -> Rule:
    """Return the rule that a value is None or a value that another rule accepts."""
    return lambda what, value: None if value is None else rule(what, value)
