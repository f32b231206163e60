"""Read files of common formats; any error becomes one sentence that names file and row."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from zcbench.datasets import _limits
from zcbench.datasets._limits import Allowance
from zcbench.datasets._table import Table
from zcbench.datasets._values import OddValueError
from zcbench.errors import (
    DataCorruptError,
    DataMissingError,
    MissingDependencyError,
    StoreError,
    ZcbenchError,
    first_line,
)

#: the first bytes of packed files, whatever their names
_PACKED: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
)
#: number of rows that are unpacked at once if they contain lists
_BATCH = 256
#: number of characters of a message, which may quote the file
LONGEST = 2000


# -- errors ------------------------------------------------------------------------------------


class Place:
    """The place of a reader in its file, which errors name.

    Attributes:
        row: number of the row from 1, or the record in words; None outside of rows. Readers set it while they read:
            ``for at.row, entry in enumerate(entries, 1)``.
    """

    def __init__(self) -> None:
        self.row: int | str | None = None

    def __str__(self) -> str:
        if self.row is None:
            return ""
        return f"row {self.row}: " if isinstance(self.row, int) else f"{self.row}: "


@contextmanager
def explained(path: Path | Sequence[Path]) -> Iterator[Place]:
    """Turn any exception of a reader into one sentence with file and row; the original exception is its ``__cause__``.

    Yields:
        A place, in which the reader sets the current row.

    Raises:
        DataMissingError: the file does not exist.
        DataCorruptError: the reader raised any other exception; errors of zcbench with the file's name are not changed.
    """
    paths = [path] if isinstance(path, Path) else list(path)
    name = ", ".join(map(str, paths[:3])) + (" …" if len(paths) > 3 else "")
    at = Place()
    try:
        yield at
    except (MissingDependencyError, StoreError, DataMissingError):
        raise
    except FileNotFoundError as error:
        raise DataMissingError(f"{error.filename or name} does not exist.") from error
    except Exception as error:  # a damaged file can raise nearly any exception
        if page := next(filter(None, map(_web_page, paths)), None):
            raise DataCorruptError(f"{page} is a web page, not a table: download the file itself.") from error
        if isinstance(error, ZcbenchError):
            text = str(error)
            if not any(str(p) in text for p in paths):
                text = f"{name}: {at}{text}"
            if text == str(error) and len(text) <= LONGEST:
                raise
            raise DataCorruptError(text if len(text) <= LONGEST else f"{text[:LONGEST]}…") from error
        if isinstance(error, IsADirectoryError):
            raise DataCorruptError(f"{name} is a folder: give the files in it.") from error
        if isinstance(error, MemoryError):
            reason = "it needs more memory than is available"
        else:
            reason = str(error) if isinstance(error, OddValueError) else first_line(error)[:300]
        raise DataCorruptError(
            f"{name} cannot be read ({at}{reason}): get it again, or check that it is the authors' file."
        ) from error


# -- web pages ---------------------------------------------------------------------------------


def is_web_page(start: bytes) -> bool:
    """Return whether the first bytes of a file are a web page, which drives and proxies send instead of a file."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.decode("utf-16", errors="replace").encode()
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<?xml", b"<!--")):
        return b"<html" in text or b"<!doctype html" in text
    return re.match(rb"<(!doctype html|html|head|body|title|meta|script|style)\b", text) is not None


def _web_page(path: Path) -> Path | None:
    """Return the file, or one directly in the folder, if it is a web page; else None."""
    try:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.is_file():
                with file.open("rb") as opened_file:
                    if is_web_page(opened_file.read(1024)):
                        return file
    except OSError:
        pass
    return None


def refuse_web_pages(paths: Sequence[Path]) -> None:
    """Raise DataCorruptError if one of the files is a web page, whatever its name and format."""
    for path in paths:
        if path.is_file() and _web_page(path):
            raise DataCorruptError(f"{path} is a web page, not a table: download the file itself.")


# -- files and members -------------------------------------------------------------------------


def opened(path: Path) -> IO[bytes]:
    """Open a file, unpacked if gzip or bzip2 packed it, whatever its name, within its allowance.

    Raises:
        DataCorruptError: it is a web page. Unpacked bytes are counted while it is read.
    """
    with path.open("rb") as file:
        start = file.read(8)
    unpack = next((unpack for magic, unpack in _PACKED if start.startswith(magic)), None)
    stream: io.BufferedReader = Allowance.of(path).limited(unpack(path)) if unpack else path.open("rb")
    try:
        if is_web_page(stream.peek(1024)[:1024]):
            raise DataCorruptError(f"{path} is a web page, not a table: download the file itself.")
    except BaseException:
        stream.close()
        raise
    return stream


def _seekable(stream: IO[bytes]) -> IO[bytes]:
    return stream if stream.seekable() else io.BytesIO(stream.read())


def bare_name(path: Path) -> str:
    """Return the authors' name of a file, without the additions of packers and browsers.

    For example, ``cora (1).bench.gz`` is cora.bench.
    """
    name = re.sub(r"\.(gz|bz2)$", "", path.name, flags=re.IGNORECASE)
    return re.sub(r" ?\(\d+\)(?=\.|$)", "", name)


def bare_stem(path: Path) -> str:
    """Return :func:`bare_name` without its last suffix."""
    return Path(bare_name(path)).stem


@contextmanager
def members(path: Path, suffix: str) -> Iterator[Iterator[tuple[str, bytes]]]:
    """Yield name and content of the members of a zip file whose names end in ``suffix``, within its allowance.

    Raises:
        DataCorruptError: a member is a web page.
    """
    with opened(path) as stream, ZipFile(_seekable(stream)) as archive:
        allowance = Allowance.of(path)

        def each() -> Iterator[tuple[str, bytes]]:
            for name in archive.namelist():
                if name.endswith(suffix):
                    content = _limits.read_member(archive, name, allowance)
                    if is_web_page(content[:1024]):
                        raise DataCorruptError(f"{path}: {name} in it is a web page: download the file itself.")
                    yield name, content

        yield each()


# -- formats -----------------------------------------------------------------------------------


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> dict[str, list[Any]]:
    """Read columns of a parquet file by name.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, declares more rows than its size allows, or lacks one of the columns.
    """
    if not path.is_file():
        raise DataMissingError(f"no table at {path}.")
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError("pyarrow", "parquet", f"reading {path.name}") from None
    with explained(path), opened(path) as stream:
        source = _seekable(stream)
        file = pq.ParquetFile(source)
        present = file.schema_arrow.names
        names = list(present if columns is None else columns)
        missing = [name for name in names if name not in present]
        if missing:
            raise DataCorruptError(f"{path} lacks the column {missing[0]!r}: copy it again.")
        if len(set(present)) < len(present):
            raise DataCorruptError(f"{path} has two columns with the same name: copy it again.")
        # Repeated values compress to almost no bytes, so they are counted before they are unpacked. The metadata of
        # columns are not used, because arrow ends the process if they are damaged.
        allowance = Allowance.of(path)
        allowance.spend(8 * file.metadata.num_rows * len(names))
        allowance.spend(sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)))
        forms = [file.schema.column(place) for place in range(file.metadata.num_columns)]
        allowance.spend(file.metadata.num_rows * sum(form.length or 0 for form in forms if form.length > 0))
        texts = [form.path for form in forms if form.physical_type == "BYTE_ARRAY"]
        file = pq.ParquetFile(source, read_dictionary=texts)
        if any(form.max_repetition_level for form in forms):  # the lengths of lists are not known
            frame: dict[str, list[Any]] = {name: [] for name in names}
            for batch in file.iter_batches(_BATCH, columns=names):
                allowance.spend(8 * batch.nbytes)
                for name in names:
                    frame[name] += _listed(batch.column(name), allowance)
            return frame
        table = file.read(columns=names)
        return {name: _listed(table.column(name).combine_chunks(), allowance) for name in names}


def _listed(column: Any, allowance: Allowance) -> list[Any]:
    """Return the values of an arrow column; equal texts are one object, and times are text."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):  # of no rows
        return [value for chunk in column.chunks for value in _listed(chunk, allowance)]
    if pa.types.is_dictionary(column.type):
        words = _listed(column.dictionary, allowance)
        return [None if place is None else words[place] for place in column.indices.to_pylist()]
    if pa.types.is_temporal(column.type):  # Python's times have neither nanoseconds nor years beyond 9999
        whole = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64())
        unit = getattr(column.type, "unit", "d" if pa.types.is_date32(column.type) else "ms")
        try:
            plain = column.cast(pa.timestamp(unit)) if pa.types.is_timestamp(column.type) else column
            return list(plain.cast(pa.string()).to_pylist())
        except pa.ArrowException:
            return [None if value is None else f"{value} {unit}" for value in whole.to_pylist()]
    for leaf in _leaves(column):
        if pa.types.is_dictionary(leaf.type):  # in lists, texts are copied
            longest = max((len(word) for word in leaf.dictionary.to_pylist() if word is not None), default=0)
            allowance.spend(longest * len(leaf))
    return list(column.to_pylist())


def _leaves(column: Any) -> Iterator[Any]:
    """Yield the contents of nested columns; nothing for a column that is not nested."""
    import pyarrow as pa

    if pa.types.is_nested(column.type):
        inner = [column.keys, column.items] if pa.types.is_map(column.type) else column.flatten()
        for part in inner if isinstance(inner, list) else [inner]:
            yield part
            yield from _leaves(part)


def as_records(frame: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Convert columns to rows, each a mapping by the columns' names."""
    return [dict(zip(frame, row, strict=True)) for row in zip(*frame.values(), strict=True)]


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, or a mapping has a name twice.
    """
    with explained(path), opened(path) as file:
        return parse_json(file.read())


def parse_json(content: bytes | str) -> Any:
    """Parse JSON text; ValueError if it is malformed or a mapping has a name twice."""
    return json.loads(content, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise OddValueError(f"a mapping has {twice[:60]!r} twice")
    return mapping


def read_csv(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield number of the line and cells by column of each row of a CSV file with a header.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is not text, two columns have the same name, or a row has another number of cells.
    """
    with explained(path) as at, opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise OddValueError("two columns have the same name")
        for row in reader:
            at.row = f"line {reader.line_num}"
            if not row:
                continue
            if len(row) != len(header):
                raise OddValueError(f"{len(row)} cells for {len(header)} columns")
            yield reader.line_num, dict(zip(header, row, strict=True))


def single(reader: Callable[[Path], Table]) -> Callable[[Sequence[Path]], Table]:
    """Convert a reader of one file to a reader of a list of files; DataCorruptError for any other number."""

    def read(paths: Sequence[Path]) -> Table:
        if len(paths) != 1:
            raise DataCorruptError(f"{len(paths)} files were given: this benchmark is read from one.")
        return reader(paths[0])

    return read
