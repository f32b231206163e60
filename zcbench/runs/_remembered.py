"""Notes of a store on user-defined tables: the place of each and how it was read, so that it can be read again.

A run on such a table writes the note, and reading commands find it by name ("own-my") or path. Loads no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from zcbench._display import many
from zcbench.datasets import Benchmark, own_benchmark, read_columns
from zcbench.datasets._own_source import file_digest
from zcbench.datasets.own import OWN, SETTINGS, own_name
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, UnknownNameError
from zcbench.records import Store
from zcbench.runs._track import KINDS, SCORES, Track
from zcbench.spaces import FactorySpace, get_space
from zcbench.types import SearchSpace

#: kinds of runs: the columns of the table, or one of the kinds of a track
COLUMNS = "columns"
_RUNS = (COLUMNS, *KINDS)
#: options of ``zcbench run`` whose names differ from an argument of :func:`zcbench.own_benchmark` or a field of a track
_OPTIONS = {"batch": "--data", "curves": "--curve", "constraints": "--constraint"}
_REPEATED = ("curves", "constraints")
_NO_OPTIONS = ("name", "version", "summary", "benchmarks", "target")


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """The note about one way in which a table was read.

    Attributes:
        name: name of the benchmark, "own-my".
        kind: kind of the run, "columns" or a kind of track.
        file: name of the table's file.
        digest: SHA-256 of its content.
        rows: number of its rows.
        columns: names of its columns.
        target: column that was ranked against.
        space: search space of the networks; None without networks.
        factory: whether a function builds the networks.
        settings: further arguments of :func:`zcbench.own_benchmark`.
        higher_is_better: direction of the correlated columns, by name.
        table: identifies the path on the machine of the run.
        run: time of the run, UTC.
        path: path of the table at the run; None for a store from another machine.
        words: words of the command, without ``zcbench run``; without paths for a run on another machine.
    """

    name: str
    kind: str
    file: str
    digest: str
    rows: int
    columns: tuple[str, ...]
    target: str
    space: str | None = None
    factory: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    table: str = ""
    run: str = ""
    path: str | None = None
    words: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """Return the command that repeats the run."""
        return f"zcbench run {shlex.join(self.words)}"

    def read(self, path: str | None = None, target: str | None = None) -> Benchmark:
        """Read the table again.

        Args:
            path: its current path; default the path of the run.
            target: column to rank against; default the target of the run.

        Raises:
            DataMissingError: there is no table at this path.
            DataCorruptError: its content has changed since the run.
            InvalidInputError: its search space is not registered here.
            UnknownNameError: there is no such column.
        """
        place = self.path if path is None else path
        if place is None or not Path(place).is_file():
            self._moved(place)
        if file_digest(place) != self.digest:
            self._changed(place)
        space = None
        if self.space is not None:
            space = FactorySpace(self.space, _no_network) if self.factory else self._space(self.space)
        found = own_benchmark(place, self.target if target is None else target, space=space, **self.settings)
        return replace(found, name=self.name)  # the file may have another name now

    def _space(self, name: str) -> SearchSpace:
        try:
            return get_space(name)
        except UnknownNameError:
            files = [after for word, after in pairwise(self.words) if word == "--import"] or ["FILE.py"]
            raise InvalidInputError(
                f"the search space {name!r} of the table {self.file} is not registered: add  "
                f"{shlex.join(word for file in files for word in ('--import', file))}"
            ) from None

    def _moved(self, place: str | None) -> NoReturn:
        was = "its place on this machine is not known" if place is None else f"it is not at {place} any more"
        raise DataMissingError(
            f"the table {self.file} cannot be read, as {was}: say where it is, with  --source PATH/{self.file}, or run "
            f"it again,  {self.command}"
        )

    def _changed(self, place: str) -> NoReturn:
        what = "other values"
        with suppress(Exception):  # the file is not the table of the run any more
            found = read_columns(place)
            if tuple(found.texts) != self.columns:
                what = "other columns"
            elif len(found.lines) != self.rows:
                what = f"{many(len(found.lines), 'row')} instead of {self.rows:,}"
        raise DataCorruptError(
            f"the table {self.file} has changed since it was run and has {what}: run it again, what is known is not "
            f"computed again,  {self.command}"
        )


def _no_network(name: str) -> NoReturn:
    raise InvalidInputError(f"{name} was read from a store, which does not know how its network is built.")


def remember(
    store: Store,
    table: Benchmark,
    kind: str,
    track: Track,
    *,
    higher_is_better: Mapping[str, bool] | None = None,
    imports: Sequence[str] = (),
) -> None:
    """Note in a store how a user-defined table was read; nothing for other benchmarks.

    Args:
        store: store of the run.
        table: result of :func:`zcbench.own_benchmark`.
        kind: "columns" or a kind of track.
        track: track of the run.
        higher_is_better: direction of columns, by name.
        imports: Python files that the run imported.

    Raises:
        StoreError: it cannot be written.
    """
    own = table.own
    if own is None:
        return
    path, columns = Path(own.path).absolute(), dict(higher_is_better or {})
    settings = dict(own.settings)
    identity = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:12]
    # Runs of different columns write different files, so that simultaneous runs need no lock; reading joins them.
    chosen = json.dumps([kind, own.target, settings.get("batch"), own.digest, sorted(columns)]) + identity
    key = hashlib.sha256(chosen.encode(errors="backslashreplace")).hexdigest()[:16]
    space = own.space
    if own.factory and space is not None:
        file, colon, function = space.rpartition(":")
        space = f"{Path(file).name}{colon}{function}"
    content = {
        "kind": kind,
        "file": own.file,
        "digest": own.digest,
        "rows": own.rows,
        "columns": list(own.columns),
        "target": own.target,
        "space": space,
        "factory": own.factory,
        "settings": settings,
        "higher_is_better": columns,
        "table": identity,
        "run": f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
        "words": _words(table, own.file, space, track, [Path(one).name for one in imports]),
    }
    words = _words(table, own.path, own.space, track, imports)
    if str(store.folder) != "runs":
        words += ["--store", str(store.folder)]
    place = {"path": _from(store.folder, path), "words": words, "space": own.space}
    store.keep_table(table.name, key, content, place)


def _from(folder: Path, path: Path) -> str:
    """Return the path of a table as a store notes it: relative for a table next to or below the store."""
    with suppress(ValueError, OSError):  # ValueError: no relative path exists
        return os.path.join(os.pardir, path.resolve().relative_to(folder.resolve().parent))  # noqa: PTH118
    return str(path)


def _words(table: Benchmark, path: str, space: str | None, track: Track, imports: Sequence[str]) -> list[str]:
    """Return the words of the command that runs a track on a table."""
    own = table.own
    assert own is not None
    words = [path, "--target", own.target]
    if space is not None:
        words += ["--factory" if own.factory else "--space", space]
    fields = {k: v for k, v in track.for_benchmark(track.benchmarks[0]).fields().items() if k not in _NO_OPTIONS}
    for name, value in {**own.settings, **fields}.items():
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        if name in _REPEATED:
            several = [f"{k}={v}" for k, v in value.items()] if isinstance(value, Mapping) else value
            words += [word for one in several for word in (option, str(one))]
        elif name == "scorers":
            words += [option, ",".join(str(one).replace(", ", ";") for one in value)]
        else:
            words += [option, ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)]
    return words + [word for one in imports for word in ("--import", one)]


def remembered(store: Store, name: str, kinds: Iterable[str] = _RUNS) -> list[Remembered]:
    """Return the notes about a table, the latest run first.

    Args:
        store: store of the runs.
        name: name of the benchmark, "own-my".
        kinds: kinds of runs.

    Raises:
        StoreError: a file of the store cannot be read.
        DataCorruptError: it was written by another version of zcbench.
    """
    found = []
    for content, place in store.kept_tables(name).values():
        content = {**content, "space": place.get("space") or content.get("space")}
        words, path = tuple(place.get("words") or content.get("words", ())), place.get("path")
        one = None
        with suppress(TypeError, KeyError):
            one = Remembered(
                name=name,
                **{**content, "columns": tuple(content["columns"]), "words": words},
                path=None if path is None else os.path.normpath(store.folder / path),
            )
        if one is None or not _is_whole(one):
            raise DataCorruptError(
                f"what {store.folder} notes of the table {name} is of another version of zcbench: give the table's  "
                "zcbench run  command again."
            )
        if one.kind in set(kinds):
            found.append(one)
    return sorted(found, key=lambda one: (one.run, one.kind, one.target), reverse=True)


def _is_whole(one: Remembered) -> bool:
    """Return whether an entry, which may be from another version or person, has fields of the right types."""
    texts = (one.kind, one.file, one.digest, one.target, one.table, one.run, *one.columns, *one.words)
    mappings = isinstance(one.settings, Mapping) and isinstance(one.higher_is_better, Mapping)
    return all(isinstance(text, str) for text in texts) and mappings and set(one.settings) <= set(SETTINGS)


def name_of(called: str) -> str:
    """Return the name of the benchmark of a table that is given by this name or by a path."""
    return called if called.startswith(OWN) and not Path(called).is_file() else own_name(called)


def ways(store: Store, called: str, kinds: Iterable[str], target: str | None = None) -> list[Remembered]:
    """Return the note of the latest run for each kind and batch.

    If several files have the name, the file of the latest run is used, or the file at the path.

    Args:
        store: store of the runs.
        called: name or path of the table.
        kinds: kinds of runs.
        target: preferred target; default the target of the latest run.
    """
    every = remembered(store, name_of(called))
    if Path(called).is_file():
        here = [one for one in every if one.path is not None and _same(one.path, called)]
        every = here or every
    every = [_with_columns(one, every) for one in every]
    every = [_as_of(one, every[0]) for one in every if one.table == every[0].table]
    found = [one for one in every if one.kind in set(kinds)]
    found = [one for one in found if one.target == target] or found
    chosen: dict[tuple[str, Any], Remembered] = {}
    for one in found:
        if one.target == found[0].target:
            chosen.setdefault((one.kind, one.settings.get("batch")), one)
    return list(chosen.values())


def _with_columns(one: Remembered, every: Sequence[Remembered]) -> Remembered:
    """Return the note with the columns of all runs on the same content, the latest run last."""

    def content_of(note: Remembered) -> tuple[object, ...]:
        return note.kind, note.target, note.digest, note.table, json.dumps(note.settings, sort_keys=True)

    if one.kind != COLUMNS:
        return one
    notes = (note for note in reversed(every) if content_of(note) == content_of(one))
    return replace(one, higher_is_better={name: up for note in notes for name, up in note.higher_is_better.items()})


def _as_of(one: Remembered, latest: Remembered) -> Remembered:
    """Return the note with the latest content, for results that do not depend on the content: scores of networks."""
    if one.kind not in (COLUMNS, SCORES):
        return one
    return replace(one, digest=latest.digest, rows=latest.rows, columns=latest.columns)


def _same(one: str, other: str) -> bool:
    with suppress(OSError):
        return Path(one).samefile(other)
    return False


def read_again(
    store: Store, called: str, kinds: Iterable[str], *, source: str | None = None, target: str | None = None
) -> Benchmark:
    """Return a user-defined table as in its latest run of the first of the kinds that was run.

    Raises:
        InvalidInputError: nothing has been run on it.
        DataMissingError, DataCorruptError, UnknownNameError: as :meth:`Remembered.read`.
    """
    every = ways(store, called, _RUNS, target)
    for kind in [*kinds, *_RUNS]:
        for one in every:
            if one.kind == kind:
                return one.read(place_of(called, source), target)
    raise not_run(store, called)


def asked_again(store: Store, called: str, source: str | None = None) -> tuple[str, dict[str, Any]]:
    """Return the path, the target and the fields of :class:`zcbench.runs.OwnTable` of a table that was run before.

    Raises:
        InvalidInputError: it has not been run.
        DataMissingError: it has moved.
    """
    found = ways(store, called, _RUNS)
    if not found:
        raise not_run(store, called)
    one = found[0]
    path = one.path if source is None else source
    if path is None or not Path(path).is_file():
        one._moved(path)
    fields = {name: value for name, value in one.settings.items() if name not in ("limit", "seed", "batch")}
    if "batch" in one.settings:
        fields["data"] = one.settings["batch"]
    if isinstance(curves := fields.get("curves"), Mapping):
        fields["curves"] = [f"{name}={pattern}" for name, pattern in curves.items()]
    if one.space is not None:
        fields["factory" if one.factory else "space"] = one.space
    return path, {**fields, "target": one.target}


def place_of(called: str, source: str | None = None) -> str | None:
    """Return the path of a table that a caller gave; None for a name."""
    if source is not None:
        return source
    return called if Path(called).is_file() else None


def not_run(store: Store, called: str) -> InvalidInputError:
    """Return the error for a table without a note in the store."""
    name = name_of(called)
    if name in store.every_benchmark() and not remembered(store, name):
        return InvalidInputError(
            f"{store.folder} does not say how the table {name} is read: give its  zcbench run  command again, which "
            "scores nothing twice."
        )
    if called.endswith(".py"):
        return InvalidInputError(
            f"{called} is a Python file, and no table: name what it registers with  --import {called}"
        )
    known = [one for one in store.tables() if one != name]
    others = f", which has {', '.join(known)}" if known else ""
    path = shlex.quote(called) if Path(called).is_file() else "PATH"
    return InvalidInputError(
        f"the table {name} has not been run in {store.folder}{others}: run  zcbench run {path} --target COLUMN"
    )


__all__ = [
    "COLUMNS",
    "Remembered",
    "asked_again",
    "name_of",
    "not_run",
    "place_of",
    "read_again",
    "remember",
    "remembered",
    "ways",
]
