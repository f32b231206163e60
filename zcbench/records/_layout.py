"""The paths of a store's files, and the contents of their names.

``<store>/<benchmark>/<host>-<process>-<start>.jsonl`` holds records, ``….trials.jsonl`` trials, ``….searches.jsonl``
traces of searches, ``….forecasts.jsonl`` trials of curve predictors; compacted files may end in ``.parquet`` instead.
``….table.json`` contains the options of a user-defined table (:mod:`zcbench.records._tables`).
Stores of schema 1 have one file per benchmark, ``<store>/<benchmark>.jsonl``, and trials in the folder ``predictors``;
they are read and never changed.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from zcbench.errors import InvalidInputError, StoreError
from zcbench.records._kinds import FORECASTS, RECORDS, SEARCHES, TRIALS, Kind

KINDS: tuple[Kind[Any], ...] = (RECORDS, TRIALS, SEARCHES, FORECASTS)
FORMATS = ("jsonl", "parquet")
#: folder of trials in a store of schema 1
_OLD_TRIALS = "predictors"
_STEM = re.compile(r"(?P<host>.+)-(?P<process>[0-9]+)-(?P<start>[0-9]{8}T[0-9]{12}Z)(-[0-9a-z]+)?")
_START = "%Y%m%dT%H%M%S%fZ"
_MOST_LISTINGS = 20
#: prefix of the host in names of files that a compaction made: no writer appends to them. No host's name has a "+".
COMPACTED = "compacted+"


@dataclass(frozen=True)
class Source:
    """A file of one kind.

    Attributes:
        path: its path.
        format: "jsonl" or "parquet".
        stem: its name without kind and format: the origin of its lines; "" for a store of schema 1.
    """

    path: Path
    format: str
    stem: str


def folder_of(store: Path, benchmark: str) -> Path:
    """Return the folder of a benchmark's files.

    Raises:
        InvalidInputError: the name cannot be that of a folder in the store.
    """
    if benchmark in ("", ".", "..") or not _NAME.isdisjoint(benchmark):
        raise InvalidInputError(f"{benchmark!r} cannot be a benchmark of the store: give the name of a benchmark.")
    return store / benchmark


_NAME = set("/\\\0")


def old_path(store: Path, benchmark: str, kind: Kind[Any]) -> Path:
    """Return the path of a file in a store of schema 1."""
    return (store / _OLD_TRIALS if kind is TRIALS else store) / f"{benchmark}.jsonl"


def sources(store: Path, benchmark: str, kind: Kind[Any]) -> list[Source]:
    """List the files with items of a kind, in order of their start; a link counts as its target."""
    found = []
    folder = folder_of(store, benchmark)
    old = old_path(store, benchmark, kind)
    if kind in (RECORDS, TRIALS) and _is_file(old):
        found.append(Source(old, "jsonl", ""))
    for name in _listed(folder):
        parts = split(name)
        if parts is None or parts[1] != kind.suffix:
            continue
        # The folder of old trials has files of other benchmarks; a benchmark of this name has only files of writers.
        if (benchmark != _OLD_TRIALS or started(parts[0])) and _is_file(folder / name):
            found.append(Source(folder / name, parts[2], parts[0]))
    return sorted(found, key=lambda source: order(source.stem))


def _listed(folder: Path) -> list[str]:
    """List the names in a folder, sorted; none if there is no folder.

    The folder is listed again until two listings are equal.

    Raises:
        StoreError: it cannot be read.
    """
    before = None
    for _ in range(_MOST_LISTINGS):
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths
        except (FileNotFoundError, NotADirectoryError):
            names = []
        except OSError as error:
            raise StoreError(f"cannot read {folder}: {error.strerror or error}.") from None
        if names == before:
            break
        before = names
    return before or []


def _is_file(path: Path) -> bool:
    """Return whether a path leads to a file.

    Raises:
        StoreError: the system gives no answer; the records of such a file must not be excluded silently.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE):
            return False
        raise StoreError(f"cannot read {path}: {error.strerror or error}.") from None


def foreign(store: Path, benchmark: str) -> list[str]:
    """List the names in a benchmark's folder that do not belong to the store."""
    folder = folder_of(store, benchmark)
    if benchmark == _OLD_TRIALS:
        return []
    names = (name for name in _listed(folder) if not name.startswith("."))  # files that are being made
    return [
        name
        for name in names
        if not name.endswith(".table.json") and (split(name) is None or not _is_file(folder / name))
    ]


def split(name: str) -> tuple[str, str, str] | None:
    """Split a file's name into stem, suffix of the kind and format; None if it is not a name of the store."""
    stem, _, rest = name.partition(".")
    *suffix, form = rest.split(".")
    kind = "".join(f".{part}" for part in suffix)
    known = form in FORMATS and kind in {kind.suffix for kind in KINDS} and stem
    return (stem, kind, form) if known else None


def started(stem: str) -> str:
    """Return the start of a writer, in UTC as text that sorts; "" if the name does not contain it."""
    found = _STEM.fullmatch(stem)
    return found["start"] if found else ""


def order(stem: str) -> tuple[str, str]:
    """Return the sort key of files: start, then name."""
    return started(stem), stem


def writer_of(stem: str) -> tuple[str, int] | None:
    """Return host and process of the writer; None if the name does not contain them."""
    found = _STEM.fullmatch(stem)
    return (found["host"], int(found["process"][:18])) if found else None


def host() -> str:
    """Return the name of this machine in the form of file names."""
    return re.sub(r"[^0-9A-Za-z_-]", "_", socket.gethostname())[:60] or "host"


def new_stem(folder: Path) -> str:
    """Make a name that no other writer has: host, process and start to the microsecond.

    The start is the time. If a clock was set back, or is behind another machine's, the start is just after the latest
    start in the folder, so that later writers are read later.
    """
    now = datetime.now(UTC)
    latest = max((started(name.partition(".")[0]) for name in _listed(folder)), default="")
    if f"{now:{_START}}" <= latest:
        with suppress(ValueError, OverflowError):  # the name contains no time
            now = datetime.strptime(latest, _START).replace(tzinfo=UTC) + timedelta(microseconds=1)
    return f"{host()}-{os.getpid()}-{now:{_START}}"


def benchmarks(store: Path, kind: Kind[Any]) -> list[str]:
    """List the names of the benchmarks that have a file of a kind that is not empty, sorted."""
    names = set()
    for name in _listed(store):
        if (store / name).is_dir():
            names.add(name)
    old = {RECORDS: store, TRIALS: store / _OLD_TRIALS}.get(kind)
    for name in _listed(old) if old is not None else ():
        if name.endswith(".jsonl") and not started(name.partition(".")[0]):
            names.add(name.removesuffix(".jsonl"))
    return sorted(name for name in names if name and any(map(_has_content, sources(store, name, kind))))


def _has_content(source: Source) -> bool:
    with suppress(OSError):  # removed meanwhile
        return source.path.stat().st_size > 0
    return False
