"""Merges lines with the same key into one item: the rules for the results of many writers.

An attempt replaces earlier attempts that gave no score, or scores that disagree. A score on which earlier attempts
agreed is kept: a later one must agree with it. A status worth a retry yields to any other status. The remaining rows
are one measurement if all are the same, or differ by round-off. Otherwise there is no result, until a further attempt
decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.records._columns import key_numbers
from zcbench.records._kinds import Form, Kind, metrics_of
from zcbench.types import Status

#: Largest difference of two scores of one measurement, relative to the larger. The contract of proxies changes weights
#: and inputs by 64 units in the last place and fails a score that changes by more than 5 % (docs/method.md). The
#: kernels of another processor change a few units, so the score changes by at most about a part in 64 of that: 0.1 %.
ROUND_OFF = 2.0**-10
_RETRIED = tuple(str(status) for status in Status if status.worth_a_retry)
_SHOWN = 3


@dataclass
class Merged:
    """The result of merging rows.

    Attributes:
        rows: the rows that are read, in order.
        rounded: the rows that count for keys whose rows differ by round-off.
        disagreeing: the rows of each key without an agreement, in order.
    """

    rows: NDArray[np.intp]
    rounded: list[NDArray[np.intp]] = field(default_factory=list)
    disagreeing: list[NDArray[np.intp]] = field(default_factory=list)


def merge(arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, tuple[str, ...]], kind: Kind[Any]) -> Merged:
    """Determine the rows that are read, and the keys without a result."""
    numbers = key_numbers(arrays, texts, kind, exact=False)
    assert numbers is not None
    order = np.argsort(numbers, kind="stable")
    ranked = numbers[order]
    del numbers
    same = ranked[1:] == ranked[:-1]
    if not same.any():
        return Merged(np.arange(len(ranked)))
    several = np.concatenate((same, [False])) | np.concatenate(([False], same))
    rows = order[several]
    _, groups = np.unique(ranked[several], return_inverse=True)
    keep = np.ones(len(ranked), bool)
    keep[rows] = False
    chosen, merged = _settle(rows, groups, arrays, texts, kind)
    keep[chosen] = True
    merged.rows = np.flatnonzero(keep)
    return merged


def without_copies(
    arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, tuple[str, ...]], kind: Kind[Any]
) -> NDArray[np.intp]:
    """Return rows, in order, without duplicates of the same attempt.

    Of several duplicates the row that :func:`merge` would choose is kept. Trials are duplicates only if all their
    fields are the same, because the seconds in their metrics are also measured.
    """
    numbers = key_numbers(arrays, texts, kind, exact=False)
    assert numbers is not None
    order = np.argsort(numbers, kind="stable")
    same = numbers[order][1:] == numbers[order][:-1]
    if not same.any():
        return np.arange(len(order))
    several = np.concatenate((same, [False])) | np.concatenate(([False], same))
    rows = order[several]
    content = _content(rows, arrays, texts, kind)
    order = np.lexsort((*content, arrays["attempt"][rows], numbers[rows]))
    if "value" in arrays:
        content = [arrays["status"][rows], arrays["value"][rows]]
    copy = np.ones(len(rows) - 1, bool)
    for column in (numbers[rows], arrays["attempt"][rows], *content):
        one, other = column[order][:-1], column[order][1:]
        copy &= (one == other) | ((one != one) & (other != other))
    keep = np.ones(len(numbers), bool)
    keep[rows[order[1:][copy]]] = False
    return np.flatnonzero(keep)


def _settle(
    rows: NDArray[np.intp],
    groups: NDArray[np.intp],
    arrays: Mapping[str, NDArray[Any]],
    texts: Mapping[str, tuple[str, ...]],
    kind: Kind[Any],
) -> tuple[NDArray[np.intp], Merged]:
    """Select one row of each group whose rows agree.

    Args:
        rows: rows that share their key with another.
        groups: the number of each row's key.
        arrays: the columns.
        texts: their texts.
        kind: the kind of the rows.
    """
    rows, groups = _standing(rows, groups, arrays, texts, kind)
    # Sorted by the contents of the rows, so that the choice does not depend on the order or the names of files.
    order = np.lexsort((*_content(rows, arrays, texts, kind), groups))
    rows, groups = rows[order], groups[order]
    first = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    sizes = np.diff([*first, len(groups)])
    spread, differ = _differences(rows, first, sizes, arrays, texts, kind)
    merged = Merged(np.empty(0, np.intp))
    for place in np.flatnonzero(spread | differ):
        members = rows[first[place] : first[place] + sizes[place]]
        (merged.disagreeing if differ[place] else merged.rounded).append(np.sort(members))
    return rows[first[~differ]], merged


def _standing(
    rows: NDArray[np.intp],
    groups: NDArray[np.intp],
    arrays: Mapping[str, NDArray[Any]],
    texts: Mapping[str, tuple[str, ...]],
    kind: Kind[Any],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows that count, and their groups: the highest attempt, and earlier ones that agreed on a score."""
    attempts = arrays["attempt"][rows]
    order = np.argsort(attempts, kind="stable")
    begins = np.flatnonzero(np.diff(attempts[order])) + 1
    levels = np.split(order, begins)
    kept, known = _sound(rows[levels[0]], groups[levels[0]], arrays, texts)
    settled = np.zeros(groups.max() + 1, bool)
    for level in levels[1:]:
        again = np.isin(known, groups[level])
        settled[:] = False
        if again.any():
            settled[_scored(kept[again], known[again], arrays, texts, kind)] = True
        stays = ~again | settled[known]
        kept, known = np.concatenate((kept[stays], rows[level])), np.concatenate((known[stays], groups[level]))
        kept, known = _sound(kept, known, arrays, texts)
    return kept, known


def _sound(
    rows: NDArray[np.intp],
    groups: NDArray[np.intp],
    arrays: Mapping[str, NDArray[Any]],
    texts: Mapping[str, tuple[str, ...]],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows without those whose status is worth a retry, if their group has others."""
    retried = _has(arrays["status"], texts["status"], _RETRIED)[rows]
    sound = np.zeros(groups.max() + 1, bool)
    sound[groups[~retried]] = True
    mask = ~(retried & sound[groups])
    return rows[mask], groups[mask]


def _scored(
    rows: NDArray[np.intp],
    groups: NDArray[np.intp],
    arrays: Mapping[str, NDArray[Any]],
    texts: Mapping[str, tuple[str, ...]],
    kind: Kind[Any],
) -> NDArray[np.intp]:
    """Return the groups whose rows agree on a score."""
    order = np.argsort(groups, kind="stable")
    rows, groups = rows[order], groups[order]
    first = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    sizes = np.diff([*first, len(groups)])
    _, differ = _differences(rows, first, sizes, arrays, texts, kind)
    scored = np.minimum.reduceat(_has(arrays["status"], texts["status"], (str(Status.OK),))[rows], first)
    return groups[first[scored & ~differ]]


def _has(codes: NDArray[Any], texts: Sequence[str], wanted: Sequence[str]) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.array([text in wanted for text in texts], bool)[codes]
    return mask


def _content(
    rows: NDArray[np.intp], arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, tuple[str, ...]], kind: Kind[Any]
) -> list[NDArray[Any]]:
    """Return the columns for sorting, the least important first: all except the key and the origin."""
    found = []
    for column in kind.fields:
        if column.key or column.name == "origin":
            continue
        values = arrays[column.name][rows]
        if column.form is Form.TEXT:
            used, values = np.unique(values, return_inverse=True)
            names = [texts[column.name][code] for code in used]
            rank = np.empty(len(names), np.int64)
            rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
            values = rank[values]
        found.append(values)
    return found[::-1]


def _differences(
    rows: NDArray[np.intp],
    first: NDArray[np.intp],
    sizes: NDArray[np.intp],
    arrays: Mapping[str, NDArray[Any]],
    texts: Mapping[str, tuple[str, ...]],
    kind: Kind[Any],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return for each group whether its values differ by round-off, and whether they disagree."""
    statuses = arrays["status"][rows]
    # Two statuses worth a retry contain no information on the network: either may be shown.
    statuses = np.where(_has(statuses, texts["status"], _RETRIED), -1, statuses)
    differ = np.minimum.reduceat(statuses, first) != np.maximum.reduceat(statuses, first)
    if "value" in arrays:
        values = arrays["value"][rows]
        low, high = np.fmin.reduceat(values, first), np.fmax.reduceat(values, first)
        spread, apart = _apart(low, high)
        return spread & ~differ, differ | apart
    metrics = [_measured(texts["metrics"][code]) for code in arrays["metrics"][rows]]
    spread, apart = np.zeros(len(first), bool), np.zeros(len(first), bool)
    for place, (start, size) in enumerate(zip(first, sizes, strict=True)):
        members = metrics[start : start + size]
        if any(one.keys() != members[0].keys() for one in members):
            apart[place] = not differ[place] and statuses[start] != -1
            continue
        for name in members[0]:
            column = np.array([one[name] for one in members])
            known = column[~np.isnan(column)]
            unlike = 0 < len(known) < len(column)
            some, many = _apart(known.min(), known.max(), 1.0) if len(known) else (False, False)
            spread[place] |= some
            apart[place] |= many or unlike
    return spread & ~differ & ~apart, differ | apart


def _apart(low: Any, high: Any, scale: float = 0.0) -> tuple[Any, Any]:
    """Return whether numbers differ, and whether by more than round-off; two nan do not differ.

    Args:
        low: the smaller.
        high: the larger.
        scale: the reference of round-off for numbers that are smaller: 1 for correlations and errors.
    """
    with np.errstate(invalid="ignore"):
        differ = high > low
        # Halves, because the difference of the largest numbers overflows.
        size = np.maximum(np.maximum(np.abs(low), np.abs(high)), scale)
        far = differ & (high / 2 - low / 2 > ROUND_OFF / 2 * size)
    return differ & ~far, far


def _measured(text: str) -> dict[str, float]:
    """Return the metrics that two trials of one key must share: all except seconds, which depend on the machine."""
    return {name: value for name, value in metrics_of(text).items() if not name.endswith("_seconds")}
