"""Reads files into columns: lines, blocks and Parquet. Lines are read many at once, in halves or one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from zcbench.records import _blocks, _layout, _parquet, _schema
from zcbench.records._at_once import Memory, OddError
from zcbench.records._columns import Builder
from zcbench.records._kinds import RECORDS, Kind
from zcbench.records._layout import Source
from zcbench.records._schema import BadLineError, LeftOut

_CHUNK = 1 << 19
#: number of lines that are read one by one if a chunk cannot be read at once
_FEW = 64


@dataclass
class Part:
    """The contents of one file except its rows.

    Attributes:
        environments: descriptions by id.
        left_out: lines that cannot be used; the number 0 means the whole file.
        lines: number of lines, or of rows in a file without lines.
        plain: number of lines with one item each.
        rows: number of items.
        old: number of lines of schema 1 with an item.
    """

    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    lines: int = 0
    plain: int = 0
    rows: int = 0
    old: int = 0


class Reader:
    """Reads files into one builder.

    Args:
        kind: the kind of the rows, with their origin.
        builder: receives the rows.
    """

    def __init__(self, kind: Kind[Any], builder: Builder) -> None:
        self._kind, self._builder = kind, builder
        self._parse = _schema.READERS[kind.name]
        self._known = Memory(builder) if kind.mark == RECORDS.mark else None

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
            last = b""
            for chunk in _chunks(file):
                self._chunk(chunk, source, part)
                last = chunk[-1:]
        # A kill may cut the last line of a writer's file; a compaction's file was whole when it got its name.
        if last != b"\n" and source.stem.startswith(_layout.COMPACTED):
            part.left_out.append(LeftOut(source.path, part.lines, "the file is not complete: copy it again"))

    def _chunk(self, chunk: bytes, source: Source, part: Part) -> None:
        """Read whole lines: all at once, else in halves, else one by one."""
        count = chunk.count(b"\n")
        if self._known is not None and count and not chunk.startswith(_blocks.BEGIN):
            try:
                count, old = self._known.add(chunk, source.stem)
            except OddError:
                pass
            else:
                part.lines += count
                part.plain += count
                part.old += old
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
            if text.endswith(b"\n"):  # else a kill cut it, or it is being written
                part.left_out.append(LeftOut(source.path, part.lines, str(error)))
            return
        part.old += line["schema"] == 1
        part.plain += 1
        self._builder.append((*values, source.stem))


def _split(chunk: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in chunk.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def environments(source: Source, kind: Kind[Any]) -> dict[str, dict[str, Any]]:
    """Return the environments that a file describes, by id.

    Raises:
        OSError: it cannot be read.
        MissingDependencyError: it is Parquet, and pyarrow is not installed.
    """
    found = {}
    if source.format == "parquet":
        with suppress(BadLineError):  # reported where its rows are read
            return _parquet.read(source.path, source.stem, kind.traced, None)[1]
        return {}
    # In a JSON text it would have a backslash before its quotes: only a field has this name.
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
    """Return the lines with these numbers, whole and unchanged.

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
    """Yield whole lines, many at once; of a line that is too long only the beginning, and its end if it has one."""
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
