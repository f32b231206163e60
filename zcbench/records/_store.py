"""Where records live: one append-only file of JSON lines per benchmark, written the moment a score exists.

A line is a record or the description of an environment that records refer to. A process that dies loses at most
the line it was writing; the next reader ignores a line without its end and the next writer removes it. A whole line
that cannot be read hides no other: it is left out, named with its number, and stays in the file.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from zcbench._files import cannot_write, locked
from zcbench.errors import StoreError
from zcbench.records import _schema
from zcbench.records._record import Record, Trial
from zcbench.records._schema import SCHEMA, BadLineError, LeftOut

_ADVICE = "choose another folder with --store."


class _Keyed(Protocol):
    @property
    def key(self) -> Any: ...


T = TypeVar("T", bound=_Keyed)


class _Lines:
    """A folder of ``<benchmark>.jsonl`` files.

    Args:
        folder: created at the first write.
    """

    #: the field that tells a line apart from the description of an environment
    mark = ""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._left_out: dict[str, tuple[LeftOut, ...]] = {}

    def path(self, benchmark: str) -> Path:
        """The file of a benchmark (its name without version)."""
        return self.folder / f"{benchmark}.jsonl"

    def benchmarks(self) -> list[str]:
        """Names of the benchmarks that have lines, sorted."""
        found = []
        for path in self.folder.glob("*.jsonl"):
            with suppress(OSError):  # removed meanwhile
                if path.is_file() and path.stat().st_size:
                    found.append(path.stem)
        return sorted(found)

    def environments(self, benchmark: str) -> dict[str, dict[str, Any]]:
        """Descriptions of the environments that the lines refer to, by id.

        Raises:
            StoreError: the file cannot be read.
        """
        lines = self._whole(benchmark, [])
        return {line["environment"]: line for _, line in lines if self.mark not in line}

    def left_out(self, benchmark: str) -> tuple[LeftOut, ...]:
        """Lines that the latest reading of a benchmark could not use."""
        return self._left_out.get(benchmark, ())

    def notes(self, benchmark: str) -> list[str]:
        """What a reader of the results has to know of lines that were left out: one sentence or none."""
        found = self.left_out(benchmark)
        return [_schema.said(self.path(benchmark), found)] if found else []

    def _read(self, benchmark: str, parse: Callable[[dict[str, Any]], T]) -> list[T]:
        """All lines of a benchmark; of two with one key, the later."""
        found: dict[object, T] = {}
        bad: list[LeftOut] = []
        for number, line in self._whole(benchmark, bad):
            if self.mark in line:
                try:
                    item = parse(line)
                except BadLineError as error:
                    bad.append(LeftOut(number, str(error)))
                else:
                    found[item.key] = item
        self._left_out[benchmark] = tuple(bad)
        return list(found.values())

    def _whole(self, benchmark: str, bad: list[LeftOut]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Numbers and fields of the lines; ``bad`` gets those that are no lines of ours."""
        path = self.path(benchmark)
        if not path.exists():
            return
        try:
            with path.open("rb") as file:
                for number, text in _schema.numbered(file):
                    try:
                        line = _schema.parsed(text, self.mark)
                    except BadLineError as error:
                        if text.endswith(b"\n"):  # else a kill cut it short, or it is being written
                            bad.append(LeftOut(number, str(error)))
                    else:
                        yield number, line
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror or error}.") from None

    @contextmanager
    def writer(self, benchmark: str) -> Iterator[Writer]:
        """Open a benchmark's file for appending; one process at a time.

        Raises:
            StoreError: the file cannot be written, or another run holds it.
        """
        path = self.path(benchmark)
        busy = f"another run is writing to {path}: wait for it, or choose another folder with --store."
        with locked(path.with_suffix(".lock"), _ADVICE, busy=busy):
            try:
                _mend_end(path)
                file = path.open("ab", buffering=0)
            except OSError as error:
                raise cannot_write(path, error, _ADVICE) from None
            try:
                yield Writer(file, path)
            finally:
                _close(file, path)


class Store(_Lines):
    """Records of proxies: a folder of ``<benchmark>.jsonl`` files.

    Args:
        folder: created at the first write.
    """

    mark = "proxy"

    def records(self, benchmark: str) -> list[Record]:
        """All records of a benchmark; of two with one key, the later. ``left_out`` then names lines that are none.

        Raises:
            StoreError: the file cannot be read.
        """
        return self._read(benchmark, _schema.record)

    @functools.cached_property
    def trials(self) -> TrialStore:
        """Where the trials of predictors live: the folder ``predictors`` in this one."""
        return TrialStore(self.folder / "predictors")


class TrialStore(_Lines):
    """Trials of predictors: a folder of ``<benchmark>.jsonl`` files.

    Args:
        folder: created at the first write.
    """

    mark = "predictor"

    def trials(self, benchmark: str) -> list[Trial]:
        """All trials on a benchmark; of two with one key, the later. ``left_out`` then names lines that are none.

        Raises:
            StoreError: the file cannot be read.
        """
        return self._read(benchmark, _schema.trial)


class Writer:
    """Appends lines; each is there whole or not at all, and can be read back."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path

    def record(self, record: Record) -> None:
        """Append a record.

        Raises:
            StoreError: there is no room, or no reader could read it back.
        """
        score = record.score
        line = {
            "schema": SCHEMA,
            "benchmark": record.benchmark,
            "architecture": record.architecture,
            "proxy": record.proxy,
            "seed": record.seed,
            "batch": record.batch,
            "value": score.value,
            "status": str(score.status),
            "seconds": round(score.seconds, 6),
            "detail": score.detail,
            "network": record.network,
            "higher_is_better": record.higher_is_better,
            "environment": record.environment,
            **({"repeats": score.repeats, "spread": _schema.finite(score.spread)} if score.repeats > 1 else {}),
        }
        self._write(line, _schema.record)

    def trial(self, trial: Trial) -> None:
        """Append a trial.

        Raises:
            StoreError: there is no room, or no reader could read it back.
        """
        line = dataclasses.asdict(trial)
        line["source"] = line.pop("transfer_from")
        line["metrics"] = {name: _schema.finite(value) for name, value in trial.metrics.items()}
        self._write({"schema": SCHEMA, **line, "status": str(trial.status)}, _schema.trial)

    def environment(self, identifier: str, description: dict[str, Any]) -> None:
        """Append the description of an environment.

        Raises:
            StoreError: there is no room.
        """
        self._write({"schema": SCHEMA, "environment": identifier, **description})

    def _write(self, line: dict[str, Any], check: Callable[[dict[str, Any]], object] = dict) -> None:
        try:
            check(line)
            text = _schema.encoded(line)
        except BadLineError as error:
            raise StoreError(f"{self._path} cannot take what was measured: {error}.") from None
        position = os.fstat(self._file.fileno()).st_size
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with suppress(OSError):  # take a half-written line back, so that what follows it stays readable
                os.ftruncate(self._file.fileno(), position)
            again = "everything scored so far is kept; make room and run the same command again to go on."
            raise cannot_write(self._path, error, again, or_room=False) from None


def _close(file: IO[bytes], path: Path) -> None:
    """Close, after what was written is on the disk; some file systems find only now that there is no room."""
    try:
        with file:
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTSUP):  # a device has nothing to wait for
            return
        again = "the latest scores may be lost; make room and run the same command again."
        raise cannot_write(path, error, again, or_room=False) from None


def _mend_end(path: Path) -> None:
    """Remove what a killed process left of a line; end a line that lacks nothing but its end."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = _start_of_last(file, size)
        if start == size:
            return
        file.seek(start)
        if size - start <= _schema.LONGEST and _schema.is_object(file.read()):
            file.write(b"\n")
        else:
            file.truncate(start)


def _start_of_last(file: IO[bytes], size: int) -> int:
    """Where the line begins that has no end; the size if all have."""
    end = size
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        if (found := file.read(end - start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0
