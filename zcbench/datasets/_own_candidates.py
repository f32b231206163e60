"""Candidates: a second user-defined table, which has architectures that were not trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from zcbench._display import abridged
from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._features import features_of, merged_texts
from zcbench.datasets._own_names import architectures_of, names_of
from zcbench.datasets._own_source import OwnSource, file_digest
from zcbench.datasets.own import _Content, _means, _notes, _read, _reserved, own_name
from zcbench.errors import InvalidInputError, UnknownNameError


def own_candidates(path: str | Path, trained: Benchmark) -> Benchmark:
    """Read architectures without results as a benchmark whose target is missing everywhere.

    Args:
        path: CSV (or parquet) file, one row per architecture, with the columns of ``trained``. A column with the name
            of the target is not used.
        trained: the table to learn from, which :func:`zcbench.own_benchmark` returned. Its search space and its column
            of architectures are also those of the candidates.

    Raises:
        DataMissingError, DataCorruptError, InvalidArchitectureError: as for :func:`zcbench.own_benchmark`.
        UnknownNameError: the file lacks the column that names the architectures of ``trained``.
    """
    source = trained.own
    if source is None:
        raise InvalidInputError(f"{trained.name} is not a user-defined table: give candidates as architectures.")
    content = _read(Path(path), None, 0)
    target = trained.default_target
    if source.arch is not None and source.arch not in content.texts:
        raise UnknownNameError(
            f"column of architectures of {content.path}",
            source.arch,
            map(abridged, content.texts),
            f"The column {source.arch!r} names the architectures of {source.file}: both files need one such column, "
            "which --arch can name.",
        )
    space = None if source.space is None else trained.space
    # Numbered rows of the two files are different architectures, and need different names.
    names, column = (content.texts[source.arch], source.arch) if source.arch else (_numbered(content, path), None)
    if source.arch is None and space is not None:
        names, column, _ = names_of(content, target, None, space, None)
    reserved = _reserved(content, column, {target: "the target"})
    columns = features_of(content.texts, content.readings, reserved, (), (), content.path, trained.texts)
    architectures, rows = architectures_of(content, names, trained.space, None)
    notes = _notes(content, columns.facts, column, target, None, columns)
    notes = [note for note in notes if f"column {target!r}" not in note]
    reading = content.readings.get(target)
    if reading is not None and reading.missing < len(names):
        given = len(names) - reading.missing
        notes.append(f"It has values of the target {target!r} for {given:,} of {len(names):,} rows: they are not used.")
    if len(rows) < len(names):
        notes.append(
            f"{len(rows):,} architectures remain of {len(names):,} rows, as rows of equal networks were merged."
        )
    return replace(
        trained,
        name=own_name(path),
        architectures=architectures,
        values={target: np.full((len(rows), 1), np.nan)},
        targets={target: trained.target(target)},
        seeds={},
        curves={},
        facts={name: _means(values, rows) for name, values in columns.facts.items()},
        texts={name: merged_texts(texts, rows) for name, texts in columns.texts.items()},
        source=Path(path).name,
        notes=tuple(notes),
        own=OwnSource(
            path=str(path),
            digest=file_digest(path),
            rows=len(content.sheet.rows),
            columns=tuple(content.texts),
            target=target,
            space=source.space,
            arch=column,
            lines=tuple(content.at(places[0]) for places in rows),
        ),
    )


def _numbered(content: _Content, path: str | Path) -> list[str]:
    """Return names of rows that consist of their numbers and the file."""
    return [f"row {number} of {Path(path).name}" for number, _ in content.sheet.rows]


__all__ = ["own_candidates"]
