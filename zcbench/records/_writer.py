"""Appends to files of its own: each line is there whole or not at all, and no other process waits for it."""

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
#: seconds of work that a power cut may cost
_SYNC = 2.0
_MOST_NAMES = 1000
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Writer:
    """Appends records, trials and environments of one benchmark; a file of each kind is made with its first line.

    Any number of writers may be open at once, here and on other machines. Threads may share one; a process that was
    forked goes on in files of its own.

    Args:
        store: folder of the store.
        benchmark: name without version.
        known: gives the descriptions of environments that other files have, by id.
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
            StoreError: there is no room, or no reader could read it back.
        """
        self._item(RECORDS, _schema.record_line(record), record.environment, _schema.record)

    def trial(self, trial: Trial) -> None:
        """Append a trial.

        Raises:
            StoreError: there is no room, or no reader could read it back.
        """
        self._item(TRIALS, _schema.item_line(trial), trial.environment, _schema.trial)

    def search(self, trace: SearchTrace) -> None:
        """Append the trace of a search.

        Raises:
            StoreError: there is no room, or no reader could read it back.
        """
        self._item(SEARCHES, _schema.item_line(trace), trace.environment, _schema.search)

    def forecast(self, trial: CurveTrial) -> None:
        """Append the trial of a curve predictor.

        Raises:
            StoreError: there is no room, or no reader could read it back.
        """
        self._item(FORECASTS, _schema.item_line(trial), trial.environment, _schema.forecast)

    def environment(self, identifier: str, description: dict[str, Any]) -> None:
        """Describe an environment; the description is written before the first line that refers to it.

        Raises:
            StoreError: no reader could read it back.
        """
        line = {"schema": SCHEMA, "environment": identifier, **description}
        try:
            _schema.parsed(_schema.encoded(line), "proxy")
        except BadLineError as error:
            raise StoreError(f"{self._folder} cannot take the environment: {error}.") from None
        self._described[identifier] = line

    def close(self) -> None:
        """Wait until what was written is on the disk, and close the files.

        Raises:
            StoreError: some of it could not be written after all.
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
            raise StoreError(f"{self._folder} cannot take what was measured: {error}.") from None
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
        if file is not None and not file.is_there():  # somebody removed it: what goes there is lost
            del self._files[kind]
            with suppress(StoreError):
                file.close()
            file = None
        if file is None:
            file = self._files[kind] = _File(self._folder, kind)
        return file

    def _description(self, environment: str) -> dict[str, Any] | None:
        """What the line says that describes an environment, if anybody described it."""
        if environment not in self._described:
            if self._others is None:
                self._others = self._known()
            if environment not in self._others:
                return None
            self._described[environment] = {**self._others[environment], "schema": SCHEMA}
        return self._described[environment]


class _File:
    """One file that only this process appends to."""

    def __init__(self, folder: Path, kind: Kind[Any]) -> None:
        self.environments: set[str] = set()
        self.path, self._descriptor, self._held = _made(folder, kind)
        self._synced = time.monotonic()

    def is_there(self) -> bool:
        """Whether the file still has its name."""
        try:
            named = os.stat(self.path)  # noqa: PTH116 - called for every line
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
        return os.path.samestat(named, os.fstat(self._descriptor))

    def write(self, text: bytes) -> None:
        """Append a line at once; what is already there is on the disk a few seconds later.

        Raises:
            StoreError: there is no room; of the line nothing stays.
        """
        position = None
        try:
            position = os.fstat(self._descriptor).st_size
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            with suppress(OSError):  # take a half-written line back, so that what follows it stays readable
                if position is not None:
                    os.ftruncate(self._descriptor, position)
            again = "everything scored so far is kept; make room and run the same command again to go on."
            raise cannot_write(self.path, error, again, or_room=False) from None
        if time.monotonic() - self._synced >= _SYNC:
            self._sync()

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)  # some file systems find only now that there is no room
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a device has nothing to wait for
                again = "the latest scores may be lost; make room and run the same command again."
                raise cannot_write(self.path, error, again, or_room=False) from None
        self._synced = time.monotonic()

    def close(self) -> None:
        """Close, after what was written is on the disk."""
        try:
            self._sync()
        finally:
            self._held.release()
            self.forget()

    def forget(self) -> None:
        """Close and nothing else: in a process that was forked the file is the parent's, and so is its lock."""
        with suppress(OSError):
            os.close(self._descriptor)


def _made(folder: Path, kind: Kind[Any]) -> tuple[Path, int, Held]:
    """A new file, open for appending and held."""
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
                os.close(descriptor)  # a compaction looked at it before it was held, and will remove it
            path = folder / f"{stem}-{number}{kind.suffix}.jsonl"
        raise FileExistsError(errno.EEXIST, "all names are taken")
    except OSError as error:
        raise cannot_write(path, error, _ADVICE) from None
