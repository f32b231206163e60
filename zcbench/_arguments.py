"""What public functions and declarations are given: one rule for each kind of value, one sentence for what breaks it.

A rule takes the name of the argument, in words, and the value. It returns the value or raises InvalidInputError.
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

#: Largest version: what every reader of a store can take.
NEWEST = 10**9
#: Seeds that the public functions take; numpy takes no larger ones.
SEEDS = (0, 2**32 - 1)
#: Whole numbers that a setting can be.
WHOLE = (-(2**63), 2**63 - 1)


class _Bounded(reprlib.Repr):
    """The repr of containers by their first entries, whatever lies in them."""

    def repr_instance(self, x: object, level: int) -> str:
        return repr(x)

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict(dict(islice(x.items(), self.maxdict + 1)), level)  # which sorts

    def repr_set(self, x: set[Any], level: int) -> str:
        return super().repr_set(set(islice(x, self.maxset + 1)), level)


_REPR = _Bounded()
_REPR.maxlevel = 4
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = _REPR.maxfrozenset = _REPR.maxdeque = 20
_REPR.maxstring = _REPR.maxlong = 100
_REPR.fillvalue = "…"


def shown(value: object, length: int = 60) -> str:
    """A value as a message shows it: its repr, in one line of at most ``length`` characters.

    Of texts and containers no more is read than is shown. What has no repr is named by its type.
    """
    try:
        long = isinstance(value, (str, bytes))
        text = repr(value[: length + 1]) if long else " ".join(_REPR.repr(value).split())  # type: ignore[index]
    except Exception:  # a stranger's repr, or a number of more digits than Python prints
        text = f"a {type(value).__name__}"
    return text if len(text) <= length else f"{text[: length - 1]}…"


def whole(what: str, value: object, low: int = WHOLE[0], high: int = WHOLE[1]) -> int:
    """A whole number from ``low`` to ``high``; numpy's are taken, bools and floats are not."""
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
    """A finite number from ``low`` to ``high``."""
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
    """A seed; see :data:`SEEDS`."""
    try:
        return whole(what, value, *SEEDS)
    except InvalidInputError:
        raise InvalidInputError(f"{what} {shown(value)}: choose a number from {SEEDS[0]} to {SEEDS[1]}.") from None


def version(what: str, value: object) -> int:
    """A positive whole number below :data:`NEWEST`; an ``int``, so that it can be written as JSON."""
    if type(value) is not int or not 1 <= value <= NEWEST:
        raise InvalidInputError(f"{what} must be a positive integer up to {NEWEST}, not {shown(value)}.")
    return value


def flag(what: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise InvalidInputError(f"{what} must be True or False, not {shown(value)}.")
    return value


def text(what: str, value: object) -> str:
    """Text, in one line."""
    if not isinstance(value, str):
        raise InvalidInputError(f"{what} must be text, not {shown(value)}.")
    if len(value.splitlines()) > 1:
        raise InvalidInputError(f"{what} must be one line of text, not {shown(value)}.")
    return value


def choice(noun: str, options: Iterable[str]) -> Rule:
    """The rule that a value is one of these names."""
    known = tuple(options)

    def check(what: str, value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise InvalidInputError(f"{what}: unknown {noun} {shown(value)}; known: {', '.join(known)}.")
        return value

    return check


def names(noun: str, known: Iterable[str] | Callable[[], Iterable[str]] = (), *, least: int = 0) -> Rule:
    """The rule that a value is a tuple of different names.

    Args:
        noun: what they name.
        known: names that exist, or a function that gives them; any text is a name if there are none.
        least: how many there must be.
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
            raise InvalidInputError(f"{what} {shown(value)}: a name is given twice.")
        if len(value) < least:
            raise InvalidInputError(f"{what} {shown(value)}: give at least {least}.")
        return value

    return check


def path(what: str, value: object) -> str:
    """The path of a file or folder, as text; a ``pathlib.Path`` is taken."""
    found = None
    with suppress(TypeError):
        found = os.fspath(value)  # type: ignore[call-overload]
    if not isinstance(found, str) or not found or "\0" in found:
        raise InvalidInputError(f"{what} {shown(value)}: give a path, as text or pathlib.Path.")
    return found


def all_text(what: str, value: object) -> list[str]:
    """Texts of an iterable; one text stands for itself."""
    if isinstance(value, str):
        return [value]
    try:
        if isinstance(value, Mapping):  # whose values would be lost
            raise TypeError
        found: list[Any] = list(value)  # type: ignore[call-overload]
    except TypeError:
        raise InvalidInputError(f"{what} {shown(value)}: give names, one text or several in a list.") from None
    for one in found:
        if not isinstance(one, str):
            raise InvalidInputError(f"{what}: {shown(one)} is no name: give texts.")
    return found


def by_name(kind: str, things: Iterable[Any]) -> dict[Any, Any]:
    """Things that carry their names, by name; none may stand there twice."""
    found: dict[Any, Any] = {}
    for thing in things:
        name = getattr(thing, "name", None)
        if not isinstance(name, str):
            raise InvalidInputError(f"{shown(thing)} cannot be registered as a {kind}: it has no name that is text.")
        if name in found:
            raise InvalidInputError(f"two {kind}s named {name!r} were given.")
        found[name] = thing
    return found


def as_tuple(value: Any) -> Any:
    """A list as a tuple, one text as a tuple of that name; everything else as it is, for a rule to judge."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def mapping(values: Rule) -> Rule:
    """The rule that a value is a mapping from names to what ``values`` allows."""

    def check(what: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise InvalidInputError(f"{what} must be a mapping from names, not {shown(value)}.")
        for key, one in value.items():
            values(f"{what}[{key!r}]", one)
        return value

    return check


def called_with(count: int) -> Rule:
    """The rule that a value can be called with so many positional arguments, and ends when it returns."""

    def check(what: str, value: object) -> object:
        if not callable(value):
            raise InvalidInputError(f"{what} must be a function, not {shown(value)}.")
        if inspect.iscoroutinefunction(value) or inspect.isgeneratorfunction(value):
            raise InvalidInputError(f"{what} must return its result at once: async functions and generators do not.")
        try:
            signature = inspect.signature(value)
        except (TypeError, ValueError):  # a callable without a readable signature
            return value
        try:
            signature.bind(*[None] * count)
        except TypeError:
            plural = "argument" if count == 1 else "arguments"
            raise InvalidInputError(
                f"{what} is called with {count} {plural}, which {signature} does not take: give all others a default."
            ) from None
        return value

    return check


def optional(rule: Rule) -> Rule:
    """The rule that a value is None or what another rule allows."""
    return lambda what, value: None if value is None else rule(what, value)
