"""The contents of a store's files, and their problems."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zcbench.records import _blocks, _layout, _locks
from zcbench.records._kinds import Kind
from zcbench.records._merging import without_copies
from zcbench.records._reading import Read

_SAMPLE = 1 << 14


@dataclass
class Checked:
    """The contents of the files of one kind of a benchmark.

    Attributes:
        benchmark: name without version.
        kind: "record" or "trial".
        files: number of files.
        bytes: their size.
        lines: number of their lines; for a Parquet file the number of its rows.
        items: number of records or trials that are read, one for each key.
        living: files to which a run writes, or may write.
        left_out: lines, or whole files, that cannot be read.
        disagreeing: keys whose measurements disagree.
        saved: approximate number of bytes that a compaction to blocks would save.
        foreign: files in the benchmark's folder that do not belong to the store.
        notes: the problems, a sentence each.
    """

    benchmark: str
    kind: str
    files: int = 0
    bytes: int = 0
    lines: int = 0
    items: int = 0
    living: int = 0
    left_out: int = 0
    disagreeing: int = 0
    saved: int = 0
    foreign: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether all files can be read and no measurements disagree."""
        return not (self.left_out or self.disagreeing)


def examined(store: Path, benchmark: str, kind: Kind[Any], content: Read) -> Checked:
    """Examine files before lines with the same key are merged."""
    found = Checked(benchmark, kind.name, len(content.parts), left_out=len(content.left_out))
    stems = {source.path: source.stem for source in _layout.sources(store, benchmark, kind)}
    finished = 0
    for path, part in content.parts.items():
        size = _size(path)
        found.bytes += size
        found.lines += part.lines
        if stems.get(path) and _locks.is_alive(path, stems[path]):
            found.living += 1
        elif part.plain or len(content.parts) > 1:
            finished += size
    if finished and len(content):
        rows = without_copies(content.arrays, content.texts, kind)
        some = {name: array[rows[:_SAMPLE]] for name, array in content.arrays.items()}
        each = sum(map(len, _blocks.encoded(some, content.texts, content.kind))) / len(rows[:_SAMPLE])
        found.saved = max(0, int(finished - each * len(rows) * finished / max(1, found.bytes)))
    found.foreign = tuple(_layout.foreign(store, benchmark))
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
