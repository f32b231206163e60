"""A folder of records, trials, traces of searches and forecasts, for any number of writers at once.

Every writer appends to its own files; reading merges all files of a benchmark (:mod:`zcbench.records._merging` has
the rules). A process that dies loses at most the line it was writing. A line that cannot be read does not affect the
others: it is skipped, reported with its number and file, and kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from zcbench._display import brief
from zcbench.records import _layout, _notes
from zcbench.records._checking import Checked, examined
from zcbench.records._columns import CurveTrials, Records, Searches, Table, Trials
from zcbench.records._compacting import Compacted, compact
from zcbench.records._kinds import Kind
from zcbench.records._merging import merge
from zcbench.records._reading import Read, environments, read
from zcbench.records._record import CurveTrial, Record, SearchTrace, Trial
from zcbench.records._schema import LeftOut
from zcbench.records._tables import keep, kept, tables, take_over_tables
from zcbench.records._taking import take_over
from zcbench.records._writer import Writer

Key = tuple[Any, ...]
Of = type[Record] | type[Trial] | type[SearchTrace] | type[CurveTrial]
T = TypeVar("T", bound=Table[Any])


class Store:
    """Records, trials and traces of searches of any number of benchmarks.

    Args:
        folder: created at the first write.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._latest: dict[tuple[str, str], Finding] = {}

    def __repr__(self) -> str:
        return brief(f"Store({str(self.folder)!r})")

    def records(self, benchmark: str) -> Records:
        """Read all records of a benchmark in the order of writing: files by their start, then lines; one per key.

        Raises:
            StoreError: a file cannot be read.
        """
        return self._table(benchmark, Records)

    def trials(self, benchmark: str) -> Trials:
        """Read all trials on a benchmark in the order of writing: files by their start, then lines; one per key.

        Raises:
            StoreError: a file cannot be read.
        """
        return self._table(benchmark, Trials)

    def searches(self, benchmark: str) -> Searches:
        """Read all traces of searches on a benchmark in the order of writing; one per key.

        Raises:
            StoreError: a file cannot be read.
        """
        return self._table(benchmark, Searches)

    def forecasts(self, benchmark: str) -> CurveTrials:
        """Read all trials of curve predictors on a benchmark in the order of writing; one per key.

        Raises:
            StoreError: a file cannot be read.
        """
        return self._table(benchmark, CurveTrials)

    def writer(self, benchmark: str) -> Writer:
        """Open a writer of a benchmark for a ``with`` statement; any number of writers may be open at once."""
        return Writer(self.folder, benchmark, lambda: self.environments(benchmark))

    def benchmarks(self, of: Of = Record) -> list[str]:
        """List the names of the benchmarks that have records, trials or searches, sorted."""
        return _layout.benchmarks(self.folder, _kind(of))

    def every_benchmark(self) -> list[str]:
        """List the names of the benchmarks that have any results in the store, sorted."""
        found = {name for kind in _layout.KINDS for name in _layout.benchmarks(self.folder, kind)}
        return sorted({*found, *self.tables()})

    def tables(self) -> list[str]:
        """List the names of the user-defined tables whose options are in the store, sorted."""
        return tables(self.folder)

    def keep_table(self, benchmark: str, key: str, content: dict[str, Any], place: dict[str, Any]) -> None:
        """Store the options of a user-defined table, and replace the earlier entry of the same key.

        Args:
            benchmark: name of the table.
            key: identifier of the entry, a file name.
            content: JSON without paths.
            place: JSON that is valid only on this machine.

        Raises:
            StoreError: it cannot be written.
        """
        keep(self.folder, benchmark, key, content, place)

    def kept_tables(self, benchmark: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
        """Return the entries of :meth:`keep_table`, by key: content and place; places of a merged store are empty.

        Raises:
            StoreError: a file cannot be read.
        """
        return kept(self.folder, benchmark)

    def files(self, benchmark: str, of: Of = Record) -> list[Path]:
        """List the files with a benchmark's records, trials or searches, in order of their start."""
        return [source.path for source in _layout.sources(self.folder, benchmark, _kind(of))]

    def environments(self, benchmark: str) -> dict[str, dict[str, Any]]:
        """Return descriptions of the environments that records, trials and searches refer to, by id.

        Raises:
            StoreError: a file cannot be read.
        """
        found: dict[str, dict[str, Any]] = {}
        for kind in _layout.KINDS:
            found |= environments(self.folder, benchmark, kind)
        return found

    def disagreeing(self, benchmark: str, of: Of = Record) -> dict[Key, list[Any]]:
        """Return the keys whose measurements disagree, each with its items, all of which are excluded.

        A further measurement with a higher attempt than all of them decides.

        Raises:
            StoreError: a file cannot be read.
        """
        found: dict[Key, list[Any]] = {}
        for item in self._read(benchmark, _kind(of))[1].disagreeing:
            found.setdefault(item.key, []).append(item)
        return found

    def left_out(self, benchmark: str, of: Of | None = None) -> tuple[LeftOut, ...]:
        """Return the lines that the latest reading of a benchmark's items skipped; of all kinds without ``of``."""
        return tuple(line for found in self._last(benchmark, of) for line in found.left_out)

    def notes(self, benchmark: str, of: Of | None = None) -> list[str]:
        """Return sentences about the results that the latest reading excluded; of all kinds without ``of``."""
        return [note for found in self._last(benchmark, of) for note in found.notes]

    def compact(self, benchmark: str, form: str | None = None) -> list[Compacted]:
        """Merge all files whose writers have ended into one; readers get the same results as before.

        Args:
            benchmark: name without version.
            form: "jsonl" (blocks of columns) or "parquet"; None for Parquet where pyarrow is installed.

        Returns:
            The result for the files of each kind.

        Raises:
            InvalidInputError: there is no such format.
            StoreError: a file cannot be read, or the new one cannot be written; all records are kept.
            MissingDependencyError: Parquet needs pyarrow.
        """
        return [compact(self.folder, benchmark, kind, form) for kind in _layout.KINDS]

    def merge(self, other: Store, benchmark: str) -> list[Path]:
        """Copy another store's files of a benchmark; a second call changes nothing.

        Returns:
            The files that were made or extended.

        Raises:
            InvalidInputError: it is the same store.
            StoreError: a file cannot be read or written.
        """
        files = [path for kind in _layout.KINDS for path in take_over(other.folder, self.folder, benchmark, kind)]
        return files + take_over_tables(other.folder, self.folder, benchmark)

    def check(self, benchmark: str) -> list[Checked]:
        """Examine a benchmark's files of each kind.

        Raises:
            StoreError: a file cannot be read.
        """
        found = []
        for kind in _layout.KINDS:
            content = read(self.folder, benchmark, kind)
            report = examined(self.folder, benchmark, kind, content)
            report.items, finding = _counted(content)
            report.disagreeing, report.notes = finding.keys, finding.notes
            found.append(report)
        return found

    def _last(self, benchmark: str, of: Of | None) -> list[Finding]:
        kinds = _layout.KINDS if of is None else (_kind(of),)
        return [self._latest[key] for kind in kinds if (key := (benchmark, kind.name)) in self._latest]

    def _table(self, benchmark: str, form: type[T]) -> T:
        table = self._read(benchmark, form.kind)[0]
        assert isinstance(table, form)
        return table

    def _read(self, benchmark: str, kind: Kind[Any]) -> tuple[Table[Any], Finding]:
        table, found = merged(read(self.folder, benchmark, kind))
        self._latest[benchmark, kind.name] = found
        return table, found


@dataclass(frozen=True)
class Finding:
    """The results that a reading excluded.

    Attributes:
        left_out: lines that cannot be used.
        disagreeing: items of keys without an agreement, key by key.
        keys: number of such keys.
        notes: sentences about them.
    """

    left_out: tuple[LeftOut, ...]
    disagreeing: Table[Any]
    keys: int
    notes: tuple[str, ...]


_TABLES: dict[str, type[Table[Any]]] = {form.kind.name: form for form in (Records, Trials, Searches, CurveTrials)}


def merged(content: Read) -> tuple[Table[Any], Finding]:
    """Return one item per key, and the excluded results. The columns of ``content`` are consumed."""
    form = _TABLES[content.kind.name]
    texts = {name: content.texts[name] for name in form.kind.texts}
    found = merge(content.arrays, content.texts, form.kind)
    every = form({name: content.arrays[name] for name in form.kind.names}, texts)
    nothing = np.empty(0, np.intp)
    disagreeing = every.take(np.concatenate([nothing, *found.disagreeing]))
    notes = _notes.of_lines(content.left_out)
    if found.disagreeing:
        notes.append(_notes.of_disagreement(len(found.disagreeing), [*every.take(found.disagreeing[0])]))
    if found.rounded:
        notes.append(_notes.of_round_off(len(found.rounded), [*every.take(found.rounded[0])]))
    finding = Finding(tuple(content.left_out), disagreeing, len(found.disagreeing), tuple(notes))
    if len(found.rows) == len(every):
        return form(every._arrays, texts, notes), finding
    arrays = {}
    del every
    for name in form.kind.names:  # one by one, so that no column is in memory twice for long
        arrays[name] = content.arrays.pop(name)[found.rows]
    return form(arrays, texts, notes), finding


def _counted(content: Read) -> tuple[int, Finding]:
    table, finding = merged(content)
    return len(table), finding


def _kind(of: Of) -> Kind[Any]:
    forms: dict[Of, type[Table[Any]]] = {
        Record: Records,
        Trial: Trials,
        SearchTrace: Searches,
        CurveTrial: CurveTrials,
    }
    return forms[of].kind
