"""Sentences about results that a reading of the store excluded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeAlias

from zcbench.errors import shortened
from zcbench.records import _schema
from zcbench.records._record import CurveTrial, Record, SearchTrace, Trial
from zcbench.records._schema import LeftOut

Stored: TypeAlias = Record | Trial | SearchTrace | CurveTrial
#: the names of the items of each class
_WORDS = {Record: "score", Trial: "trial", SearchTrace: "search", CurveTrial: "forecast"}

_FILES = 5
_LENGTH = 60


def of_lines(left_out: Iterable[LeftOut]) -> list[str]:
    """Write a sentence for each file with lines that cannot be read; one sentence for all files beyond a few."""
    files = [(path, list(lines)) for path, lines in groupby(left_out, key=lambda line: line.path)]
    notes = [
        f"{path} was skipped: {lines[0].reason}." if lines[0].line == 0 else _schema.said(path, lines)
        for path, lines in files[:_FILES]
    ]
    if rest := files[_FILES:]:
        count = sum(len(lines) for _, lines in rest)
        notes.append(
            f"{_many(count, 'line')} of {_many(len(rest), 'more file')} cannot be read; zcbench store check names them."
        )
    return notes


def of_disagreement(keys: int, example: Sequence[Stored]) -> str:
    """Write a sentence for keys whose measurements disagree.

    Args:
        keys: their number.
        example: the measurements of one of them.
    """
    what = _what(example[0])
    subject = f"{_many(keys, what)} {'were' if keys > 1 else 'was'} measured several times with different results and"
    return (
        f"{subject} {'are' if keys > 1 else 'is'} excluded, for example {_named(example[0])}: {_said(example)};"
        " --retry disagreeing measures again."
    )


def of_round_off(keys: int, example: Sequence[Stored]) -> str:
    """Write a sentence for keys whose measurements differ by round-off."""
    what = _what(example[0])
    count = _many(keys, what)
    return (
        f"{count} {'differ' if keys > 1 else 'differs'} between machines by round-off, for example"
        f" {_named(example[0])}: {_said(example)}; one of each is used."
    )


def _what(item: Stored) -> str:
    return _WORDS[type(item)]


def _named(item: Stored) -> str:
    if isinstance(item, Record):
        return f"{_cut(item.proxy)} of {_cut(item.architecture)} with seed {item.seed}"
    if isinstance(item, SearchTrace):
        return f"{_cut(item.label)} with seed {item.seed}"
    if isinstance(item, CurveTrial):
        return f"{_cut(item.curve_predictor)} at {item.context} of part {item.seed}"
    return f"{_cut(item.predictor)} for {item.train_size} networks with seed {item.seed}"


def _said(items: Sequence[Stored]) -> str:
    texts = list(dict.fromkeys(map(_outcome, items)))
    return " and ".join(texts[:3]) + (f" and {len(texts) - 3:,} more" if len(texts) > 3 else "")


def _outcome(item: Stored) -> str:
    if isinstance(item, Record):
        return str(item.score.status) if item.score.value is None else repr(item.score.value)
    if isinstance(item, SearchTrace):
        return f"{len(item.rows):,} evaluations" if item.rows else str(item.status)
    name = "log_density" if isinstance(item, CurveTrial) else "tau"
    return f"{name} {item.metrics[name]!r}" if name in item.metrics else str(item.status)


def _cut(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{shortened(text)[:_LENGTH]}…"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
