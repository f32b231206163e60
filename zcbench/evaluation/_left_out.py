"""What a summary cannot use of a store: every kind is counted and named in a sentence, none is an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from zcbench.records import Record, Trial
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

_SHOWN = 3
Item = TypeVar("Item", Record, Trial)


def of_this_table(items: Iterable[Item], benchmark: Benchmark) -> tuple[list[Item], list[str]]:
    """Records or trials of the table that is loaded, and a sentence for each other one.

    Args:
        items: of any version of the benchmark.
        benchmark: the table.
    """
    kept, others = [], Counter[str]()
    for item in items:
        if item.benchmark == benchmark.identifier:
            kept.append(item)
        else:
            others[item.benchmark] += 1
    return kept, [
        f"{_many(count, 'line')} of {_cut(name)} {_were(count)} left out: the table here is {benchmark.identifier}."
        for name, count in others.most_common(_SHOWN)
    ] + _more(others)


def of_known_architectures(records: Iterable[Record], benchmark: Benchmark) -> tuple[list[Record], list[str]]:
    """Records of architectures that the table has, and a sentence for the others."""
    kept, others = [], Counter[str]()
    for record in records:
        if Architecture(benchmark.space.name, record.architecture) in benchmark:
            kept.append(record)
        else:
            others[record.architecture] += 1
    if not others:
        return kept, []
    names = ", ".join(_cut(name) for name, _ in others.most_common(_SHOWN))
    further = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    count, were = _many(others.total(), "record"), _were(others.total())
    unknown = f"of architectures that {benchmark.identifier} does not have {were} left out: {names}{further}."
    return kept, [f"{count} {unknown}"]


def of_one_direction(records: list[Record]) -> tuple[list[Record], list[str]]:
    """Records of one proxy that agree on which scores are good, with the majority; a sentence for the others."""
    up = 2 * sum(r.higher_is_better for r in records) >= len(records)
    kept = [r for r in records if r.higher_is_better == up]
    if len(kept) == len(records):
        return kept, []
    rest = len(records) - len(kept)
    return kept, [f"{_cut(records[0].proxy)}: {_many(rest, 'record')} with the other direction {_were(rest)} left out."]


def of_one_version(items: Iterable[Item], name: Callable[[Item], str]) -> tuple[dict[str, list[Item]], list[str]]:
    """Of several versions of a scorer the highest; a sentence for the others.

    Args:
        items: records or trials.
        name: label and version of an item's scorer.

    Returns:
        Items by label, and the sentences.
    """
    versions: dict[str, dict[int, list[Item]]] = {}
    for item in items:
        label, _, version = name(item).rpartition("@")
        versions.setdefault(label, {}).setdefault(int(version), []).append(item)
    notes, kept = [], {}
    for label, found in versions.items():
        chosen = max(found)
        kept[label] = found[chosen]
        notes += [
            f"{_cut(label)}: {_many(len(rows), 'result')} of version {version} {_were(len(rows))} left out; "
            f"version {chosen} is shown."
            for version, rows in sorted(found.items())
            if version != chosen
        ]
    return kept, notes


def of_possible_pools(trials: Iterable[Trial], benchmark: Benchmark) -> tuple[list[Trial], list[str]]:
    """Trials on targets that the table has and on pools that fit into it; a sentence for the others."""
    trials = list(trials)
    kept = [t for t in trials if t.target in benchmark.targets and t.pool <= len(benchmark)]
    if len(kept) == len(trials):
        return kept, []
    rest = len(trials) - len(kept)
    unknown = f"with a target or a pool that {benchmark.identifier} does not have {_were(rest)} left out."
    return kept, [f"{_many(rest, 'trial')} {unknown}"]


def with_notes(message: str, notes: Iterable[str]) -> str:
    """A message that ends without a full stop, and what was left out."""
    notes = list(notes)
    return " ".join([f"{message}.", *notes]) if notes else message


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count > 1)}"


def _were(count: int) -> str:
    return "were" if count > 1 else "was"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def _more(counts: Counter[str]) -> list[str]:
    rest = counts.most_common()[_SHOWN:]
    return [f"{_many(sum(n for _, n in rest), 'line')} of {len(rest):,} other tables were left out."] if rest else []
