"""Columns of a table that are the epochs of a learning curve, found by a pattern such as "valid_loss_*"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from zcbench import _arguments as rules
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

    def note(self) -> str:
        """A sentence that says which columns are its epochs."""
        ends = f"{abridged(self.columns[0], 60)!r} to {abridged(self.columns[-1], 60)!r}"
        text = f"The curve {self.name!r} has {len(self.columns)} epochs, the columns {ends}"
        steps = {b - a for a, b in pairwise(self.epochs)}
        if steps != {1}:
            text += "; their numbers go in steps of other than 1, and its epochs count columns"
        if self.left_out:
            text += f"; {', '.join(map(repr, self.left_out[:3]))} is none of them, as * stands for a number"
        return f"{text}."


def curve_columns(pattern: str, names: Iterable[str], path: str) -> CurveColumns:
    """The columns whose names fit a pattern in which one * stands for the number of the epoch.

    Args:
        pattern: "valid_loss_*", or "loss=epoch * of the loss", which also names the curve. Without a name the curve is
            called as the pattern without its * and what stands beside it. Other characters than letters, digits, dots
            and hyphens become underscores.
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
            f"{path}: {found} fits {abridged(rest, 60)!r} with a whole number for *, and a curve needs two epochs (the "
            f"columns are {shown})."
        )
    epochs = tuple(sorted(numbered))
    name = " ".join(named.split()) or f"{before.rstrip(_BETWEEN)} {after.lstrip(_BETWEEN)}".strip(_BETWEEN)
    name = re.sub(r"[^\w.-]+", "_", name).strip("_") or "curve"  # it stands in names of encodings, curve(valid_loss/3)
    others = tuple(one for one in fitting if one not in numbered.values())
    return CurveColumns(name, rest, epochs, tuple(numbered[e] for e in epochs), others)


def _inner(name: str, before: str, after: str) -> str | None:
    """What stands for the * of a pattern; None if the name does not fit it."""
    fits = len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after)
    return name[len(before) : len(name) - len(after)] if fits else None


def several_curves(
    curves: str | Iterable[str] | Mapping[str, str], names: Iterable[str], path: str
) -> list[CurveColumns]:
    """The columns of several curves, from patterns or from patterns by name; errors as of :func:`curve_columns`.

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
                    f"two curves are called {one.name!r} ({other.pattern}, {one.pattern}): name one, as in "
                    f"other={one.pattern}."
                )
            if shared := set(one.columns) & set(other.columns):
                raise InvalidInputError(
                    f"the column {min(shared)!r} belongs to two curves, {other.pattern} and {one.pattern}: choose "
                    "narrower patterns."
                )
    return found


def likely_patterns(names: Iterable[str]) -> list[str]:
    """Patterns that two columns or more fit, with the last number in a name as the epoch; in order of appearance.

    Names that end with a fraction, as acc_0.5, fit none: its digits would be taken for epochs.
    """
    found: dict[str, set[int]] = {}
    for name in names:
        match = re.fullmatch(r"(.*?)([0-9]{1,9})([^0-9]*)", name)
        if match and not re.search(r"[0-9][.,]$", match[1]):
            found.setdefault(f"{match[1]}*{match[3]}", set()).add(int(match[2]))
    return [pattern for pattern, epochs in found.items() if len(epochs) > 1 and pattern.count("*") == 1]


__all__ = ["CurveColumns", "curve_columns", "likely_patterns", "several_curves"]
