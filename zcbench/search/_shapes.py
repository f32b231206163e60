"""The fields of each line of a ledger; lines that were edited or written by another program are detected."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from zcbench.types import Status

_STATUSES = frozenset(map(str, Status))


def checked(row: Mapping[str, Any]) -> None:
    """Refuse a line with missing or invalid fields for its kind.

    Args:
        row: a line; a line of an unknown kind is accepted.

    Raises:
        ValueError: the message names the error.
    """
    kind = _kind(row)
    for name, holds in _KINDS.get(kind, {}).items():
        if name not in row:
            if kind == "search":
                continue  # the head is compared when the ledger is opened
            raise ValueError(f"it has no {name}")
        if not holds(row[name]):
            raise ValueError(f"its {name} is not valid")
    if kind == "scored":
        count = len(row["architectures"])
        if len(row["values"]) != count or len(row["seconds"]) != count:
            raise ValueError(f"it does not have one value and one time for each of {count} architectures")
        if not _count(row.get("stored", 0)):
            raise ValueError("its stored is not valid")
        if any(not place.isdecimal() or int(place) >= count for place in row["reasons"]):
            raise ValueError("its reasons do not belong to its architectures")


def _kind(row: Mapping[str, Any]) -> str:
    if not isinstance(kind := row.get("kind"), str):
        raise ValueError("it has no kind")
    return kind


def number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _amount(value: Any) -> bool:
    return number(value) and value >= 0


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


def _all(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(holds, value))


def _named(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(holds, value.values()))


def _budget(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"evaluations", "seconds", "asks"}:
        return False
    whole = all(value[name] is None or _count(value[name]) for name in ("evaluations", "asks"))
    return whole and (value["seconds"] is None or _amount(value["seconds"]))


def _epochs(value: Any) -> bool:
    return value is None or (type(value) is int and value > 0)


_KINDS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "search": {"objectives": _texts, "seed": _count, "space": _text, "searcher": _text, "evaluate": _text},
    "budget": {"budget": _budget},
    "scored": {
        "scorer": _text,
        "architectures": _texts,
        "values": _all(_or_none(number)),
        "seconds": _all(_or_none(_amount)),
        "reasons": _named(_text),
    },
    "equal": {"architecture": _text, "epochs": _epochs},
    "evaluated": {
        "architecture": _text,
        "epochs": _epochs,
        "values": _named(_or_none(number)),
        "seconds": _named(_amount),
        "status": lambda value: isinstance(value, str) and value in _STATUSES,
        "detail": _text,
    },
    "ended": {"reason": _text, "seconds": _named(_amount), "asks": _count, "equal": _count},
}
