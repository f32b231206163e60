"""A benchmark's table as columns: what readers of foreign files give, and the cache that keeps it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from zcbench._files import whole
from zcbench.datasets._paths import CACHE_ADVICE
from zcbench.errors import DataCorruptError, first_line
from zcbench.types import Target

Floats = NDArray[np.float64]
#: raised when the layout of the cache changes; caches of another layout are made anew
LAYOUT = 1


@dataclass
class Table:
    """Columns of a benchmark.

    Attributes:
        architectures: strings of the architectures, as the search space writes them; no line breaks.
        targets: what the columns are; the first is the default.
        values: by target, ``(architectures, seeds)``, nan where nothing was measured.
        seeds: by target, the seed of each column; only where the source tells seeds apart.
        curves: by target, ``(architectures, seeds, points)``.
        facts: by name, ``(architectures,)``.
        source: where it was read from, in words.
    """

    architectures: list[str]
    targets: tuple[Target, ...]
    values: Mapping[str, Floats]
    seeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    curves: Mapping[str, NDArray[np.floating[Any]]] = field(default_factory=dict)
    facts: Mapping[str, Floats] = field(default_factory=dict)
    source: str = ""


def columns(values: Mapping[str, Any]) -> dict[str, Floats]:
    """One measurement per architecture each: ``(architectures, 1)``, None as nan."""
    return {
        name: np.asarray([np.nan if value is None else value for value in column], np.float64)[:, None]
        for name, column in values.items()
    }


def with_repeats(table: Table, most: int = 2) -> Table:
    """The table with one row per architecture: further rows of one that was trained again become columns.

    At most ``most`` trainings are kept, in the order of the rows; curves and facts are those of the first.
    """
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(table.architectures):
        rows.setdefault(text, []).append(row)
    first = [numbers[0] for numbers in rows.values()]
    values = {}
    for name, column in table.values.items():
        values[name] = np.full((len(rows), most), np.nan)
        for row, numbers in enumerate(rows.values()):
            values[name][row, : len(numbers)] = column[numbers[:most], 0]
    return Table(
        list(rows),
        table.targets,
        values,
        seeds=dict.fromkeys(values, tuple(range(most))),
        curves={name: curve[first] for name, curve in table.curves.items()},
        facts={name: column[first] for name, column in table.facts.items()},
        source=table.source,
    )


def save_table(table: Table, path: Path) -> None:
    """Write a table, whole or not at all.

    Raises:
        StoreError: it cannot be written (disk full, no permission); nothing is left behind.
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
            # One block of text: an array of strings would pad all to the longest.
            architectures=np.frombuffer("\n".join(table.architectures).encode(), np.uint8),
            **arrays,  # type: ignore[arg-type]
        )


def load_table(path: Path) -> Table:
    """Read what :func:`save_table` wrote; curves are read when they are asked for.

    Raises:
        DataCorruptError: it is damaged, or of another version of zcbench.
    """
    advice = f"delete it and get the benchmark again:  zcbench data get {path.stem}"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            mark = _mark(file)
            head = json.loads(data["head"].tobytes())
            if head["layout"] != LAYOUT:
                raise DataCorruptError(f"{path} was written by another version of zcbench: {advice}")
            groups: dict[str, dict[str, Any]] = {"values": {}, "facts": {}}
            curves = []
            for key in data.files:
                group, _, name = key.partition("/")
                if group in groups:
                    groups[group][name] = data[key]
                elif group == "curves":
                    curves.append(name)
            text = data["architectures"].tobytes().decode()
        return Table(
            architectures=text.split("\n") if text else [],
            targets=tuple(Target(*target) for target in head["targets"]),
            seeds={name: tuple(seeds) for name, seeds in head["seeds"].items()},
            curves=LazyCurves(path, mark, curves, advice),
            source=head["source"],
            **groups,
        )
    except DataCorruptError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(f"{path} cannot be read ({first_line(error)}): {advice}") from None


def _mark(file: IO[bytes]) -> tuple[int, ...]:
    """What another file of the same name does not share."""
    known = os.fstat(file.fileno())
    return (known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns)


class LazyCurves(Mapping[str, NDArray[np.floating[Any]]]):
    """Curves in a cache, each read when it is first asked for: DataCorruptError if the file is another by then."""

    def __init__(self, path: Path, mark: tuple[int, ...], names: list[str], advice: str) -> None:
        self._path, self._mark, self._names, self._advice = path, mark, names, advice
        self._read: dict[str, NDArray[np.floating[Any]]] = {}

    def __getitem__(self, name: str) -> NDArray[np.floating[Any]]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            try:
                with self._path.open("rb") as file:
                    if _mark(file) != self._mark:
                        raise DataCorruptError(f"{self._path} was replaced while it was in use: start again.")
                    with np.load(file, allow_pickle=False) as data:
                        self._read[name] = data[f"curves/{name}"]
            except DataCorruptError:
                raise
            except Exception as error:  # a damaged file can raise nearly anything
                raise DataCorruptError(f"{self._path} cannot be read ({first_line(error)}): {self._advice}") from None
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
