"""Blocks: lines that contain many records or trials as columns, in a file that a compaction made.

A block is a JSON object of at most a megabyte. It has a list of texts, and a column for each field: a list with an
entry per row, or one value for all rows. Columns contain texts as indices into the list. Each block can be read
without the others. Its last field is a checksum of all bytes before it, so that damage never gives a wrong number.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import shortened
from zcbench.records import _checks
from zcbench.records._columns import Builder
from zcbench.records._kinds import Field, Form, Kind
from zcbench.records._schema import LONGEST, SCHEMA, BadLineError

Arrays = Mapping[str, NDArray[Any]]
Texts = Mapping[str, tuple[str, ...]]

#: the beginning of a file's first block
BEGIN = tuple(b'{"schema":%d,"block":' % schema for schema in range(2, SCHEMA + 1))
_ROWS = 1 << 15
_END = re.compile(rb',"crc32":([0-9]{1,10})\}\s*')
#: columns that are always lists: a short line can never contain more rows than it has bytes
_LISTED = {
    "record": ("value", "seconds"),
    "trial": ("metrics", "train_size"),
    "search": ("rows", "clock"),
    "forecast": ("metrics", "seed"),
}


def encoded(arrays: Arrays, texts: Texts, kind: Kind[Any]) -> Iterator[bytes]:
    """Encode columns as lines."""
    total, start, rows = len(arrays[kind.names[0]]), 0, _ROWS
    while start < total:
        part = {name: arrays[name][start : start + rows] for name in kind.names}
        line = _line(part, texts, kind)
        if len(line) > LONGEST and rows > 1:
            rows = max(1, min(rows // 2, int(rows * 0.95 * LONGEST / len(line))))
            continue
        yield line
        start += rows
        if len(line) < 0.8 * LONGEST:
            rows = min(_ROWS, rows * 5 // 4 + 1)


def _line(arrays: Arrays, texts: Texts, kind: Kind[Any]) -> bytes:
    places: dict[str, int] = {}
    columns: dict[str, Any] = {}
    # Columns with few texts first: their numbers are short.
    for field in sorted(kind.fields, key=lambda field: field.name in ("architecture", "network", "metrics")):
        values = arrays[field.name]
        if field.form is Form.TEXT:
            used, rows = np.unique(values, return_inverse=True)
            known = texts[field.name]
            numbers = np.array([places.setdefault(known[code], len(places)) for code in used], np.int64)
            column = numbers[rows].tolist()
        elif field.form is Form.FLOAT:
            column = [None if v != v else v for v in values.tolist()]
        else:
            column = values.astype(np.int64).tolist()
        same = field.name not in _LISTED[kind.name] and column.count(column[0]) == len(column)
        columns[field.name] = column[0] if same else column
    line = {"schema": SCHEMA, "block": kind.name, "texts": list(places), **columns}
    content = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    return content + b',"crc32":%d}\n' % zlib.crc32(content)


def decode(line: Mapping[str, Any], text: bytes, kind: Kind[Any], builder: Builder) -> None:
    """Add the rows of a block.

    Args:
        line: its fields.
        text: its bytes.
        kind: the required kind of the rows.
        builder: receives the rows.

    Raises:
        BadLineError: it is damaged, or of another kind.
    """
    end = _END.search(text, max(0, len(text) - 40))
    if end is None or end.end() != len(text) or zlib.crc32(text[: end.start()]) != int(end[1]):
        raise BadLineError("a damaged block")
    if line["block"] != kind.name:
        raise BadLineError("a block with other contents")
    try:
        arrays, texts = _columns(line, kind)
        _checks.check(arrays, texts, kind)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f": {error}" if isinstance(error, BadLineError) else ""
        raise BadLineError(f"a block with a wrong column{reason}") from None
    add(arrays, texts, kind, builder)


def _columns(line: Mapping[str, Any], kind: Kind[Any]) -> tuple[dict[str, NDArray[Any]], dict[str, Sequence[str]]]:
    texts = line["texts"]
    rows = len(line[_LISTED[kind.name][0]])
    if type(texts) is not list or set(map(type, texts)) - {str}:
        raise BadLineError("texts that are not texts")
    arrays: dict[str, NDArray[Any]] = {}
    known: dict[str, Sequence[str]] = dict.fromkeys(kind.texts, texts)
    for field in kind.fields:
        if field.since > line["schema"]:
            arrays[field.name], known[field.name] = unwritten(field, rows)
            continue
        values = line[field.name]
        if type(values) is not list:
            if field.name in _LISTED[kind.name]:
                raise TypeError(field.name)
            arrays[field.name] = np.full(rows, _column([values], field)[0])
            continue
        if len(values) != rows:
            raise BadLineError("columns of several lengths")
        arrays[field.name] = _column(values, field)
    return arrays, known


def unwritten(field: Field, rows: int) -> tuple[NDArray[Any], list[str]]:
    """Return the column of a field that files of an older schema lack, and its texts."""
    if field.form is Form.TEXT:
        return np.zeros(rows, np.int32), [field.default]
    return np.full(rows, field.default, _KEPT[field.form]), []


_KEPT = {Form.TEXT: np.int32, Form.WHOLE: np.int64, Form.FLAG: np.bool_, Form.FLOAT: np.float64}


def _column(values: list[Any], field: Field) -> NDArray[Any]:
    kinds = set(map(type, values))
    if field.form is Form.FLOAT:
        if kinds - {float, int, type(None)}:
            raise TypeError(field.name)
        if type(None) in kinds:
            values = [np.nan if value is None else value for value in values]
    elif kinds - {int}:
        raise TypeError(field.name)
    array = np.array(values, np.float64 if field.form is Form.FLOAT else np.int64)
    if field.form is Form.FLAG and (array.min(initial=0) < 0 or array.max(initial=0) > 1):
        raise ValueError(field.name)
    if field.form is Form.TEXT and (array.min(initial=0) < 0 or array.max(initial=0) >= 1 << 31):
        raise ValueError(field.name)
    return array.astype(_KEPT[field.form])


def add(arrays: Arrays, texts: Mapping[str, Sequence[str]], kind: Kind[Any], builder: Builder) -> None:
    """Add checked columns with separate texts to a builder."""
    added = dict(arrays)
    for name in kind.texts:
        known = texts[name]
        used = np.unique(arrays[name])
        numbers = np.zeros(len(known), np.int32)
        # A writer shortens details; a file from another program may contain longer ones.
        found = (shortened(known[code]) if name == "detail" else known[code] for code in used)
        numbers[used] = [builder.code(name, text) for text in found]
        added[name] = numbers[arrays[name]]
    builder.extend(added)
