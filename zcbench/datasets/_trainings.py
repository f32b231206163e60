"""Repeated trainings of a user-defined table: rows of one architecture with different seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zcbench._display import abridged, many
from zcbench.datasets._cells import _NOTHING, Reading
from zcbench.errors import DataCorruptError

Floats = NDArray[np.float64]
#: names of columns that are likely to distinguish repeated trainings
LIKELY = ("seed", "seeds", "random_seed", "seed_id", "run", "run_id", "trial", "repeat", "rep", "replicate")
#: a table by seed is nearly empty if it has more cells than this for each training, and more than a small number
_SPARSE, _SMALL = 20, 100_000


@dataclass(frozen=True)
class Trainings:
    """Which training each row of a table is.

    Attributes:
        seeds: seed of each training; where the column does not tell it, a number that no seed has.
        columns: number of the training of each row, ``(rows,)``.
        notes: sentences about seeds that are missing, or that no two architectures share.
    """

    seeds: tuple[int, ...]
    columns: NDArray[np.intp]
    notes: tuple[str, ...] = ()

    def by_seed(self, values: Floats, groups: Sequence[Sequence[int]]) -> Floats:
        """Return the values of each architecture by training, ``(architectures, trainings)``; nan where there is none.

        Args:
            values: ``(rows,)``.
            groups: the rows of each architecture. Rows of one training, which equal networks have, are averaged.
        """
        found = np.full((len(groups), len(self.seeds)), np.nan)
        for number, rows in enumerate(groups):
            cells: dict[int, list[float]] = {}
            for row in rows:
                if not np.isnan(values[row]):
                    cells.setdefault(int(self.columns[row]), []).append(float(values[row]))
            for column, several in cells.items():
                found[number, column] = sum(several) / len(several)
        return found


def trainings_of(
    name: str,
    texts: Sequence[str],
    reading: Reading,
    names: Sequence[str],
    groups: Sequence[Sequence[int]],
    trained: NDArray[np.bool_],
    where: Sequence[str],
    path: str,
) -> Trainings:
    """Return the training of each row by its seed.

    Where hardly any two architectures share a seed, because each training drew its own, or few share each, the
    trainings of every architecture are numbered in the order of their seeds. Rows without a seed are further trainings.

    Args:
        name: of the column of seeds.
        texts: its cells.
        reading: the same as numbers, where they are numbers.
        names: of the rows' architectures.
        groups: the rows of each architecture.
        trained: whether a row has a value of what was trained, ``(rows,)``; others are candidates and no trainings.
        where: where each row is, "line 3".
        path: of the file, for messages.

    Raises:
        DataCorruptError: a name has a seed twice.
    """
    keys = [key if there else None for key, there in zip(_keys(texts, reading), trained, strict=True)]
    first: dict[tuple[str, object], int] = {}
    for row, (architecture, key) in enumerate(zip(names, keys, strict=True)):
        if key is not None and first.setdefault((architecture, key), row) != row:
            other = where[first[architecture, key]]
            raise DataCorruptError(
                f"{path}: {abridged(architecture, 60)!r} has the value {abridged(texts[row], 20)!r} of {name!r} in "
                f"{other} and in {where[row]}: keep one row of each training."
            )
    distinct = sorted({key for key in keys if key is not None})
    seeded = sum(key is not None for key in keys)
    notes = []
    repeated = sum(any(keys[row] is not None for row in rows) for rows in groups)
    sparse = repeated * len(distinct) > max(_SPARSE * seeded, _SMALL)  # a table by seed would be nearly empty
    numbered = seeded < 2 * len(distinct) or sparse
    columns = np.zeros(len(texts), np.intp)
    places = {key: place for place, key in enumerate(distinct)}
    width = 0 if numbered else len(distinct)
    for rows in groups:
        known = sorted((places[key], row) for row in rows if (key := keys[row]) is not None)
        for place, (seed, row) in enumerate(known):
            columns[row] = place if numbered else seed
        start = len(known) if numbered else len(distinct)
        without = [row for row in rows if keys[row] is None and trained[row]]
        columns[without] = start + np.arange(len(without))
        width = max(width, start + len(without) if without or numbered else 0)
    if numbered and distinct:
        few = "few architectures" if sparse else "one architecture"
        notes.append(f"Most values of {name!r} belong to {few} only: the trainings of each architecture are numbered.")
    if further := int(trained.sum()) - seeded:
        notes.append(
            f"{many(further, 'row')} without a value of {name!r} {'is a' if further == 1 else 'are'} further "
            f"training{'s' if further > 1 else ''}."
        )
    if max(map(len, groups)) == 1:
        notes.append(f"No architecture has a second row: {name!r} distinguishes no repeated trainings.")
    return Trainings(_seeds(distinct, max(1, width), numbered=numbered), columns, tuple(notes))


def complete_repeats(values: Floats) -> Floats:
    """Return the trainings that a noise ceiling can use, ``(architectures, k)``, where trainings are missing.

    Trainings of one architecture are exchangeable, so that the first k of each count, whatever their seeds. k is the
    largest number that nine in ten of the architectures with two trainings have; those with fewer are nan.

    Args:
        values: ``(architectures, trainings)``, nan where there is none.
    """
    finite = np.isfinite(values)
    counts = finite.sum(axis=1)
    repeated = int((counts >= 2).sum())
    most = max((k for k in range(2, values.shape[1] + 1) if (counts >= k).sum() >= 0.9 * repeated), default=2)
    order = np.argsort(~finite, axis=1, kind="stable")[:, :most]
    found = np.take_along_axis(np.where(finite, values, np.nan), order, axis=1)
    found[counts < most] = np.nan
    return found


def _keys(texts: Sequence[str], reading: Reading) -> list[float | str | None]:
    """Return what distinguishes trainings: numbers or else text of the column; None where a cell is empty."""
    if reading.values is not None:
        return [None if np.isnan(value) else float(value) for value in reading.values]
    return [None if text.casefold() in _NOTHING else text for text in texts]


def _seeds(distinct: Sequence[float | str], width: int, *, numbered: bool) -> tuple[int, ...]:
    whole = not numbered and all(isinstance(key, float) and key.is_integer() for key in distinct)
    seeds = [int(key) for key in distinct] if whole else list(range(0 if numbered else len(distinct)))
    following = max(seeds, default=-1) + 1
    return (*seeds, *range(following, following + width - len(seeds)))
