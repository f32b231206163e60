"""The features that trained networks and candidates have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zcbench._display import abridged, many
from zcbench.datasets import Benchmark
from zcbench.encodings import ColumnEncoding, Feed
from zcbench.encodings._suspects import suspicious_columns
from zcbench.errors import InvalidInputError
from zcbench.spaces import accepting_spaces
from zcbench.types import Architecture

#: factor that a column of positive numbers spans at least to be used as a logarithm
SPAN = 10
#: columns that a sentence names
_NAMED = 6


@dataclass(frozen=True)
class Usable:
    """Features of trained networks and candidates.

    Attributes:
        columns: the encoding of columns; None where a search space's encodings are used alone.
        feeds: what is known of trained networks, and of candidates.
        by_space: whether encodings of a search space are used.
        notes: sentences about columns that are used and not used, and about candidates.
        nothing: whether a candidate lacks all features ``(candidates,)``.
    """

    columns: ColumnEncoding | None
    feeds: tuple[Feed, Feed]
    by_space: bool
    notes: tuple[str, ...]
    nothing: NDArray[np.bool_]

    def shared(self, architectures: list[Architecture]) -> list[object]:
        """Return the row of features, which networks that are equal for a predictor share."""
        if self.columns is None or self.by_space:
            return list(architectures)
        return [repr(row if isinstance(row, dict) else row.tolist()) for row in self.columns.rows(architectures)]


def usable_features(trained: Benchmark, candidates: Benchmark, *, by_space: bool) -> Usable:
    """Find the columns that both tables have.

    Args:
        trained: networks with results.
        candidates: others.
        by_space: whether the names are architectures of a search space, so that columns are used only if requested.

    Raises:
        InvalidInputError: a requested column is not known of candidates, or there are no features.
    """
    nothing = np.zeros(len(candidates), np.bool_)
    if by_space and not trained.requested:
        bare = (replace(one, facts={}, texts={}) for one in (trained, candidates))
        feeds = tuple(map(Feed.of, bare))
        names = _addable(trained, candidates)
        more = f" To add columns, such as {abridged(names[0], 40)!r}, name them with --features." if names else ""
        notes = [f"Features are encodings of {trained.space.name}.{more}"]
        return Usable(None, (feeds[0], feeds[1]), True, tuple(notes), nothing)
    notes, kept = _common(trained, candidates)
    if not kept:
        raise InvalidInputError(_no_features(trained, notes))
    parts = tuple(
        replace(
            one,
            facts={name: values for name, values in one.facts.items() if name in kept},
            texts={name: values for name, values in one.texts.items() if name in kept},
        )
        for one in (trained, candidates)
    )
    logs = _spread(parts[0], parts[1])
    feeds = tuple(Feed.of(_logarithms(one, logs)) for one in parts)
    columns = ColumnEncoding().fed(feeds)
    notes.append(columns.used())
    if used := [abridged(name, 40) for name in columns.names if name in logs]:
        more = f" and {len(used) - _NAMED} more" if len(used) > _NAMED else ""
        notes.append(
            f"As logarithms, because they span more than a factor of {SPAN}: {', '.join(used[:_NAMED])}{more}."
        )
    said, nothing = _gaps(parts[0], parts[1], columns.names)
    notes += [*said, *_unseen(parts[0], parts[1], columns.names), *_outside(parts[0], parts[1], columns.names)]
    if by_space:
        nothing[:] = False
    return Usable(columns, (feeds[0], feeds[1]), by_space, tuple(notes), nothing)


def _addable(trained: Benchmark, candidates: Benchmark) -> list[str]:
    """Return the columns with values in both tables that are probably no results of training."""
    target = trained.default_target
    results = suspicious_columns(target, trained.truth(), trained.facts)
    facts = [name for name in trained.facts if name in candidates.facts and name not in results]
    texts = [name for name in trained.texts if name in candidates.texts]
    return [name for name in (*facts, *texts) if all(_is_there(table, name) for table in (trained, candidates))]


def _spread(trained: Benchmark, candidates: Benchmark) -> set[str]:
    """Columns of positive numbers that span more than a factor of ten among trained networks, as sizes do."""
    found = set()
    for name, values in trained.facts.items():
        ours, every = values[np.isfinite(values)], np.concatenate([values, candidates.facts[name]])
        if (every[np.isfinite(every)] > 0).all() and ours.max() > SPAN * ours.min():
            found.add(name)
    return found


def _logarithms(table: Benchmark, names: set[str]) -> Benchmark:
    """Return the table with some columns as logarithms."""
    with np.errstate(invalid="ignore"):
        return replace(table, facts={n: np.log(v) if n in names else v for n, v in table.facts.items()})


def line_of(table: Benchmark, row: int) -> str:
    """Where a row is in its file, "line 3"; "" for a table of no file."""
    return table.own.lines[row] if table.own is not None and table.own.lines else ""


def _common(trained: Benchmark, candidates: Benchmark) -> tuple[list[str], set[str]]:
    """Sentences about columns that only one table can use, and the others."""
    kept: set[str] = set()
    absent: list[str] = []
    notes = []
    for name in (*trained.facts, *trained.texts):
        there = _is_there(trained, name)
        text = name in trained.texts
        if not there:
            continue
        if name in (candidates.texts if text else candidates.facts) and _is_there(candidates, name):
            kept.add(name)
            continue
        kinds = ("text", "numbers") if text else ("numbers", "text")
        in_file = candidates.own is not None and name in candidates.own.columns
        if in_file and (candidates is not trained) and _has_cells(candidates, name):
            reason = (
                f"The column {abridged(name, 60)!r} has {kinds[0]} in {trained.public_source} and, in "
                f"{candidates.public_source}, "
                f"{_otherwise(candidates, name, kinds[1])}"
            )
            if name in trained.requested:
                raise InvalidInputError(f"{reason}: give both files the same kind of values.")
            notes.append(f"{reason}; it is not used.")
            continue
        if name in trained.requested:
            raise InvalidInputError(
                f"the candidates of {candidates.source} have no values of {abridged(name, 60)!r}, which --features "
                "names: a predictor can use only what is known of them."
            )
        absent.append(name)
    if absent:
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        shown = ", ".join(abridged(name, 40) for name in absent[:_NAMED])
        notes.append(f"Not used because the candidates have no values: {shown}{more}.")
    return notes, kept


def _is_there(table: Benchmark, name: str) -> bool:
    """Whether a column has a value."""
    return any(table.texts[name]) if name in table.texts else bool(np.isfinite(table.facts[name]).any())


def _has_cells(table: Benchmark, name: str) -> bool:
    """Whether a column that is read as no feature has values, as one of another kind has."""
    if name in table.facts or name in table.texts:
        return _is_there(table, name)
    return any(f"column {abridged(name, 60)!r}" in note and "no values" not in note for note in table.notes)


def _otherwise(table: Benchmark, name: str, kind: str) -> str:
    """Return the values of a column in the table of candidates."""
    if name in table.facts or name in table.texts:
        return kind
    note = next(note for note in table.notes if f"column {abridged(name, 60)!r}" in note)
    return f"cannot be used because {note.partition(' because ')[2].rstrip('.')}"


def _no_features(trained: Benchmark, notes: list[str]) -> str:
    found = f"no column that can be a feature has values for trained networks and candidates. {' '.join(notes)}".strip()
    names = [one.key for one in trained.architectures[:50]]
    if spaces := accepting_spaces(names):
        found += f" The names are architectures of {' and of '.join(spaces[:3])}: give --space {spaces[-1]}."
    return found


def _gaps(trained: Benchmark, candidates: Benchmark, names: tuple[str, ...]) -> tuple[list[str], NDArray[np.bool_]]:
    """Sentences about candidates without values, and which of them have none at all."""
    missing = {
        name: np.array([not text for text in candidates.texts[name]])
        if name in candidates.texts
        else ~np.isfinite(candidates.facts[name])
        for name in names
    }
    nothing: NDArray[np.bool_] = np.all(list(missing.values()), axis=0)
    notes = []
    if nothing.any():
        first = int(np.flatnonzero(nothing)[0])
        notes.append(
            f"{many(int(nothing.sum()), 'candidate')} {'has' if nothing.sum() == 1 else 'have'} no value in any "
            f"feature and no prediction: {_place(candidates, first)}."
        )
    parts = []
    for name, gaps in missing.items():
        gaps = gaps & ~nothing
        if gaps.any():
            parts.append(
                f"{int(gaps.sum()):,} of {abridged(name, 40)} (first {_place(candidates, int(gaps.argmax()))})"
            )
    if parts:
        more = f" and {len(parts) - _NAMED} other columns" if len(parts) > _NAMED else ""
        notes.append(
            f"Values of candidates are missing: {', '.join(parts[:_NAMED])}{more}. A missing number is treated as the "
            "median of trained networks, a missing text as no category."
        )
    return notes, nothing


def _place(table: Benchmark, row: int) -> str:
    line = line_of(table, row)
    return line or repr(abridged(str(table.architectures[row]), 60))


def _unseen(trained: Benchmark, candidates: Benchmark, names: tuple[str, ...]) -> list[str]:
    """Sentences about categories that no trained network has."""
    notes = []
    for name in names:
        if name in trained.texts:
            known = {*trained.texts[name], ""}
            rows = [row for row, text in enumerate(candidates.texts[name]) if text not in known]
            if rows:
                example = candidates.texts[name][rows[0]]
                notes.append(
                    f"{many(len(rows), 'candidate')} {'has' if len(rows) == 1 else 'have'} a text in "
                    f"{abridged(name, 40)!r} that no trained network has, such as {abridged(example, 40)!r} in "
                    f"{_place(candidates, rows[0])}: it is treated as no category."
                )
    return notes


def _outside(trained: Benchmark, candidates: Benchmark, names: tuple[str, ...]) -> list[str]:
    """Return a sentence about candidates outside of the range of trained networks."""
    counts = {}
    anywhere = np.zeros(len(candidates), np.bool_)
    for name in names:
        if name not in trained.facts:
            continue
        ours, theirs = trained.facts[name], candidates.facts[name]
        ours = ours[np.isfinite(ours)]
        with np.errstate(invalid="ignore"):
            out = np.isfinite(theirs) & ((theirs < ours.min()) | (theirs > ours.max()))
        if out.any():
            counts[name] = int(out.sum())
            anywhere |= out
    if not counts:
        return []
    most = sorted(counts, key=lambda name: -counts[name])[:3]
    shown = ", ".join(f"{abridged(name, 40)} {counts[name]:,}" for name in most)
    return [
        f"{int(anywhere.sum()):,} of {many(len(candidates), 'candidate')} {'is' if anywhere.sum() == 1 else 'are'} "
        f"outside of the range of the trained networks in a feature ({shown}): predictions there are extrapolations."
    ]


__all__ = ["Usable", "line_of", "usable_features"]
