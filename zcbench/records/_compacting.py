"""Merges many files into one: blocks of columns, or Parquet. A kill at any time loses and duplicates nothing.

The new file is written whole, read again and compared before the old ones are removed. While both exist, their lines
are the same and count once. Files of living writers do not change. Lines that cannot be read are copied unchanged into
a separate file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._files import cannot_write, whole
from zcbench.errors import InvalidInputError, StoreError
from zcbench.records import _blocks, _layout, _lines, _locks, _parquet, _schema
from zcbench.records._columns import Builder
from zcbench.records._kinds import Form, Kind
from zcbench.records._layout import Source
from zcbench.records._locks import Finished
from zcbench.records._merging import without_copies
from zcbench.records._reading import Read, VanishedError, read_sources

_ADVICE = "give yourself permission to write to this folder."


@dataclass
class Compacted:
    """The result of a compaction of the files of one kind.

    Attributes:
        benchmark: name without version.
        kind: "record" or "trial".
        path: the new file; None if a compaction would save nothing.
        files: number of files that it replaced.
        rows: number of records or trials in it.
        before: their bytes.
        after: its bytes.
        left: files that were not changed, with the reasons.
        aside: files with the lines that cannot be read.
    """

    benchmark: str
    kind: str
    path: Path | None = None
    files: int = 0
    rows: int = 0
    before: int = 0
    after: int = 0
    left: dict[Path, str] = field(default_factory=dict)
    aside: list[Path] = field(default_factory=list)


def compact(store: Path, benchmark: str, kind: Kind[Any], form: str | None = None) -> Compacted:
    """Merge all finished files of one kind into one.

    Args:
        store: folder of the store.
        benchmark: name without version.
        kind: the kind of their items.
        form: "jsonl" or "parquet"; None for Parquet where pyarrow is installed.

    Raises:
        InvalidInputError: there is no such format.
        StoreError: a file cannot be read, or the new one cannot be written.
        MissingDependencyError: Parquet needs pyarrow.
    """
    if form not in (None, *_layout.FORMATS):
        raise InvalidInputError(f"the format {form!r}: choose one of {', '.join(_layout.FORMATS)}.")
    form = form or ("parquet" if _parquet.available() else "jsonl")
    done = Compacted(benchmark, kind.name)
    with ExitStack() as stack:
        held = _held(_layout.sources(store, benchmark, kind), done, stack)
        content = _read(list(held), kind)
        for path, part in content.parts.items():
            if part.left_out and not part.rows:
                done.left[path] = "nothing in it can be read"
        if done.left.keys() & content.parts.keys():
            held = {source: file for source, file in held.items() if source.path not in done.left}
            content = _read(list(held), kind)
        if _nothing_to_gain(list(held), content, form):
            return done
        folder = _layout.folder_of(store, benchmark)
        if len(content):
            _write(folder, content, kind, form, done)
        _put_aside(folder, content, kind, done)
        _remove(held, done)
    return done


def _held(sources: Sequence[Source], done: Compacted, stack: ExitStack) -> dict[Source, Finished]:
    """Return the files whose writers have ended; no other process compacts them meanwhile."""
    held = {}
    for source in sources:
        # A run of schema 1 locks a separate file next to its own.
        paths = [source.path, *([lock] if not source.stem and (lock := old_lock(source.path)).is_file() else [])]
        try:
            found = [_locks.finished(path, source.stem) for path in paths]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise cannot_write(source.path, error, _ADVICE, or_room=False) from None
        for file in found:
            if file is not None:
                stack.callback(file.release)
        if found[0] is None or None in found:
            done.left[source.path] = "a run is writing to it"
        else:
            held[source] = found[0]
    return held


def old_lock(path: Path) -> Path:
    """Return the lock next to a file of schema 1."""
    return path.with_suffix(".lock")


def _read(sources: list[Source], kind: Kind[Any]) -> Read:
    try:
        return read_sources(sources, kind)
    except VanishedError:  # a user removes files by hand
        raise StoreError("files of the store were removed while it was compacted. Try again.") from None


def _nothing_to_gain(sources: list[Source], content: Read, form: str) -> bool:
    if len(sources) != 1:
        return not sources
    (source,), (part,) = sources, content.parts.values()
    return source.format == form and not part.left_out and not part.plain and bool(part.rows)


def _write(folder: Path, content: Read, kind: Kind[Any], form: str, done: Compacted) -> None:
    """Make the new file, and check that it has the same contents as the old ones."""
    rows = without_copies(content.arrays, content.texts, kind)
    if len(rows) < len(content):
        content.arrays = {name: array[rows] for name, array in content.arrays.items()}
    stem = f"{_layout.COMPACTED}{_layout.new_stem(folder)}"
    if form == "parquet":
        text = _parquet.encoded(content.arrays, content.texts, content.kind, content.environments)
        parts: Iterable[bytes] = [text]
        stem = _parquet.stem_of(stem, text)
    else:
        lines = [_schema.encoded(line) for line in content.environments.values()]
        parts = chain(lines, _blocks.encoded(content.arrays, content.texts, content.kind))
    path = folder / f"{stem}{kind.suffix}.{form}"
    with whole(path, _ADVICE) as temporary:
        with temporary.open("wb") as file:
            file.writelines(parts)
        _compare(temporary, stem, form, content)
    done.path, done.rows, done.after = path, len(rows), path.stat().st_size


def _compare(path: Path, stem: str, form: str, content: Read) -> None:
    """Read a file again and compare it with the rows that were written.

    Raises:
        StoreError: they differ.
    """
    comparison = Comparison(content)
    try:
        part = _lines.Reader(content.kind, comparison).read(Source(path, form, stem))
    except ValueError:
        part = None
    if part is None or part.left_out or comparison.rows != len(content) or part.environments != content.environments:
        raise StoreError(
            f"{path.parent} was not changed: the new file differs from the data that was written. Check the disk."
        )


class Comparison(Builder):
    """Accepts rows as a builder does, and compares them with the expected rows instead of keeping them.

    Args:
        content: the expected rows.
    """

    def __init__(self, content: Read) -> None:
        super().__init__(content.kind)
        self._content = content
        self._codes = {name: {text: code for code, text in enumerate(content.texts[name])} for name in content.texts}
        self._meant: dict[str, list[int]] = {name: [] for name in content.texts}

    def code(self, name: str, text: str) -> int:
        """Return the number of a text in a column."""
        code = super().code(name, text)
        if code == len(self._meant[name]):
            self._meant[name].append(self._codes[name].get(text, -1))
        return code

    def extend(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Compare rows.

        Raises:
            ValueError: they differ.
        """
        start, count = self._rows, len(arrays[self.kind.names[0]])
        self._rows += count
        for column in self.kind.fields:
            wanted, found = self._content.arrays[column.name][start : start + count], arrays[column.name]
            if column.form is Form.TEXT:
                found = np.array(self._meant[column.name], np.int32)[found]
            same = wanted == found if len(wanted) == count else np.zeros(1, bool)
            if column.form is Form.FLOAT and len(wanted) == count:
                same = (same & (np.signbit(wanted) == np.signbit(found))) | (np.isnan(wanted) & np.isnan(found))
            if not same.all():
                raise ValueError(column.name)


def _put_aside(folder: Path, content: Read, kind: Kind[Any], done: Compacted) -> None:
    """Copy lines that cannot be read into separate files, one for each file that has such lines."""
    for path, part in content.parts.items():
        if not part.left_out:
            continue
        text = b"".join(_lines.chosen(path, {line.line for line in part.left_out}))
        # The name is a digest of the content, so a compaction that was killed here makes no second copy later.
        aside = folder / f"aside-{hashlib.sha256(text).hexdigest()[:16]}{kind.suffix}.jsonl"
        with whole(aside, _ADVICE) as temporary:
            temporary.write_bytes(text)
        if aside not in done.aside:
            done.aside.append(aside)


def _remove(held: Mapping[Source, Finished], done: Compacted) -> None:
    """Remove files that are in the new one."""
    for source, file in held.items():
        try:
            state = source.path.stat()
            # Without locks, or with locks of one machine only, a writer may have continued.
            if state.st_size != file.size or not file.is_at(state):
                done.left[source.path] = "it changed meanwhile"
                continue
            source.path.unlink()
            if not source.stem:
                old_lock(source.path).unlink(missing_ok=True)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise cannot_write(source.path, error, _ADVICE, or_room=False) from None
        done.files += 1
        done.before += file.size
