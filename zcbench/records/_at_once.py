"""Reads many lines at once, where they are as a writer writes them.

A line of a writer has its fields in one order. Cut before some of them it gives parts, of which only the value and the
seconds differ from line to line; the others are few, and each is parsed and checked once. What has another form, or
does not pass, is left to who reads line by line, which alone decides what can be read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import shortened
from zcbench.records import _schema
from zcbench.records._columns import Builder
from zcbench.records._schema import BadLineError

#: parts that are remembered
_MOST_PARTS = 1 << 16


class OddError(Exception):
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


_NEEDED = ("proxy", "seed", "batch", "higher_is_better", "environment", "status", "detail")
_POSSIBLE = ("code", "sample", "repeats", "spread", "attempt", "device", "device_name")
#: What lines of all schemas are cut into: before the field of each name but the first.
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
    {  # of an accelerator
        b"": _Fields(b"", b"}", ("schema", "benchmark", "architecture", "network")),
        b',"proxy":': _Fields(b'{"proxy":', b"}", _NEEDED, _POSSIBLE),
        b',"value":': _Number("value"),
        b',"seconds":': _Number("seconds"),
        b',"memory":': _Number("memory", b"}"),
    },
    {
        b"": _Fields(b"", b"}", ("schema", "benchmark", "architecture", "network")),
        b',"proxy":': _Fields(b'{"proxy":', b"}", _NEEDED, _POSSIBLE),
        b',"value":': _Number("value"),
        b',"seconds":': _Number("seconds", b"}"),
    },
)
_OTHERWISE: dict[str, Any] = {
    **dict.fromkeys(("code", "sample", "device", "device_name"), ""),
    **{"repeats": 1, "spread": None, "attempt": 0, "memory": None},
}


class Memory:
    """Reads chunks of records as a writer writes them, and remembers what their parts say.

    Args:
        builder: what gets the rows.
    """

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._layouts = [_Layout(parts, builder) for parts in _LAYOUTS]

    def add(self, chunk: bytes, origin: str) -> tuple[int, int]:
        """Add a chunk's rows.

        Args:
            chunk: whole lines.
            origin: name of the file.

        Returns:
            Number of lines; how many of them are of schema 1.

        Raises:
            OddError: it has another form, or a line does not pass; nothing was added.
        """
        begin = chunk[: chunk.find(b"\n") + 1]
        layout = next((layout for layout in self._layouts if layout.fits(begin)), None)
        if layout is None or not chunk.endswith(b"\n"):
            raise OddError
        columns = layout.columns(chunk)
        value, seconds = columns["value"], columns["seconds"]
        if (np.isnan(value) == columns.pop("done")).any() or (seconds < 0).any():
            raise OddError
        memory = columns.get("memory", np.zeros(0))
        if np.isinf(value).any() or np.isinf(seconds).any() or np.isinf(memory).any() or (memory < 0).any():
            raise OddError
        schemas = columns.pop("schema")
        columns["origin"] = np.full(len(value), self._builder.code("origin", origin), np.int32)
        for name, default in _OTHERWISE.items():
            if name not in columns:
                filled = self._builder.code(name, default) if isinstance(default, str) else default
                columns[name] = np.full(len(value), np.nan if filled is None else filled)
        self._builder.extend(columns)
        return len(value), int((schemas == 1).sum())


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
            OddError: a line has another form.
        """
        if any(mark in chunk for mark in self._marks):
            raise OddError
        # A line break and a mark for each cut: a part begins with its mark, and no other place has one. What is between
        # two marks is a whole list of fields where it is one by itself, as no text of JSON has a quote that is open.
        for mark, cut in zip(self._marks, self._cuts, strict=True):
            chunk = chunk.replace(cut, b"\n" + mark)
        found = chunk.split(b"\n")
        found.pop()
        every = len(self._parts)
        count, rest = divmod(len(found), every)
        if rest:
            raise OddError
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
        if len(self) > _MOST_PARTS:
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
            raise OddError
        try:
            text = fields.before + part[len(self._mark) :] + fields.after
            line = _schema.part(text, fields.needed, fields.possible)
        except BadLineError:
            raise OddError from None
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
        OddError: something is no number.
    """
    text = b"".join(parts)
    if text.count(mark) != len(parts) or len(text) > 64 * len(parts) or not text.endswith(part.end):
        raise OddError
    text = b"[" + text[len(mark) : len(text) - len(part.end)].replace(part.end + mark, b",") + b"]"
    try:
        values = json.loads(text, parse_constant=_refuse if nulls else None)
    except (ValueError, RecursionError):
        raise OddError from None
    kinds = set(map(type, values))
    # Each part is one number: one that had a comma would make another count, or a list or text of something.
    if len(values) != len(parts) or kinds - {float, int, type(None)} or (type(None) in kinds and not nulls):
        raise OddError
    if type(None) in kinds:
        values = [np.nan if value is None else value for value in values]
    try:
        return np.array(values, np.float64)
    except OverflowError:
        raise OddError from None


def _refuse(text: str) -> float:
    raise ValueError(text)
