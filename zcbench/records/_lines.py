"""Reads files into columns: lines, many at once where they are as a writer writes them, blocks, and Parquet.

A line of a writer has its fields in one order. Cut before some of them it gives parts, of which only the value and the
seconds differ from line to line; the others are few, and each is parsed and checked once. What has another form, or
does not pass, is read line by line, which alone decides what can be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import shortened
from zcbench.records import _blocks, _parquet, _schema
from zcbench.records._columns import RECORDS, Builder, Kind
from zcbench.records._layout import Source
from zcbench.records._schema import BadLineError, LeftOut

_CHUNK = 1 << 19
#: lines that are read one by one where a chunk has something odd
_FEW = 64
#: parts that are remembered
_MEMORY = 1 << 16


@dataclass
class Part:
    """What one file holds besides its rows.

    Attributes:
        environments: descriptions by id.
        left_out: lines that cannot be used; the number 0 stands for the whole file.
        lines: number of lines, or of rows where there are none.
        plain: number of lines that hold one item each.
        rows: number of items.
        old: whether there are lines of schema 1.
    """

    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    lines: int = 0
    plain: int = 0
    rows: int = 0
    old: bool = False


class Reader:
    """Reads files into one builder.

    Args:
        kind: what the rows are, with their origin.
        builder: what gets the rows.
    """

    def __init__(self, kind: Kind[Any], builder: Builder) -> None:
        self._kind, self._builder = kind, builder
        self._parse = _schema.record if kind.mark == RECORDS.mark else _schema.trial
        self._known = _Known(builder) if kind.mark == RECORDS.mark else None

    def read(self, source: Source) -> Part:
        """Add a file's rows to the builder.

        Raises:
            OSError: it cannot be read.
            MissingDependencyError: it is Parquet, and pyarrow is not installed.
        """
        part, before = Part(), self._builder.rows
        self._read(source, part)
        part.rows = self._builder.rows - before
        return part

    def _read(self, source: Source, part: Part) -> None:
        if source.format == "parquet":
            try:
                part.lines, part.environments = _parquet.read(source.path, source.stem, self._kind, self._builder)
            except BadLineError as error:
                part.left_out.append(LeftOut(source.path, 0, str(error)))
            return
        with source.path.open("rb") as file:
            for chunk in _chunks(file):
                self._chunk(chunk, source, part)

    def _chunk(self, chunk: bytes, source: Source, part: Part) -> None:
        """Read whole lines: all at once, else in halves, else one by one."""
        count = chunk.count(b"\n")
        if self._known is not None and count and not chunk.startswith(_blocks.BEGIN):
            try:
                count, old = self._known.add(chunk, source.stem)
            except _OddError:
                pass
            else:
                part.lines += count
                part.plain += count
                part.old = part.old or old
                return
            if count > _FEW:
                middle = chunk.find(b"\n", len(chunk) // 2) + 1 or len(chunk)
                if middle == len(chunk):
                    middle = chunk.rfind(b"\n", 0, len(chunk) - 1) + 1
                self._chunk(chunk[:middle], source, part)
                self._chunk(chunk[middle:], source, part)
                return
        for text in _split(chunk):
            self._line(text, source, part)

    def _line(self, text: bytes, source: Source, part: Part) -> None:
        part.lines += 1
        try:
            line = _schema.parsed(text, self._kind.mark)
            if "block" in line:
                _blocks.decode(line, text, self._kind, self._builder)
                return
            if self._kind.mark not in line:
                part.environments[line["environment"]] = line
                return
            values = self._parse(line)
        except BadLineError as error:
            if text.endswith(b"\n"):  # else a kill cut it short, or it is being written
                part.left_out.append(LeftOut(source.path, part.lines, str(error)))
            return
        part.old = part.old or line["schema"] == 1
        part.plain += 1
        self._builder.append((*values, source.stem))


def _split(chunk: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in chunk.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def environments(source: Source, kind: Kind[Any]) -> dict[str, dict[str, Any]]:
    """The environments that a file describes, by id.

    Raises:
        OSError: it cannot be read.
        MissingDependencyError: it is Parquet, and pyarrow is not installed.
    """
    found = {}
    if source.format == "parquet":
        with suppress(BadLineError):  # named where its rows are read
            return _parquet.read(source.path, source.stem, kind.traced, None)[1]
        return {}
    # As a text in JSON it would have a backslash before its quotes: only a field is called so.
    item = b'"%s":' % kind.mark.encode()
    with source.path.open("rb") as file:
        for chunk in _chunks(file):
            for text in _split(chunk):
                if item not in text:
                    with suppress(BadLineError):
                        line = _schema.parsed(text, kind.mark)
                        if kind.mark not in line and "block" not in line:
                            found[line["environment"]] = line
    return found


def chosen(path: Path, numbers: set[int]) -> Iterator[bytes]:
    """The lines with these numbers, whole and as they are.

    Raises:
        OSError: the file cannot be read.
    """
    number = 1
    with path.open("rb") as file:
        while piece := file.readline(_CHUNK):
            if number in numbers:
                yield piece
            number += piece.endswith(b"\n")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, many at once; of a line that is too long only the beginning, and its end if it has one."""
    rest = b""
    while data := file.read(_CHUNK):
        data = rest + data
        end = data.rfind(b"\n") + 1
        if end:
            yield data[:end]
        rest = data[end:]
        if len(rest) > _schema.READ:
            rest, data = rest[: _schema.READ + 1], b""
            while (tail := file.read(_CHUNK)) and (end := tail.find(b"\n")) < 0:
                pass
            if not tail:
                break
            yield rest + b" \n"
            rest = tail[end + 1 :]
            if (end := rest.rfind(b"\n") + 1) > 0:
                yield rest[:end]
                rest = rest[end:]
    if rest:
        yield rest


class _OddError(Exception):
    """A chunk that is not as a writer writes it, or holds something that does not pass."""


@dataclass(frozen=True)
class _Fields:
    """A part of a line that holds fields with few different values.

    Attributes:
        before: what makes an object of the part, at its beginning.
        after: what makes an object of the part, at its end.
        needed: fields that it has.
        possible: fields that it may have.
    """

    before: bytes
    after: bytes
    needed: tuple[str, ...]
    possible: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Number:
    """A part of a line that holds one number.

    Attributes:
        name: the field.
        end: what follows the number.
    """

    name: str
    end: bytes = b""


#: What lines of both schemas are cut into: before the field of each name but the first.
_LAYOUTS: tuple[dict[bytes, _Fields | _Number], ...] = (
    {  # of schema 1, which comes first as its lines also have the cuts of the other
        b"": _Fields(b"", b"}", ("schema", "benchmark", "architecture")),
        b',"proxy":': _Fields(b'{"proxy":', b"}", ("proxy", "seed", "batch")),
        b',"value":': _Number("value"),
        b',"status":': _Fields(b'{"status":', b"}", ("status",)),
        b',"seconds":': _Number("seconds"),
        b',"detail":': _Fields(
            b'{"detail":', b"", ("detail", "network", "higher_is_better", "environment"), ("repeats", "spread")
        ),
    },
    {
        b"": _Fields(b"", b"}", ("schema", "benchmark", "architecture", "network")),
        b',"proxy":': _Fields(
            b'{"proxy":',
            b"}",
            ("proxy", "seed", "batch", "higher_is_better", "environment", "status", "detail"),
            ("code", "sample", "repeats", "spread", "attempt"),
        ),
        b',"value":': _Number("value"),
        b',"seconds":': _Number("seconds", b"}"),
    },
)
_OTHERWISE: dict[str, Any] = {"code": "", "sample": "", "repeats": 1, "spread": None, "attempt": 0}


class _Known:
    """Reads chunks of records as a writer writes them, and remembers what their parts say.

    Args:
        builder: what gets the rows.
    """

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._layouts = [_Layout(parts, builder) for parts in _LAYOUTS]

    def add(self, chunk: bytes, origin: str) -> tuple[int, bool]:
        """Add a chunk's rows.

        Args:
            chunk: whole lines.
            origin: name of the file.

        Returns:
            Number of lines; whether there are lines of schema 1.

        Raises:
            _OddError: it has another form, or a line does not pass; nothing was added.
        """
        begin = chunk[: chunk.find(b"\n") + 1]
        layout = next((layout for layout in self._layouts if layout.fits(begin)), None)
        if layout is None or not chunk.endswith(b"\n"):
            raise _OddError
        columns = layout.columns(chunk)
        value, seconds = columns["value"], columns["seconds"]
        if (np.isnan(value) == columns.pop("done")).any() or (seconds < 0).any():
            raise _OddError
        if np.isinf(value).any() or np.isinf(seconds).any():
            raise _OddError
        schemas = columns.pop("schema")
        columns["origin"] = np.full(len(value), self._builder.code("origin", origin), np.int32)
        for name, default in _OTHERWISE.items():
            if name not in columns:
                filled = self._builder.code(name, default) if isinstance(default, str) else default
                columns[name] = np.full(len(value), np.nan if filled is None else filled)
        self._builder.extend(columns)
        return len(value), bool((schemas == 1).any())


class _Layout:
    """One order of a line's fields.

    Args:
        parts: what stands in the parts, by what they begin with.
        builder: what numbers texts.
    """

    def __init__(self, parts: dict[bytes, _Fields | _Number], builder: Builder) -> None:
        self._cuts = [cut for cut in parts if cut]
        self._marks = [bytes([place]) for place in range(len(self._cuts))]
        self._parts = [
            _Parts(part, mark, builder) if isinstance(part, _Fields) else part
            for part, mark in zip(parts.values(), (b"", *self._marks), strict=True)
        ]

    def fits(self, line: bytes) -> bool:
        """Whether a line has all cuts in this order."""
        places = [line.find(cut) for cut in self._cuts]
        return places[0] > 0 and all(a < b for a, b in pairwise(places))

    def columns(self, chunk: bytes) -> dict[str, NDArray[Any]]:
        """The columns of whole lines.

        Raises:
            _OddError: a line has another form.
        """
        if any(mark in chunk for mark in self._marks):
            raise _OddError
        # A line break and a mark for each cut: a part begins with its mark, and no other place has one. What is between
        # two marks is a whole list of fields where it is one by itself, as no text of JSON has a quote that is open.
        for mark, cut in zip(self._marks, self._cuts, strict=True):
            chunk = chunk.replace(cut, b"\n" + mark)
        found = chunk.split(b"\n")
        found.pop()
        every = len(self._parts)
        count, rest = divmod(len(found), every)
        if rest:
            raise _OddError
        columns: dict[str, NDArray[Any]] = {}
        for place, (part, mark) in enumerate(zip(self._parts, (b"", *self._marks), strict=True)):
            if isinstance(part, _Number):
                columns[part.name] = _numbers(found[place::every], mark, part, nulls=part.name == "value")
            else:
                columns |= part.columns(found[place::every], count)
        return columns


class _Parts(dict[bytes, int]):
    """Numbers of the parts at one place of a line; what each says stands in tables.

    Args:
        fields: what the parts hold.
        mark: what they begin with.
        builder: what numbers texts.
    """

    def __init__(self, fields: _Fields, mark: bytes, builder: Builder) -> None:
        super().__init__()
        self._fields, self._mark, self._builder = fields, mark, builder
        self._rows: list[tuple[Any, ...]] = []
        self._tables: list[NDArray[Any]] = []
        self._names = (*fields.needed, *fields.possible, *(("done",) if "status" in fields.needed else ()))

    def columns(self, parts: list[bytes], count: int) -> dict[str, NDArray[Any]]:
        """The columns of these parts."""
        if len(self) > _MEMORY:
            self.clear()
            self._rows, self._tables = [], []
        numbers = np.fromiter(map(self.__getitem__, parts), np.int32, count)
        if self._rows:  # tables grow as parts are met
            added = [np.array(column) for column in zip(*self._rows, strict=True)]
            tables = self._tables or [column[:0] for column in added]
            self._tables = [np.concatenate(pair) for pair in zip(tables, added, strict=True)]
            self._rows = []
        return {name: table[numbers] for name, table in zip(self._names, self._tables, strict=True)}

    def __missing__(self, part: bytes) -> int:
        values = self._parsed(part)
        self[part] = number = len(self)
        self._rows.append(values)
        return number

    def _parsed(self, part: bytes) -> tuple[Any, ...]:
        fields = self._fields
        if part[: len(self._mark)] != self._mark:
            raise _OddError
        try:
            text = fields.before + part[len(self._mark) :] + fields.after
            line = _schema.part(text, fields.needed, fields.possible)
        except BadLineError:
            raise _OddError from None
        values: list[Any] = []
        for name in (*fields.needed, *fields.possible):
            value = line.get(name, _OTHERWISE.get(name))
            if isinstance(value, str):
                value = self._builder.code(name, shortened(value) if name == "detail" else value)
                values.append(np.int32(value))
            else:
                values.append(np.nan if value is None else float(value) if name == "spread" else value)
        if "status" in fields.needed:
            values.append(line["status"] == "ok")
        return tuple(values)


def _numbers(parts: list[bytes], mark: bytes, part: _Number, *, nulls: bool) -> NDArray[np.float64]:
    """Numbers as float64, null as nan.

    Raises:
        _OddError: something is no number.
    """
    text = b"".join(parts)
    if text.count(mark) != len(parts) or len(text) > 64 * len(parts) or not text.endswith(part.end):
        raise _OddError
    text = b"[" + text[len(mark) : len(text) - len(part.end)].replace(part.end + mark, b",") + b"]"
    try:
        values = json.loads(text, parse_constant=_refuse if nulls else None)
    except (ValueError, RecursionError):
        raise _OddError from None
    kinds = set(map(type, values))
    # Each part is one number: one that had a comma would make another count, or a list or text of something.
    if len(values) != len(parts) or kinds - {float, int, type(None)} or (type(None) in kinds and not nulls):
        raise _OddError
    if type(None) in kinds:
        values = [np.nan if value is None else value for value in values]
    try:
        return np.array(values, np.float64)
    except OverflowError:
        raise _OddError from None


def _refuse(text: str) -> float:
    raise ValueError(text)
