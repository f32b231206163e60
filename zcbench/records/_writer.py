"""Appends to separate files: each line is written whole or not at all, and no other process waits."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from zcbench._files import cannot_write
from zcbench.errors import StoreError
from zcbench.records import _layout, _schema
from zcbench.records._kinds import FORECASTS, RECORDS, SEARCHES, TRIALS, Kind
from zcbench.records._locks import Held, hold
from zcbench.records._record import CurveTrial, Record, SearchTrace, Trial
from zcbench.records._schema import SCHEMA, BadLineError

_ADVICE = "choose another folder with --store."
#: maximum of seconds of work that a power cut costs
_SYNC = 2.0
_MOST_NAMES = 1000
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Writer:
    """Appends records, trials and environments of one benchmark; a file of each kind is made with its first line.

    Any number of writers may be open at once, here and on other machines. Threads may share one; a forked process
    continues in separate files.

    Args:
        store: folder of the store.
        benchmark: name without version.
        known: returns the descriptions of environments in other files, by id.
    """

    def __init__(self, store: Path, benchmark: str, known: Callable[[], dict[str, dict[str, Any]]] = dict) -> None:
        self._folder = _layout.folder_of(store, benchmark)
        self._known = known
        self._others: dict[str, dict[str, Any]] | None = None
        self._described: dict[str, dict[str, Any]] = {}
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._files: dict[Kind[Any], _File] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def record(self, record: Record) -> None:
        """Append a record.

        Raises:
            StoreError: the disk is full, or the line would be invalid.
        """
        self._item(RECORDS, _schema.record_line(record), record.environment, _schema.record)

    def trial(self, trial: Trial) -> None:
        """Append a trial.

        Raises:
            StoreError: the disk is full, or the line would be invalid.
        """
        self._item(TRIALS, _schema.item_line(trial), trial.environment, _schema.trial)

    def search(self, trace: SearchTrace) -> None:
        """Append the trace of a search.

        Raises:
            StoreError: the disk is full, or the line would be invalid.
        """
        self._item(SEARCHES, _schema.item_line(trace), trace.environment, _schema.search)

    def forecast(self, trial: CurveTrial) -> None:
        """Append the trial of a curve predictor.

        Raises:
            StoreError: the disk is full, or the line would be invalid.
        """
        self._item(FORECASTS, _schema.item_line(trial), trial.environment, _schema.forecast)

    def environment(self, identifier: str, description: dict[str, Any]) -> None:
        """Describe an environment; the description is written before the first line that refers to it.

        Raises:
            StoreError: the description would be invalid.
        """
        line = {"schema": SCHEMA, "environment": identifier, **description}
        try:
            _schema.parsed(_schema.encoded(line), "proxy")
        except BadLineError as error:
            raise StoreError(f"{self._folder} cannot store the environment: {error}.") from None
        self._described[identifier] = line

    def close(self) -> None:
        """Wait until all lines are on the disk, and close the files.

        Raises:
            StoreError: some lines could not be written.
        """
        if os.getpid() != self._process:  # the files are the parent's
            return
        with self._lock:
            files, self._files = self._files, {}
            errors = []
            for file in files.values():
                try:
                    file.close()
                except StoreError as error:
                    errors.append(error)
        if errors:
            raise errors[0]

    def _item(
        self, kind: Kind[Any], line: dict[str, Any], environment: str, check: Callable[[dict[str, Any]], object]
    ) -> None:
        try:
            check(line)
            text = _schema.encoded(line)
        except BadLineError as error:
            raise StoreError(f"{self._folder} cannot store the result: {error}.") from None
        if os.getpid() != self._process:
            for file in self._files.values():
                file.forget()
            self._begin()
        with self._lock:
            file = self._file(kind)
            if environment not in file.environments and (described := self._description(environment)):
                file.write(_schema.encoded(described))
            file.environments.add(environment)
            file.write(text)

    def _file(self, kind: Kind[Any]) -> _File:
        file = self._files.get(kind)
        if file is not None and not file.is_there():  # the file was removed: further lines would be lost
            del self._files[kind]
            with suppress(StoreError):
                file.close()
            file = None
        if file is None:
            file = self._files[kind] = _File(self._folder, kind)
        return file

    def _description(self, environment: str) -> dict[str, Any] | None:
        """Return the description of an environment, or None if it was not described."""
        if environment not in self._described:
            if self._others is None:
                self._others = self._known()
            if environment not in self._others:
                return None
            self._described[environment] = {**self._others[environment], "schema": SCHEMA}
        return self._described[environment]


class _File:
    """One file to which only this process appends."""

    def __init__(self, folder: Path, kind: Kind[Any]) -> None:
        self.environments: set[str] = set()
        self.path, self._descriptor, self._held = _made(folder, kind)
        self._synced = time.monotonic()

    def is_there(self) -> bool:
        """Return whether the file still has its name."""
        try:
            named = os.stat(self.path)  # noqa: PTH116 - called for every line
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
        return os.path.samestat(named, os.fstat(self._descriptor))

    def write(self, text: bytes) -> None:
        """Append a line at once; earlier lines are on the disk a few seconds later.

        Raises:
            StoreError: the disk is full; no part of the line is kept.
        """
        position = None
        try:
            position = os.fstat(self._descriptor).st_size
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            with suppress(OSError):  # remove a partly written line, so that later lines can be read
                if position is not None:
                    os.ftruncate(self._descriptor, position)
            again = "all scores so far are kept; free disk space and run the same command again to continue."
            raise cannot_write(self.path, error, again, or_room=False) from None
        if time.monotonic() - self._synced >= _SYNC:
            self._sync()

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)  # some file systems report a full disk only now
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a device has no data to wait for
                again = "the latest scores may be lost; free disk space and run the same command again."
                raise cannot_write(self.path, error, again, or_room=False) from None
        self._synced = time.monotonic()

    def close(self) -> None:
        """Close the file after all lines are on the disk."""
        try:
            self._sync()
        finally:
            self._held.release()
            self.forget()

    def forget(self) -> None:
        """Only close the file: in a forked process the file and its lock belong to the parent."""
        with suppress(OSError):
            os.close(self._descriptor)


def _made(folder: Path, kind: Kind[Any]) -> tuple[Path, int, Held]:
    """Make a new file, open for appending and locked."""
    stem = _layout.new_stem(folder)
    path = folder / f"{stem}{kind.suffix}.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(2, _MOST_NAMES):
            try:
                descriptor = os.open(path, _FLAGS, 0o666)
            except FileExistsError:
                pass
            else:
                held = hold(descriptor)
                if held is not None:
                    return path, descriptor, held
                os.close(descriptor)  # a compaction found it before it was locked, and will remove it
            path = folder / f"{stem}-{number}{kind.suffix}.jsonl"
        raise FileExistsError(errno.EEXIST, "all names are taken")
    except OSError as error:
        raise cannot_write(path, error, _ADVICE) from None
