"""Read exported tables: text in several dialects, or parquet, as rows of cells with their line numbers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import compress, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from zcbench._display import abridged
from zcbench.datasets._cells import is_number
from zcbench.datasets._limits import Allowance
from zcbench.datasets._read import explained, is_web_page, read_parquet
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, MissingDependencyError

Row = tuple[int, list[str]]

#: maximum length of a cell; a longer one is text after a quotation mark that was not closed
LONGEST_CELL = 10_000_000
#: characters of a cell that names of architectures rarely have
_LONG = 100
#: number of bytes that determine encoding, kind and separator
_START = 1 << 20
#: number of rows that determine the separator
_FIRST_ROWS = 50
#: the first of equally good separators is used: separators are rarer in names than a comma
_SEPARATORS = "\t;,| "
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t| )"?[\s;,]*', re.IGNORECASE)
_INDEX = re.compile(r"__index_level_\d+__")
#: first bytes of files that are not a table of text
_KINDS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive: save the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save the table as CSV"),
    (b"\x1f\x8b", "compressed: unpack it first"),
    (b"BZh", "compressed: unpack it first"),
    (b"\xfd7zXZ", "compressed: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed: unpack it first"),
    (b"\x80\x02", "a Python pickle: save the table as CSV"),
    (b"\x80\x03", "a Python pickle: save the table as CSV"),
    (b"\x80\x04", "a Python pickle: save the table as CSV"),
    (b"\x80\x05", "a Python pickle: save the table as CSV"),
    (b"\x89HDF", "an HDF5 file: save the table as CSV"),
    (b"SQLite format 3", "a data base: export the table as CSV"),
    (b"ARROW1", "an Arrow file: save the table as CSV or parquet"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the table: fetch the file itself with  git lfs pull"),
    (b"%PDF", "a PDF, not a table: give a CSV file"),
)


@dataclass(frozen=True)
class Sheet:
    """The unchanged cells of a table.

    Attributes:
        header: names of the columns; "" for one without a name.
        rows: number and cells of each row; as many cells as there are columns.
        separator: the separator of cells; "" in a parquet file.
        unit: the unit of the row numbers, "line" or "row".
        comments: lines that were skipped because they begin with "#".
        typed: columns whose type is a number.
    """

    header: list[str]
    rows: list[Row]
    separator: str = ""
    unit: str = "line"
    comments: list[int] = field(default_factory=list)
    typed: frozenset[str] = frozenset()


def read_sheet(path: Path, limit: int | None, seed: int, most: int) -> Sheet:
    """Read a file of at most ``most`` rows; arguments and errors are those of :func:`zcbench.datasets.read_columns`."""
    if path.is_dir():
        raise DataMissingError(f"{path} is a folder, not a file: give a table with one row per architecture.")
    if not path.is_file():
        raise DataMissingError(f"{path} is not a file: give a table with one row per architecture.")
    if limit is not None and limit < 1:
        raise InvalidInputError(f"a limit of {limit} rows: choose at least 1.")
    with path.open("rb") as file:
        start = file.read(_START)
    if path.suffix.lower() == ".parquet" or start[:4] == b"PAR1":
        return _parquet(path, limit, seed, most)
    text, comments = _Text(path, start), list[int]()
    rows = text.rows(comments)
    header = next(rows, None)
    if header is None:
        what = "is empty" if not comments else "has only lines that begin with #"
        raise DataCorruptError(f"{path} {what}: its first line must name the columns.")
    names, kept = header[1], _sample(path, rows, limit, seed, most, text.rows)
    if not kept:
        raise DataCorruptError(f"{path} has no rows below its header.")
    return Sheet(*_squared(path, names, kept, text.separator), text.separator, comments=comments)


class _Text:
    """A file of text: its encoding, its separator, its rows."""

    def __init__(self, path: Path, start: bytes) -> None:
        self.path = path
        self.encoding = _encoding(path, start)
        text = start.decode(self.encoding, errors="replace")
        if len(start) == _START and len(lines := text.splitlines(keepends=True)) > 1:
            text = "".join(lines[:-1])  # the last line may be incomplete
        _refuse(path, text)
        told = _SEPARATOR_LINE.fullmatch(re.split(r"\r\n|\r|\n", text, maxsplit=1)[0])
        self.told = bool(told)  # Excel's first line, "sep=;"
        self.separator = told[1] if told else _separator(text)

    def rows(self, comments: list[int] | None = None) -> Iterator[Row]:
        """Yield number of the first line and cells of each row that is not blank, the header first.

        Line numbers of comments are appended to ``comments``.
        """
        before = csv.field_size_limit(LONGEST_CELL)
        lines = _Lines(iter(()))
        try:
            with self.path.open(encoding=self.encoding, newline="") as file:
                lines = _Lines(file, comments)
                if self.told:
                    lines.skip()
                header = True
                for row in csv.reader(lines, delimiter=self.separator, skipinitialspace=True):
                    if lines.unclosed:
                        raise DataCorruptError(
                            f"{self.path}: a quotation mark opens in line {lines.first} and is not closed: close it."
                        )
                    if lines.nul:
                        raise DataCorruptError(
                            f"{self.path}, line {lines.nul}: it contains a NUL character: give a text file."
                        )
                    if header and (names := _commented_header(lines, row, self.separator)):
                        yield lines.comments.pop(), names
                    header = False
                    if any(map(str.strip, row)):
                        yield lines.first, row
                    lines.between = True
        except UnicodeError:
            if self.encoding != "utf-8-sig":
                code = self.encoding.upper()
                raise DataCorruptError(f"{self.path} begins as {code} and is not: save it as UTF-8.") from None
            raise DataCorruptError(
                f"{self.path} is not UTF-8 (line {_bad_line(self.path)}): save it in that encoding."
            ) from None
        except csv.Error as error:
            raise DataCorruptError(
                f"{self.path}, line {lines.first}: it is not a CSV file ({error}): check its quotes."
            ) from None
        finally:
            csv.field_size_limit(before)


class _Lines:
    """Lines for a CSV reader, without blank lines and comments; it keeps the first line of each record.

    Attributes:
        number: number of the last line, as in an editor.
        first: number of the first line of the current record.
        comments: lines between records that begin with "#".
        comment: the text of the last comment.
        unclosed: whether the file ended within a record.
        nul: number of a line with a NUL character; 0 if there is none.
    """

    def __init__(self, file: Iterator[str], comments: list[int] | None = None) -> None:
        self._file = file
        self.number = self.first = 0
        self.comments = [] if comments is None else comments
        self.comment = ""
        self.between, self.unclosed, self.nul = True, False, 0

    def skip(self) -> None:
        """Skip a line."""
        next(self._file, "")
        self.number += 1

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.number += 1
            if self.between:
                if line.isspace():
                    continue
                if line.startswith("#"):
                    self.comments.append(self.number)
                    self.comment = line
                    continue
                self.first, self.between = self.number, False
            if "\0" in line:
                self.nul = self.number
            yield line
        self.unclosed = not self.between


def _commented_header(lines: _Lines, row: list[str], separator: str) -> list[str]:
    """Return names in a comment directly above the first row, as NumPy writes; none if the row may be the header."""
    if not lines.comments or lines.comments[-1] != lines.first - 1 or not any(map(is_number, row)):
        return []
    names = next(csv.reader([lines.comment.lstrip("#").lstrip(" ")], delimiter=separator, skipinitialspace=True), [])
    fits = len(names) == len(row) and len(row) > 1 and not any(map(is_number, names))
    return names if fits else []


def _encoding(path: Path, start: bytes) -> str:
    """Determine the encoding of a text from its first bytes; DataCorruptError if it is not text."""
    for mark, encoding in (
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if start.startswith(mark):
            return encoding
    for mark, what in _KINDS:
        if start.startswith(mark):
            raise DataCorruptError(f"{path} is {what}.")
    if b"\0" in start:
        few = start[: 4096 - 4096 % 2]
        odd, even = few[1::2].count(0), few[::2].count(0)
        if min(odd, even) == 0 and max(odd, even) * 4 > len(few):  # every second byte of plain text is 0
            return "utf-16-le" if odd else "utf-16-be"
        raise DataCorruptError(f"{path} is not a text file: give a CSV file.")
    return "utf-8-sig"


def _refuse(path: Path, text: str) -> None:
    """Raise DataCorruptError for text that is not a table."""
    if is_web_page(text.encode(errors="replace")):
        raise DataCorruptError(f"{path} is a web page, not a table: download the file itself.")
    begin = text.lstrip("\ufeff \t\r\n")
    if re.match(r"<[!?A-Za-z]", begin):
        raise DataCorruptError(f"{path} is a web page or XML, not a table: give a CSV file.")
    if re.match(r'\{\s*("|\}|$)|\[\s*([{\["]|$|-?\d+\s*[,\]])', begin):
        raise DataCorruptError(f"{path} is JSON, not a table: save it as CSV.")


def _separator(text: str) -> str:
    """Determine the separator: it gives every row as many cells as the header, and more than one."""
    found = []
    for place, separator in enumerate(_SEPARATORS):
        lines = _Lines(iter(io.StringIO(text, newline="")))
        widths: list[int] = []
        before = csv.field_size_limit(LONGEST_CELL)
        try:
            for row in csv.reader(lines, delimiter=separator, skipinitialspace=True):
                lines.between = True
                cells = [cell.strip() for cell in row]
                while len(cells) > 1 and not cells[-1] and (not widths or len(cells) > widths[0]):
                    cells.pop()
                widths.append(len(cells))
                if len(widths) == _FIRST_ROWS:
                    break
        except csv.Error:
            continue
        finally:
            csv.field_size_limit(before)
        if widths and widths[0] > 1:
            even = len(set(widths)) == 1
            if even or separator != " ":  # words of a name are not cells
                found.append((even, widths[0] if not even else 0, -place, separator))
    return max(found)[-1] if found else ","


def _sample(
    path: Path, rows: Iterator[Row], limit: int | None, seed: int, most: int, again: Callable[[], Iterator[Row]]
) -> list[Row]:
    if limit is None:
        kept: list[Row] = []
        for row in rows:
            if len(kept) == most:
                raise InvalidInputError(_too_many(path, most))
            kept.append(row)
        return kept
    chosen = _drawn(sum(1 for _ in rows), limit, seed)
    second = again()
    next(second)
    return list(compress(second, chosen))


def _drawn(count: int, limit: int | None, seed: int) -> np.ndarray:
    chosen = np.zeros(count, bool)
    chosen[np.random.RandomState(seed).permutation(count)[:limit]] = True
    return chosen


def _too_many(path: Path, most: int) -> str:
    return f"{path} has more than {most:,} rows: choose how many to draw at random with --limit."


def _squared(path: Path, header: list[str], rows: list[Row], separator: str) -> tuple[list[str], list[Row]]:
    """Return header and rows of the same width: empty cells beyond the named columns are removed."""
    names = [" ".join(name.split()) for name in header]
    width = len(names)
    while width > 1 and not names[width - 1] and not any("".join(row[width - 1 :]).strip() for _, row in rows):
        width -= 1
    names = names[:width]
    for number, row in rows:
        if len(row) < width or any(cell.strip() for cell in row[width:]):
            hint = _comma_hint(row, width) if separator == "," and len(row) > width else ""
            raise DataCorruptError(f"{path}, line {number}: {len(row)} values for {width} columns.{hint}")
        del row[width:]
    return names, rows


def _comma_hint(row: list[str], width: int) -> str:
    pairs = [f"{a},{b}" for a, b in pairwise(row) if re.fullmatch(r"[+-]?\d+", a) and b.isdecimal()]
    if len(pairs) < len(row) - width:
        return ""
    return (
        f" If {abridged(pairs[0], 40)} is one number, its comma separates cells here: write a point, or separate"
        " the cells with semicolons."
    )


def _bad_line(path: Path) -> int:
    """Return the number of the first line that is not UTF-8, as in an editor."""
    with path.open("rb") as file:
        number = 1
        for line in file:
            for part in line.replace(b"\r\n", b"\n").splitlines():
                try:
                    part.decode("utf-8-sig")
                except UnicodeDecodeError:
                    return number
                number += 1
    return number


def _parquet(path: Path, limit: int | None, seed: int, most: int) -> Sheet:
    frame, typed = _parquet_columns(path, most if limit is None else None)
    count = len(next(iter(frame.values()), []))
    if not count:
        raise DataCorruptError(f"{path} has no rows.")
    chosen = _drawn(count, limit, seed)
    # pandas writes its index last, under this name if it has none; in text it is first, without a name.
    order = sorted(frame, key=lambda name: not _INDEX.fullmatch(name))
    header = ["" if _INDEX.fullmatch(name) else " ".join(name.split()) for name in order]
    cells = compress(enumerate(zip(*(frame[name] for name in order), strict=True), 1), chosen)
    rows, allowance = [], Allowance.of(path)
    for number, values in cells:
        row = list(map(_as_cell, values))
        allowance.spend(
            sum(len(cell) for cell in row if len(cell) > _LONG)
        )  # a repeated long text compresses to almost no bytes
        rows.append((number, row))
    return Sheet(header, rows, unit="row", typed=typed)


def _parquet_columns(path: Path, most: int | None) -> tuple[dict[str, list[Any]], frozenset[str]]:
    """Return columns by name, and the names of those whose type is a number."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError("pyarrow", "parquet", f"reading {path.name}") from None
    with explained(path):
        with pq.ParquetFile(path) as file:
            schema, count = file.schema_arrow, file.metadata.num_rows
        if most is not None and count > most:
            raise InvalidInputError(_too_many(path, most))
        twice = next((name for i, name in enumerate(schema.names) if name in schema.names[:i]), None)
        if twice is not None:
            raise DataCorruptError(f"{path} has two columns named {twice!r}: rename one.")
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    return read_parquet(path), frozenset(f.name for f in schema if any(test(f.type) for test in tests))


def _as_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)


__all__ = ["Row", "Sheet", "read_sheet"]
