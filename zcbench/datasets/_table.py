"""A benchmark's table as columns: the result of readers of foreign files, and its cache."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from zcbench._arguments import shown
from zcbench._display import many
from zcbench._files import whole
from zcbench.datasets._arrays import Arrays
from zcbench.datasets._paths import CACHE_ADVICE
from zcbench.datasets._values import OddValueError, check_shape, column, integer, text_of
from zcbench.errors import DataCorruptError, first_line
from zcbench.types import Target

Floats = NDArray[np.float64]
#: increased when the layout of the cache changes; caches of another layout are made again
LAYOUT = 1


@dataclass(repr=False)
class Table:
    """Columns of a benchmark.

    Attributes:
        architectures: strings of the architectures, in the form of the search space; no line breaks.
        targets: the descriptions of the columns; the first is the default.
        values: by target, ``(architectures, seeds)``, nan for a missing value.
        seeds: by target, the seed of each column; only if the source distinguishes seeds.
        curves: by target, ``(architectures, seeds, points)``.
        facts: by name, ``(architectures,)``.
        source: its source, in words.
    """

    architectures: list[str]
    targets: tuple[Target, ...]
    values: Mapping[str, Floats]
    seeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    curves: Mapping[str, NDArray[np.floating[Any]]] = field(default_factory=dict)
    facts: Mapping[str, Floats] = field(default_factory=dict)
    source: str = ""

    def __repr__(self) -> str:
        return f"<Table of {many(len(self.architectures), 'architecture')}, {many(len(self.targets), 'target')}>"


def columns(values: Mapping[str, Any]) -> dict[str, Floats]:
    """Convert columns with one measurement per architecture to ``(architectures, 1)``, None as nan.

    Raises:
        OddValueError: a value is not a number, or is infinite.
    """
    return {name: column(entries, name)[:, None] for name, entries in values.items()}


def check_table(table: Table) -> None:
    """Raise OddValueError unless a table is well-formed.

    Architectures are texts; there is a target; every column is of real numbers and has a row for each architecture.
    """
    rows = len(table.architectures)
    if not rows:
        raise OddValueError("there are no architectures")
    for row, text in enumerate(table.architectures, 1):
        if not isinstance(text, str) or not text:
            raise OddValueError(f"architecture {row} is {shown(text)}, not a text")
    names = [target.name for target in table.targets]
    if not names:
        raise OddValueError("there is no target")
    if len(set(names)) < len(names) or set(names) != set(table.values):
        raise OddValueError("targets and columns differ")
    for name, values in table.values.items():
        check_shape(name, values.dtype, values.shape, rows, 2)
        if name in table.seeds and len(table.seeds[name]) != values.shape[1]:
            raise OddValueError(
                f"the column {name!r} has {values.shape[1]} trainings and {len(table.seeds[name])} seeds"
            )
    for name, fact in table.facts.items():
        check_shape(name, fact.dtype, fact.shape, rows, 1)
    if odd := {*table.seeds, *table.curves} - set(names):
        raise OddValueError(f"there are seeds or curves of {min(odd)!r}, which is not a target")
    if not isinstance(table.curves, LazyCurves):
        for name, curve in table.curves.items():
            check_shape(name, curve.dtype, curve.shape, rows, 3)


def check_unique(architectures: list[str]) -> None:
    """Raise OddValueError if an architecture occurs twice; the message gives both rows, counted from 1."""
    rows: dict[str, int] = {}
    for row, text in enumerate(architectures, 1):
        if rows.setdefault(text, row) != row:
            raise OddValueError(f"the architecture {shown(text, 200)} occurs twice, in rows {rows[text]} and {row}")


def with_repeats(table: Table, most: int = 2) -> Table:
    """Return the table with one row per architecture: further rows of an architecture become columns of repeats.

    At most ``most`` trainings are kept, in the order of the rows; curves and facts are those of the first.
    """
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(table.architectures):
        rows.setdefault(text, []).append(row)
    first = [numbers[0] for numbers in rows.values()]
    values = {}
    for name, measured in table.values.items():
        values[name] = np.full((len(rows), most), np.nan)
        for row, numbers in enumerate(rows.values()):
            values[name][row, : len(numbers)] = measured[numbers[:most], 0]
    return Table(
        list(rows),
        table.targets,
        values,
        seeds=dict.fromkeys(values, tuple(range(most))),
        curves={name: curve[first] for name, curve in table.curves.items()},
        facts={name: fact[first] for name, fact in table.facts.items()},
        source=table.source,
    )


def save_table(table: Table, path: Path) -> None:
    """Write a table, whole or not at all.

    Raises:
        StoreError: it cannot be written (disk full, no permission); no partial file remains.
    """
    head = {
        "layout": LAYOUT,
        "targets": [[t.name, t.dataset, t.higher_is_better, t.description] for t in table.targets],
        "seeds": {name: list(seeds) for name, seeds in table.seeds.items()},
        "source": table.source,
    }
    arrays = {
        **{f"values/{name}": column for name, column in table.values.items()},
        **{f"curves/{name}": column for name, column in table.curves.items()},
        **{f"facts/{name}": column for name, column in table.facts.items()},
    }
    with whole(path, CACHE_ADVICE) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            head=np.frombuffer(json.dumps(head).encode(), np.uint8),
            # One block of text: an array of strings would pad all strings to the longest.
            architectures=np.frombuffer("\n".join(table.architectures).encode(), np.uint8),
            **arrays,  # type: ignore[arg-type]
        )


def load_table(path: Path) -> Table:
    """Read a table of :func:`save_table`; curves are read at their first use.

    Raises:
        DataCorruptError: it is damaged, or of another version of zcbench.
    """
    advice = f"delete it and get the benchmark again:  zcbench data get {path.stem}"
    with _damaged(path, advice), path.open("rb") as file, Arrays(path, file) as data:
        mark = _mark(file)
        head = json.loads(data.text("head"))
        if not isinstance(head, dict) or head["layout"] != LAYOUT:
            raise DataCorruptError(f"{path} was written by another version of zcbench: {advice}")
        text = data.text("architectures")
        architectures = text.split("\n") if text else []
        groups: dict[str, dict[str, Any]] = {"values": {}, "facts": {}}
        curves = []
        for key in data.names:
            group, _, name = key.partition("/")
            if group in groups:
                groups[group][name] = data.numbers(key, len(architectures), 2 if group == "values" else 1)
            elif group == "curves":
                data.check(key, len(architectures), 3)
                curves.append(name)
        table = Table(
            architectures=architectures,
            targets=tuple(_target(target) for target in head["targets"]),
            seeds={name: tuple(integer(seed, "a seed") for seed in seeds) for name, seeds in head["seeds"].items()},
            curves=LazyCurves(path, mark, curves, advice, len(architectures)),
            source=text_of(head["source"], "the source"),
            **groups,
        )
        check_table(table)
        return table


def _target(fields: Any) -> Target:
    name, dataset, higher_is_better, description = fields
    if not isinstance(higher_is_better, bool) or not all(isinstance(f, str) for f in (name, dataset, description)):
        raise OddValueError("a target is not described by texts")
    return Target(name, dataset, higher_is_better, description)


@contextmanager
def _damaged(path: Path, advice: str) -> Iterator[None]:
    """Turn any exception for a damaged cache into one sentence."""
    try:
        yield
    except DataCorruptError:
        raise
    except Exception as error:  # a damaged file can raise nearly any exception
        reason = str(error) if isinstance(error, OddValueError) else first_line(error)[:300]
        raise DataCorruptError(f"{path} cannot be read ({reason}): {advice}") from error


def _mark(file: IO[bytes]) -> tuple[int, ...]:
    """Return values that distinguish the file from another file with the same name."""
    known = os.fstat(file.fileno())
    return (known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns)


class LazyCurves(Mapping[str, NDArray[np.floating[Any]]]):
    """Curves in a cache, each read at its first use: DataCorruptError if the file was replaced by then."""

    def __init__(self, path: Path, mark: tuple[int, ...], names: list[str], advice: str, rows: int) -> None:
        self._path, self._mark, self._names, self._advice, self._rows = path, mark, names, advice, rows
        self._read: dict[str, NDArray[np.floating[Any]]] = {}

    def __getitem__(self, name: str) -> NDArray[np.floating[Any]]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            with _damaged(self._path, self._advice), self._path.open("rb") as file:
                if _mark(file) != self._mark:
                    raise DataCorruptError(f"{self._path} was replaced while it was in use: start again.")
                with Arrays(self._path, file) as data:
                    self._read[name] = data.numbers(f"curves/{name}", self._rows, 3)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
