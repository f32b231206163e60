"""Settings in the name of a proxy or predictor, "gp:kernel=rbf:seed=3": how they are declared, read and written.

Parsed settings are written exactly, so a label identifies one measurement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from zcbench._arguments import flag, number, shown, whole
from zcbench._notation import Term
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import written

#: Format of numbers: Python's, in plain digits, without blanks, underscores and a leading plus.
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_FLOAT = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
#: Smallest and largest value of numeric settings.
Ranges: TypeAlias = Mapping[str, tuple[float, float]]


def read_settings(term: Term, known: Mapping[str, Any], ranges: Ranges | None = None) -> dict[str, Any]:
    """Return the values of a term's settings, each of the type of its default in ``known``.

    Args:
        term: a name and settings.
        known: settings with their defaults.
        ranges: smallest and largest value of numeric settings, where they exist.

    Raises:
        UnknownNameError: the setting does not exist.
        InvalidInputError: a value has the wrong type or is out of range, or the term has brackets.
    """
    name, found = term.name, {}
    if term.inside is not None:
        raise InvalidInputError(f"{term}: {name} takes no brackets, write settings as {name}:setting=value.")
    for key, text in term.settings:
        if key not in known:
            raise UnknownNameError(f"setting of {name}", key, known)
        found[key] = check_setting(name, key, _read(name, key, text, known[key]), known[key], ranges)
    return found


def _read(name: str, key: str, text: str, default: Any) -> Any:
    kind = type(default)
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind is int and _INTEGER.fullmatch(text):
        return int(text)
    if kind is float and _FLOAT.fullmatch(text):
        return float(text)
    if kind in (bool, int, float):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise InvalidInputError(f"{name}:{key}={text}: {shown(text)} is not {wanted}: write it like {default!r}.")
    return text


def check_setting(name: str, key: str, value: Any, default: Any, ranges: Ranges | None = None) -> Any:
    """Return a setting's value if it has the type of its default and is in range.

    Defaults of types other than bool, int, float and str allow any value.

    Raises:
        InvalidInputError: it has another type or is out of range.
    """
    what = f"{name}: {key}"
    if isinstance(default, bool):
        return flag(what, value)
    if not isinstance(default, (int, float)):
        return writable(what, value) if type(value) is str else value
    value = whole(what, value) if isinstance(default, int) else number(what, value)
    low, high = (ranges or {}).get(key, (-math.inf, math.inf))
    if value < low:
        raise InvalidInputError(f"{name}:{key}={written(value)}: {written(value)} is too small; choose {low} or more.")
    if value > high:
        raise InvalidInputError(f"{name}:{key}={written(value)}: {written(value)} is too large; choose {high} or less.")
    return value


def writable(what: str, value: str) -> str:
    """Validate text for a label, which must be parsed to the same text.

    Raises:
        InvalidInputError: it has ":" outside brackets, brackets that do not match, blanks around it or characters that
            cannot be printed.
    """
    try:
        Term("name", None, (("setting", value),))
    except InvalidInputError:
        raise InvalidInputError(
            f"{what} {shown(value)}: a label cannot contain blanks around it, ':' outside brackets, brackets that do "
            "not match, or characters that cannot be printed."
        ) from None
    return value


def declared_setting(what: str, value: object) -> Any:
    """Validate the default of a setting: a bool, an int, a finite float, or text that a label can contain."""
    if type(value) is float:
        return number(what, value)
    if type(value) is int:
        return whole(what, value)
    if type(value) is str:
        return writable(f"{what} has the default", value)
    if type(value) is not bool:
        raise InvalidInputError(f"{what} needs a default that is a bool, int, float or str, not {shown(value)}.")
    return value


def declared_range(what: str, value: object) -> Any:
    """Validate the range of a setting: the smallest and the largest value."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise InvalidInputError(f"{what} must be a pair, smallest and largest value, not {shown(value)}.")
    for edge in value:
        if type(edge) not in (int, float) or edge != edge:
            raise InvalidInputError(f"{what} {shown(value)}: both must be numbers.")
    if value[0] > value[1]:
        raise InvalidInputError(f"{what} {shown(value)}: put the smallest first.")
    return value


def check_ranges(what: str, known: Mapping[str, Any], ranges: Ranges) -> None:
    """Validate that ranges are pairs of numbers, belong to numeric settings, and contain their defaults.

    Raises:
        InvalidInputError: one does not.
    """
    for key, edges in ranges.items():
        declared_range(f"{what}: ranges[{key!r}]", edges)
        if type(known.get(key)) not in (int, float):
            raise InvalidInputError(f"{what}: ranges: {shown(key)} is not a numeric parameter.")
        if not edges[0] <= known[key] <= edges[1]:
            raise InvalidInputError(f"{what}: the default {key}={written(known[key])} is outside its range {edges}.")
