"""Columns of a table that are the epochs of a learning curve, found by a pattern such as "valid_loss_*"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from zcbench._display import abridged
from zcbench.errors import DataCorruptError, InvalidInputError

#: what stands between a curve's name and the number of an epoch
_BETWEEN = " _-.@/:=[]()#"
#: columns that a message names
_SHOWN = 6


@dataclass(frozen=True)
class CurveColumns:
    """The columns of one curve.

    Attributes:
        name: of the curve.
        pattern: that found them.
        epochs: their numbers, increasing.
        columns: their names, in that order.
        left_out: columns that fit the pattern but for the number.
    """

    name: str
    pattern: str
    epochs: tuple[int, ...]
    columns: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def curve_columns(pattern: str, names: Iterable[str], path: str) -> CurveColumns:
    """The columns whose names fit a pattern in which one * stands for the number of the epoch.

    Args:
        pattern: "valid_loss_*", or "loss=epoch * of the loss", which also names the curve. Without a name the curve is
            called as the pattern without its * and what stands beside it.
        names: of all columns.
        path: of the file, for messages.

    Raises:
        InvalidInputError: the pattern has not exactly one *.
        DataCorruptError: fewer than two columns fit, or two of them are the same epoch.
    """
    named, equals, rest = pattern.partition("=")
    if not equals or "*" in named:
        named, rest = "", pattern
    rest = " ".join(rest.split())
    if rest.count("*") != 1:
        raise InvalidInputError(
            f"the curve {abridged(pattern, 60)!r}: write one * for the number of the epoch, as in valid_loss_*."
        )
    before, after = rest.split("*")
    names = list(names)
    fitting = [name for name in names if _inner(name, before, after) is not None]
    numbered: dict[int, str] = {}
    for name in fitting:
        inner = _inner(name, before, after) or ""
        if not re.fullmatch(r"[0-9]{1,9}", inner):
            continue
        if int(inner) in numbered:
            raise DataCorruptError(
                f"{path}: the columns {abridged(numbered[int(inner)], 60)!r} and {abridged(name, 60)!r} are both epoch "
                f"{int(inner)} of {abridged(rest, 60)!r}: keep one of them."
            )
        numbered[int(inner)] = name
    if len(numbered) < 2:
        found = f"only the column {next(iter(numbered.values()))!r}" if numbered else "no column"
        shown = ", ".join(abridged(name, 40) for name in names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        raise DataCorruptError(
            f"{path}: {found} fits {abridged(rest, 60)!r} with a number for *, and a curve needs two epochs (the "
            f"columns are {shown})."
        )
    epochs = tuple(sorted(numbered))
    name = " ".join(named.split()) or f"{before.rstrip(_BETWEEN)} {after.lstrip(_BETWEEN)}".strip(_BETWEEN) or "curve"
    others = tuple(one for one in fitting if one not in numbered.values())
    return CurveColumns(name.replace(" ", "_"), rest, epochs, tuple(numbered[e] for e in epochs), others)


def _inner(name: str, before: str, after: str) -> str | None:
    """What stands for the * of a pattern; None if the name does not fit it."""
    fits = len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after)
    return name[len(before) : len(name) - len(after)] if fits else None


def likely_patterns(names: Iterable[str]) -> list[str]:
    """Patterns that two columns or more fit, with the last number in a name as the epoch; in order of appearance."""
    found: dict[str, set[int]] = {}
    for name in names:
        if match := re.fullmatch(r"(.*?)([0-9]{1,9})([^0-9]*)", name):
            found.setdefault(f"{match[1]}*{match[3]}", set()).add(int(match[2]))
    return [pattern for pattern, epochs in found.items() if len(epochs) > 1 and pattern.count("*") == 1]


__all__ = ["CurveColumns", "curve_columns", "likely_patterns"]
