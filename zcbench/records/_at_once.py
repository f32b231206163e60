"""Reads many lines at once, if they have the form that a writer gives them.

A line of a writer has its fields in one order. It is cut before some of them into parts. Only the value and the seconds
differ from line to line; the other parts have few different texts, and each text is parsed and checked once. Lines that
have another form, or fail a check, are read one by one by ``_lines``, which decides whether they are valid.
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

#: number of parts that are cached
_MOST_PARTS = 1 << 16


class OddError(Exception):
    """A chunk that does not have a writer's form, or fails a check."""


@dataclass(frozen=True)
class _Fields:
    """A part of a line with fields that have few different values.

    Attributes:
        before: text that is put before the part to make it a JSON object.
        after: text that is put after the part to make it a JSON object.
        needed: required fields.
        possible: optional fields.
    """

    before: bytes
    after: bytes
    needed: tuple[str, ...]
    possible: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Number:
    """A part of a line with one number.

    Attributes:
        name: the field.
        end: the text after the number.
    """

    name: str
    end: bytes = b""


_NEEDED = ("proxy", "seed", "batch", "higher_is_better", "environment", "status", "detail")
_POSSIBLE = ("code", "sample", "repeats", "spread", "attempt", "device", "device_name")
#: The parts of lines of all schemas: a line is cut before the field of each name except the first.
_LAYOUTS: tuple[dict[bytes, _Fields | _Number], ...] = (
    {  # of schema 1, which comes first because its lines also have the cuts of the other
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
    """Reads chunks of records in a writer's form, and caches the values of their parts.

    Args:
        builder: receives the rows.
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
            Number of lines; number of lines of schema 1.

        Raises:
            OddError: it has another form, or a line fails a check; nothing was added.
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
        parts: the contents of the parts, by the text with which they begin.
        builder: numbers the texts.
    """

    def __init__(self, parts: dict[bytes, _Fields | _Number], builder: Builder) -> None:
        self._cuts = [cut for cut in parts if cut]
        self._marks = [bytes([place]) for place in range(len(self._cuts))]
        self._parts = [
            _Parts(part, mark, builder) if isinstance(part, _Fields) else part
            for part, mark in zip(parts.values(), (b"", *self._marks), strict=True)
        ]

    def fits(self, line: bytes) -> bool:
        """Return whether a line has all cuts in this order."""
        places = [line.find(cut) for cut in self._cuts]
        return places[0] > 0 and all(a < b for a, b in pairwise(places))

    def columns(self, chunk: bytes) -> dict[str, NDArray[Any]]:
        """Return the columns of whole lines.

        Raises:
            OddError: a line has another form.
        """
        if any(mark in chunk for mark in self._marks):
            raise OddError
        # A line break and a mark for each cut: a part begins with its mark, and no other place has one. The text
        # between two marks is a complete list of fields if it can be parsed alone: a text of JSON has no open quote.
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
    """Numbers of the parts at one place of a line; tables contain the values of each part.

    Args:
        fields: the contents of the parts.
        mark: the text with which they begin.
        builder: numbers the texts.
    """

    def __init__(self, fields: _Fields, mark: bytes, builder: Builder) -> None:
        super().__init__()
        self._fields, self._mark, self._builder = fields, mark, builder
        self._rows: list[tuple[Any, ...]] = []
        self._tables: list[NDArray[Any]] = []
        self._names = (*fields.needed, *fields.possible, *(("done",) if "status" in fields.needed else ()))

    def columns(self, parts: list[bytes], count: int) -> dict[str, NDArray[Any]]:
        """Return the columns of these parts."""
        if len(self) > _MOST_PARTS:
            self.clear()
            self._rows, self._tables = [], []
        numbers = np.fromiter(map(self.__getitem__, parts), np.int32, count)
        if self._rows:  # tables grow with each new part
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
    """Return numbers as float64, null as nan.

    Raises:
        OddError: a part is not a number.
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
    # Each part is one number: a comma in a part would change the count or give a list or a text.
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
