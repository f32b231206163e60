"""Your own table: a CSV file with one row per architecture becomes a benchmark."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._read import is_web_page, read_parquet
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, UnknownNameError
from zcbench.spaces import TableSpace, get_space
from zcbench.types import Architecture, SearchSpace, Target

#: rows that are read without being asked to
MOST_ROWS = 1_000_000
_MISSING = {"", "na", "nan", "n/a", "null", "none", "-", "?"}
_ARCHITECTURE = ("arch", "architecture", "arch_str", "architecture_str", "model", "network", "name", "genotype", "id")


@dataclass(frozen=True)
class Columns:
    """What a file holds.

    Attributes:
        numbers: numeric columns by name, ``(rows,)``, nan where a value is missing.
        texts: the other columns.
        lines: line of each row in the file.
    """

    numbers: dict[str, np.ndarray]
    texts: dict[str, list[str]]
    lines: list[int]


def read_columns(path: str | Path, limit: int | None = None, seed: int = 0) -> Columns:
    """Read a CSV (separated by commas, semicolons or tabs, UTF-8, with a header) or a parquet file.

    Args:
        path: the file.
        limit: number of rows, drawn at random; None for all.
        seed: decides which.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it has no header, no rows, a ragged row, two columns of one name, a column that is numbers but
            for some value, or is not text in UTF-8; the message names the line.
        InvalidInputError: it has more than a million rows and ``limit`` is None.
    """
    path = Path(path)
    if not path.is_file():
        raise DataMissingError(f"{path} is not a file: give a table with one row per architecture.")
    if path.suffix == ".parquet":
        frame = read_parquet(path)
        rows = [["" if value is None else str(value) for value in row] for row in zip(*frame.values(), strict=True)]
        return _columns(path, list(frame), list(enumerate(rows, 1)))
    lines = _rows(path)
    try:
        _, header = next(lines)
    except StopIteration:
        raise DataCorruptError(f"{path} is empty: its first line must name the columns.") from None
    header = [name.strip() for name in header]
    twice = next((name for i, name in enumerate(header) if name in header[:i]), None)
    if twice is not None:
        raise DataCorruptError(f"{path} has two columns named {twice!r}: rename one.")
    if "" in header:
        raise DataCorruptError(
            f"{path}: column {header.index('') + 1} has no name: the first line must name all columns."
        )
    if all(_number(name) is not None for name in header):
        raise DataCorruptError(f"{path} has no header: its first line must name the columns.")
    return _columns(path, header, _sample(path, lines, limit, seed))


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number of line and cells of each row that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            start = file.read(1 << 16)
            if "\0" in start:
                raise DataCorruptError(f"{path} is not a text file: give a CSV file.")
            if is_web_page(start.encode()):
                raise DataCorruptError(f"{path} is a web page, not a table: download the file itself.")
            first = start.split("\n", 1)[0]
            delimiter = max(",;\t", key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, row
    except UnicodeDecodeError as error:
        line = _line_of(path, error)
        raise DataCorruptError(f"{path} is not UTF-8 (line {line}): save it in that encoding.") from None
    except csv.Error as error:
        raise DataCorruptError(f"{path} is not a CSV file ({error}): check its quotes.") from None


def _line_of(path: Path, error: UnicodeDecodeError) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8-sig")
            except UnicodeDecodeError:
                return number
    return error.start


def _sample(
    path: Path, lines: Iterator[tuple[int, list[str]]], limit: int | None, seed: int
) -> list[tuple[int, list[str]]]:
    if limit is not None and limit < 1:
        raise InvalidInputError(f"a limit of {limit} rows: choose at least 1.")
    if limit is None:
        kept: list[tuple[int, list[str]]] = []
        for row in lines:
            if len(kept) == MOST_ROWS:
                raise InvalidInputError(
                    f"{path} has more than {MOST_ROWS:,} rows: choose how many to draw at random with --limit."
                )
            kept.append(row)
        return kept
    count = sum(1 for _ in lines)
    chosen = np.zeros(count, bool)
    chosen[np.random.RandomState(seed).permutation(count)[:limit]] = True
    again = _rows(path)
    next(again)
    return list(compress(again, chosen))


def _columns(path: Path, header: list[str], rows: list[tuple[int, list[str]]]) -> Columns:
    if not rows:
        raise DataCorruptError(f"{path} has no rows below its header.")
    for line, row in rows:
        if len(row) != len(header):
            raise DataCorruptError(f"{path}, line {line}: {len(row)} values for {len(header)} columns.")
    numbers: dict[str, np.ndarray] = {}
    texts: dict[str, list[str]] = {}
    for place, name in enumerate(header):
        cells = [row[place].strip() for _, row in rows]
        values = [math.nan if cell.lower() in _MISSING else _number(cell) for cell in cells]
        strange = [i for i, value in enumerate(values) if value is None]
        if strange and len(strange) < sum(cell.lower() not in _MISSING for cell in cells):
            line, cell = rows[strange[0]][0], cells[strange[0]]
            # Names such as 00012100 among others with letters are text; a typo among measurements is not.
            if len(strange) * 10 < len(cells):
                raise DataCorruptError(f"{path}, line {line}: {cell!r} in the column {name!r} is no number: mend it.")
        if strange:
            texts[name] = cells
        else:
            numbers[name] = np.asarray(values, np.float64)
            if name.lower() in _ARCHITECTURE:
                texts[name] = cells
    return Columns(numbers, texts, [line for line, _ in rows])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def own_benchmark(
    path: str | Path,
    target: str,
    *,
    arch: str | None = None,
    space: str | SearchSpace | None = None,
    lower: Sequence[str] = (),
    batch: str = "cifar10",
    classes: int = 10,
    limit: int | None = None,
    seed: int = 0,
) -> Benchmark:
    """A benchmark of your own table.

    Args:
        path: CSV (or parquet) file, one row per architecture.
        target: the column to rank against.
        arch: the column that names architectures; default: one named "arch", "architecture", "model" …, else the first
            column of text, else rows are numbered.
        space: search space whose strings the names are, to build networks; None if no networks are to be built.
        lower: columns in which lower is better.
        batch: what proxies see (a name for ``load_batch``), where networks are built.
        classes: outputs of the networks, where they are built.
        limit: number of rows, drawn at random; None for all.
        seed: decides which.

    Returns:
        A benchmark with one target; the other numeric columns are its facts (precomputed scores, say).

    Raises:
        DataMissingError, DataCorruptError, InvalidInputError: as :func:`read_columns`; a target that is missing
            everywhere, or constant; an architecture that appears twice or is none of the space.
        UnknownNameError: there is no such column.
    """
    columns = read_columns(path, limit, seed)
    everything = [*columns.numbers, *(name for name in columns.texts if name not in columns.numbers)]
    for name in (target, *([arch] if arch else []), *lower):
        if name not in everything:
            raise UnknownNameError("column", name, everything)
    if target not in columns.numbers:
        raise DataCorruptError(f"{path}: the column {target!r} is text: choose a column of numbers with --target.")
    truth = columns.numbers[target]
    if not np.isfinite(truth).any():
        raise DataCorruptError(f"{path}: the column {target!r} has no values.")
    if len(set(truth[np.isfinite(truth)])) < 2:
        raise DataCorruptError(f"{path}: all values of {target!r} are the same: there is nothing to rank.")
    names = _names(Path(path), columns, arch, named=space is not None)
    place = get_space(space) if isinstance(space, str) else space or TableSpace()
    parse: Callable[[str], Architecture] = place.parse
    architectures = tuple(parse(name) for name in names)
    if len(set(architectures)) < len(architectures):
        seen: dict[Architecture, int] = {}
        for line, architecture in zip(columns.lines, architectures, strict=True):
            if architecture in seen:
                raise DataCorruptError(
                    f"{path}: {architecture} stands in lines {seen[architecture]} and {line}: keep one row of each"
                    " architecture, or name another column with --arch."
                )
            seen[architecture] = line
    return Benchmark(
        name=f"own-{Path(path).stem}",  # never that of a benchmark whose records lie in the same store
        version=1,
        space=place,
        architectures=architectures,
        targets={target: Target(target, batch, target not in lower, f"column {target} of {path}")},
        values={target: truth[:, None]},
        default_target=target,
        classes={batch: classes},
        facts={name: column for name, column in columns.numbers.items() if name not in (target, arch)},
        source=str(path),
    )


def _names(path: Path, columns: Columns, arch: str | None, *, named: bool) -> list[str]:
    if arch is not None:
        if arch in columns.texts:
            return columns.texts[arch]
        return [f"{value:g}" for value in columns.numbers[arch]]
    found = [name for name in columns.texts if name.lower() in _ARCHITECTURE]
    for name in found or list(columns.texts)[:1]:
        if named or len(set(columns.texts[name])) == len(columns.texts[name]):
            return columns.texts[name]
    if named:
        raise InvalidInputError(f"{path} has no column of architectures: name it with --arch.")
    return [f"row {line}" for line in columns.lines]


__all__ = ["Columns", "own_benchmark", "read_columns"]
