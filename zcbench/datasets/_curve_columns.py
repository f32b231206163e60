"""Columns of a table that are the epochs of a learning curve, found by a pattern such as "valid_loss_*"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from zcbench import _arguments as rules
from zcbench._display import abridged
from zcbench.errors import DataCorruptError, InvalidInputError

#: characters between a curve's name and the number of an epoch
_BETWEEN = " _-.@/:=[]()#"
#: number of columns that a message names
_SHOWN = 6


@dataclass(frozen=True)
class CurveColumns:
    """The columns of one curve.

    Attributes:
        name: name of the curve.
        pattern: the pattern of the columns.
        epochs: their numbers, increasing.
        columns: their names, in that order.
        left_out: columns that match the pattern except for the number.
    """

    name: str
    pattern: str
    epochs: tuple[int, ...]
    columns: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def note(self) -> str:
        """Return a sentence that names the columns of its epochs."""
        ends = f"{abridged(self.columns[0], 60)!r} to {abridged(self.columns[-1], 60)!r}"
        text = f"The curve {self.name!r} has {len(self.columns)} epochs, the columns {ends}"
        steps = {b - a for a, b in pairwise(self.epochs)}
        if steps != {1}:
            text += "; their numbers do not increase by 1, so its epochs count columns"
        if self.left_out:
            text += f"; {', '.join(map(repr, self.left_out[:3]))} is not one of them, because * means a number"
        return f"{text}."


def curve_columns(pattern: str, names: Iterable[str], path: str) -> CurveColumns:
    """Find the columns whose names match a pattern in which one * means the number of the epoch.

    Args:
        pattern: "valid_loss_*", or "loss=epoch * of the loss", which also names the curve. Without a name the curve has
            the name of the pattern without its * and the separators next to it. Characters other than letters, digits,
            dots and hyphens become underscores.
        names: names of all columns.
        path: path of the file, for messages.

    Raises:
        InvalidInputError: the pattern does not have exactly one *.
        DataCorruptError: fewer than two columns match, or two of them are the same epoch.
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
            f"{path}: {found} matches {abridged(rest, 60)!r} with a whole number for *, and a curve needs two epochs "
            f"(the columns are {shown})."
        )
    epochs = tuple(sorted(numbered))
    name = " ".join(named.split()) or f"{before.rstrip(_BETWEEN)} {after.lstrip(_BETWEEN)}".strip(_BETWEEN)
    name = (
        re.sub(r"[^\w.-]+", "_", name).strip("_") or "curve"
    )  # the name is part of names of encodings, curve(valid_loss/3)
    others = tuple(one for one in fitting if one not in numbered.values())
    return CurveColumns(name, rest, epochs, tuple(numbered[e] for e in epochs), others)


def _inner(name: str, before: str, after: str) -> str | None:
    """Return the text in place of the * of a pattern; None if the name does not match."""
    fits = len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after)
    return name[len(before) : len(name) - len(after)] if fits else None


def several_curves(
    curves: str | Iterable[str] | Mapping[str, str], names: Iterable[str], path: str
) -> list[CurveColumns]:
    """Find the columns of several curves, by patterns or by patterns with names; errors of :func:`curve_columns`.

    Raises:
        InvalidInputError: two curves have one name, or share a column.
    """
    if isinstance(curves, Mapping):
        curves = [f"{rules.text('the name of a curve', name)}={pattern}" for name, pattern in curves.items()]
    names = list(names)
    found = [curve_columns(pattern, names, path) for pattern in rules.all_text("curves", curves)]
    for place, one in enumerate(found):
        for other in found[:place]:
            if one.name == other.name:
                raise InvalidInputError(
                    f"two curves have the name {one.name!r} ({other.pattern}, {one.pattern}): name one, as in "
                    f"other={one.pattern}."
                )
            if shared := set(one.columns) & set(other.columns):
                raise InvalidInputError(
                    f"the column {min(shared)!r} belongs to two curves, {other.pattern} and {one.pattern}: choose "
                    "narrower patterns."
                )
    return found


def likely_patterns(names: Iterable[str]) -> list[str]:
    """Return patterns that two or more columns match, with the last number in a name as the epoch, in order.

    Names that end with a fraction, such as acc_0.5, match none: its digits would be read as epochs.
    """
    found: dict[str, set[int]] = {}
    for name in names:
        match = re.fullmatch(r"(.*?)([0-9]{1,9})([^0-9]*)", name)
        if match and not re.search(r"[0-9][.,]$", match[1]):
            found.setdefault(f"{match[1]}*{match[3]}", set()).add(int(match[2]))
    return [pattern for pattern, epochs in found.items() if len(epochs) > 1 and pattern.count("*") == 1]


__all__ = ["CurveColumns", "curve_columns", "likely_patterns", "several_curves"]
