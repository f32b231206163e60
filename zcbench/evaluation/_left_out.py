"""Results of a store that a summary cannot use: each kind is counted and named in a sentence, none is an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from zcbench._display import many
from zcbench.records import CurveTrials, Record, Records, Trial, Trials

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

_SHOWN = 3
#: minimum number of results of a version that is shown: a tau of fewer has no interval
_ENOUGH = 4
Items = TypeVar("Items", Records, Trials, CurveTrials)


def of_this_table(items: Items, benchmark: Benchmark) -> tuple[Items, list[str]]:
    """Select records or trials of the table that is loaded; return a sentence for each other table.

    Args:
        items: items of any version of the benchmark.
        benchmark: the table.
    """
    mine = items.has("benchmark", benchmark.identifier)
    others = _counts(items, "benchmark", ~mine)
    return items.where(mine), [
        f"{many(count, 'line')} of {_cut(name)} {_were(count)} excluded: the table here is {benchmark.identifier}."
        for name, count in others.most_common(_SHOWN)
    ] + _more(others)


def of_known_architectures(records: Iterable[Record], benchmark: Benchmark) -> tuple[Records, list[str]]:
    """Select records of architectures that the table has; return a sentence about the others."""
    records = Records.of(records)
    codes, texts = records.codes("architecture")
    known = (benchmark.row_numbers(texts) >= 0)[codes]
    if known.all():
        return records, []
    others = _counts(records, "architecture", ~known)
    names = ", ".join(_cut(name) for name, _ in others.most_common(_SHOWN))
    further = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    count, were = many(others.total(), "record"), _were(others.total())
    unknown = f"of architectures that {benchmark.identifier} does not have {were} excluded: {names}{further}."
    return records.where(known), [f"{count} {unknown}"]


def of_one_direction(records: Records) -> tuple[Records, list[str]]:
    """Select records of one proxy with the direction of the majority; return a sentence about the others."""
    up = records.numbers("higher_is_better")
    kept = up == (2 * up.sum() >= len(up))
    if kept.all():
        return records, []
    rest = int((~kept).sum())
    name = _cut(records[0].proxy)
    return records.where(kept), [f"{name}: {many(rest, 'record')} with the other direction {_were(rest)} excluded."]


class _Version(NamedTuple):
    """One version and code of a scorer, and its rows in the order of measuring."""

    version: int
    code: str
    rows: NDArray[np.intp]

    def __str__(self) -> str:
        return f"version {self.version}{f' with code {self.code[:8]}' if self.code else ''}"


def of_one_version(items: Records | Trials | CurveTrials, scorer: str) -> tuple[dict[str, NDArray[np.intp]], list[str]]:
    """Select the version of a scorer that was measured last; return a sentence about the others.

    Results of different code are different versions, whatever their version number. A version with fewer than four
    results is shown only if no other version has more, so that a line added by hand hides no other results.

    Args:
        items: records or trials, in the order of measuring.
        scorer: the column with the scorer's label and version, "proxy", "predictor" or "curve_predictor".

    Returns:
        Rows by label, and the sentences.
    """
    (names, texts), (codes, digests) = items.codes(scorer), items.codes("code")
    versions: dict[str, list[_Version]] = {}
    for rows in grouped(names, codes):
        label, _, version = texts[names[rows[0]]].rpartition("@")
        versions.setdefault(label, []).append(_Version(int(version), digests[codes[rows[0]]], rows))
    notes, kept = [], {}
    for label, found in versions.items():
        enough = min(_ENOUGH, max(len(one.rows) for one in found))
        chosen = max((one for one in found if len(one.rows) >= enough), key=lambda one: int(one.rows[-1]))
        kept[label] = chosen.rows
        notes += [
            f"{_cut(label)}: {many(len(one.rows), 'result')} of {one} {_were(len(one.rows))} excluded; "
            f"{chosen} is shown."
            for one in sorted(found, key=lambda one: (one.version, one.code))
            if one is not chosen
        ]
    return kept, notes


def grouped(*columns: NDArray[Any]) -> list[NDArray[np.intp]]:
    """Group rows that are equal in all columns ``(n,)`` of whole numbers, in the order of their first row."""
    packed = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        packed = np.unique(packed * len(values) + codes, return_inverse=True)[1]
    order = np.argsort(packed, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(packed))[:-1]) if len(order) else []
    return sorted(groups, key=lambda rows: int(rows[0]))


def of_possible_pools(trials: Iterable[Trial], benchmark: Benchmark) -> tuple[Trials, list[str]]:
    """Select trials on targets and pools that the table has; return a sentence about the others."""
    trials = Trials.of(trials)
    kept = trials.has("target", benchmark.targets) & (trials.numbers("pool") <= len(benchmark))
    if kept.all():
        return trials, []
    rest = int((~kept).sum())
    unknown = f"with a target or a pool that {benchmark.identifier} does not have {_were(rest)} excluded."
    return trials.where(kept), [f"{many(rest, 'trial')} {unknown}"]


def with_notes(message: str, notes: Iterable[str]) -> str:
    """Append sentences about excluded results to a message that ends without a full stop."""
    notes = list(notes)
    return " ".join([f"{message}.", *notes]) if notes else message


def _counts(items: Records | Trials | CurveTrials, column: str, mask: NDArray[np.bool_]) -> Counter[str]:
    """Count each text of a column where the mask is true."""
    codes, texts = items.codes(column)
    found, counts = np.unique(codes[mask], return_counts=True)
    return Counter({texts[code]: int(count) for code, count in zip(found, counts, strict=True)})


def _were(count: int) -> str:
    return "were" if count > 1 else "was"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def _more(counts: Counter[str]) -> list[str]:
    rest = counts.most_common()[_SHOWN:]
    return [f"{many(sum(n for _, n in rest), 'line')} of {len(rest):,} other tables were excluded."] if rest else []
