"""Reads all files of one kind of a benchmark into columns, in the order in which they were written."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import StoreError
from zcbench.records import _layout, _lines
from zcbench.records._columns import Builder, key_numbers
from zcbench.records._kinds import Kind
from zcbench.records._layout import Source
from zcbench.records._lines import Part
from zcbench.records._schema import LeftOut

T = TypeVar("T")
_MOST_TRIES = 20
Environments = dict[str, dict[str, Any]]


@dataclass
class Read:
    """The contents of files, before lines with the same key are merged.

    Attributes:
        kind: the kind of the rows, with their origin.
        arrays: the columns.
        texts: their texts.
        environments: descriptions by id.
        left_out: lines that cannot be used.
        parts: the contents of each file except its rows.
    """

    kind: Kind[Any]
    arrays: dict[str, NDArray[Any]]
    texts: dict[str, tuple[str, ...]]
    environments: Environments = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    parts: dict[Path, Part] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arrays[self.kind.names[0]])


def read(store: Path, benchmark: str, kind: Kind[Any]) -> Read:
    """Read all items of one kind in a benchmark's files.

    Raises:
        StoreError: a file cannot be read.
        MissingDependencyError: a file is Parquet, and pyarrow is not installed.
    """
    return _settled(store, benchmark, kind, lambda sources: read_sources(sources, kind))


def environments(store: Path, benchmark: str, kind: Kind[Any]) -> Environments:
    """Return the environments that files of a kind describe, by id; their items are skipped.

    Raises:
        StoreError: a file cannot be read.
        MissingDependencyError: a file is Parquet, and pyarrow is not installed.
    """

    def described(sources: Sequence[Source]) -> Environments:
        found: Environments = {}
        for source in sources:
            with _explained(source):
                found |= _lines.environments(source, kind)
        return found

    return _settled(store, benchmark, kind, described)


def _settled(store: Path, benchmark: str, kind: Kind[Any], use: Callable[[Sequence[Source]], T]) -> T:
    """Call a function on the files; call it again if one of them was removed meanwhile."""
    for _ in range(_MOST_TRIES):
        found = _layout.sources(store, benchmark, kind)
        try:
            content = use(found)
        except VanishedError:
            continue
        # A compaction moved lines from a file that was removed into one that was not listed yet.
        if {s.path for s in found} <= {s.path for s in _layout.sources(store, benchmark, kind)}:
            return content
    raise StoreError(f"cannot read {store / benchmark}: its files are changing continuously. Try again.")


def read_sources(sources: Sequence[Source], kind: Kind[Any]) -> Read:
    """Read these files, in order of their lines' origins.

    Raises:
        StoreError: a file cannot be read.
        VanishedError: a file does not exist any more.
    """
    traced = kind.traced
    builder = Builder(traced)
    content = Read(traced, {}, {})
    reader = _lines.Reader(traced, builder)
    spans = []
    for source in sources:
        before = builder.rows
        with _explained(source):
            part = reader.read(source)
        content.environments |= part.environments
        content.left_out += part.left_out
        content.parts[source.path] = part
        if part.old and part.old == part.rows:  # else lines of both schemas were put together by hand
            spans.append(slice(before, builder.rows))
    content.arrays, content.texts = builder.finish()
    _settle_old(content, spans)
    _sort(content)
    return content


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESTALE):
            raise VanishedError from None
        raise StoreError(f"cannot read {source.path}: {error.strerror or error}.") from None


class VanishedError(Exception):
    """A file was removed while the store was read."""


def _settle_old(content: Read, spans: Sequence[slice]) -> None:
    """Keep the last line of schema 1 for each key in a file; the number of earlier ones becomes its attempt."""
    keep = np.ones(len(content), bool)
    for span in spans:
        part = {name: array[span] for name, array in content.arrays.items()}
        keys = key_numbers(part, content.texts, content.kind, exact=False)
        assert keys is not None
        before = occurrences(keys)
        if before.any():
            keep[span] = occurrences(keys[::-1])[::-1] == 0
            numbers = content.arrays["attempt"].astype(np.int64)
            numbers[span] = np.where(numbers[span] == 0, before, numbers[span])
            content.arrays["attempt"] = numbers
    if not keep.all():
        content.arrays = {name: array[keep] for name, array in content.arrays.items()}


def occurrences(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the earlier occurrences of each number: 0 for its first place, 1 for its second."""
    order = np.argsort(numbers, kind="stable")
    ranked = numbers[order]
    begins = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1]))) if len(ranked) else np.empty(0, int)
    found = np.empty(len(numbers), np.int64)
    found[order] = np.arange(len(numbers)) - np.repeat(begins, np.diff([*begins, len(numbers)]))
    return found


def _sort(content: Read) -> None:
    """Sort the rows: by the start of the file in which they were first written, then by line."""
    origins, texts = content.arrays["origin"], content.texts["origin"]
    rank = np.empty(len(texts), np.int32)
    rank[sorted(range(len(texts)), key=lambda code: _layout.order(texts[code]))] = np.arange(len(texts), dtype=np.int32)
    places = rank[origins]
    if (places[1:] < places[:-1]).any():
        order = np.argsort(places, kind="stable")
        for name in content.arrays:
            content.arrays[name] = content.arrays[name][order]
