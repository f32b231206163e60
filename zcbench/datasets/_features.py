"""Columns of a user-defined table that predictors use: numbers, and texts that are categories."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np
from numpy.typing import NDArray

from zcbench._display import abridged, many
from zcbench.datasets._cells import Reading
from zcbench.errors import InvalidInputError, UnknownNameError

Floats = NDArray[np.float64]

#: cells of a column of text that are not categories
_MISSING = frozenset(("", "na", "nan", "n/a", "#n/a", "<na>", "null"))
#: reason why a column that a user excluded is not a feature
NAMED = "--exclude names it"
#: largest number of columns of text that have a sentence each
_LISTED = 3
#: largest number of distinct texts of a column of categories with few repetitions
_MANY = 20


@dataclass(frozen=True)
class Features:
    """Columns that predictors may use.

    Attributes:
        facts: numbers by name, ``(rows,)``.
        texts: categories by name, ``(rows,)``; "" for a missing category.
        requested: names that a user chose; empty without a choice.
        excluded: columns that could be features but are not, with the reasons as ends of sentences.
        notes: sentences about columns of categories.
    """

    facts: dict[str, Floats]
    texts: dict[str, list[str]]
    requested: tuple[str, ...]
    excluded: dict[str, str]
    notes: tuple[str, ...]


def features_of(
    texts: Mapping[str, Sequence[str]],
    readings: Mapping[str, Reading],
    reserved: Mapping[str, str],
    features: Sequence[str],
    exclude: Sequence[str],
    path: str,
    categories: Collection[str] = (),
) -> Features:
    """Decide which columns of a table are features.

    Args:
        texts: cells by column.
        readings: readings of the columns.
        reserved: descriptions of the columns that cannot be features ("the target"), by name.
        features: names or shell patterns of the columns to use; empty for all that can be used.
        exclude: names or shell patterns of the columns not to use.
        path: path of the file, for messages.
        categories: columns whose texts are categories, even if they do not repeat.

    Raises:
        UnknownNameError: a name or pattern matches no column.
        InvalidInputError: a named column cannot be a feature, or no column remains.
    """
    chosen, dropped = matching(features, texts), matching(exclude, texts)
    if both := sorted(set(features) & set(exclude) & set(texts)):
        raise InvalidInputError(f"{abridged(both[0], 60)!r} is named by --features and by --exclude: choose one.")
    numbers: dict[str, Floats] = {}
    found: dict[str, list[str]] = {}
    excluded: dict[str, str] = {}
    for name, reading in readings.items():
        if name in reserved or (chosen and name not in chosen):
            continue
        if name in dropped:
            excluded[name] = NAMED
        elif reading.values is not None:
            numbers[name] = reading.values
        elif reading.code:
            cells = ["" if cell.lower() in _MISSING else " ".join(cell.split()) for cell in texts[name]]
            if name not in categories and (reason := _no_categories(cells)):
                excluded[name] = f"{reading.reason}, and {reason}"
            else:
                found[name] = cells
        else:
            excluded[name] = reading.reason
    for name in features:
        if name in texts and (why := reserved.get(name) or excluded.get(name, "")):
            what = f"it is {why}" if name in reserved else why
            raise InvalidInputError(f"{path}: the column {abridged(name, 60)!r} cannot be a feature: {what}.")
    if (features or exclude) and not numbers and not found:
        raise InvalidInputError(f"{path}: --features and --exclude leave no columns: name one that is a feature.")
    notes = [
        f"The text in {abridged(name, 60)!r} has {many(len(set(cells) - {''}), 'category', 'categories')}, which "
        "predictors use."
        for name, cells in found.items()
    ]
    if len(notes) > _LISTED:
        most = max(len(set(cells) - {""}) for cells in found.values())
        names = ", ".join(repr(abridged(name, 40)) for name in list(found)[:_LISTED])
        notes = [
            f"The texts in {len(found)} columns ({names}, …) have at most {many(most, 'category', 'categories')} each, "
            "which predictors use."
        ]
    requested = tuple(name for name in (*numbers, *found) if name in chosen)
    return Features(numbers, found, requested, excluded, tuple(notes))


def _no_categories(cells: Sequence[str]) -> str:
    """Return the reason why a column of text has no categories; "" if it has categories."""
    filled = [cell for cell in cells if cell]
    distinct = len(set(filled))
    if distinct == len(filled) and distinct > 1:
        return "no two texts are the same"
    if distinct > _MANY and 2 * distinct > len(filled):
        return f"{distinct:,} of {len(filled):,} texts differ"
    return "all texts are the same" if distinct < 2 and len(filled) == len(cells) else ""


def matching(patterns: Sequence[str], names: Mapping[str, object]) -> set[str]:
    """Return the names that match a name or pattern; raise UnknownNameError for a pattern without a match."""
    found: set[str] = set()
    for pattern in patterns:
        some = {pattern} & set(names) or {name for name in names if fnmatch(name, pattern)}
        if not some:
            raise UnknownNameError("column", pattern, map(abridged, names))
        found |= some
    return found


def merged_texts(texts: Sequence[str], rows: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """Return the first text that is not missing among the rows of each architecture."""
    return tuple(next((texts[place] for place in places if texts[place]), "") for places in rows)


__all__ = ["Features", "features_of", "matching", "merged_texts"]
