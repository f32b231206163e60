"""A file of JSON lines to which one process appends; each line is either complete or absent."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from zcbench._files import cannot_write
from zcbench.errors import DataCorruptError, StoreError, ZcbenchError

Row: TypeAlias = dict[str, Any]
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
#: number of bytes read at once
_BLOCK = 1 << 16
#: largest number of bytes of a first line
_LONGEST_HEAD = 1 << 20


class Lines:
    """Appends lines to a file, after removing an incomplete last line of a killed process.

    Args:
        path: the file; it is created if there is none.
        advice: what to do if there is no room for a line, a sentence without a capital.

    Raises:
        StoreError: it cannot be opened for writing.
    """

    def __init__(self, path: Path, advice: str) -> None:
        self.path, self._advice = path, advice
        try:
            self._descriptor = os.open(path, _FLAGS, 0o666)
        except OSError as error:
            raise cannot_write(path, error, "choose another place for the ledger") from None
        try:
            _drop_torn_line(path)
            found = os.fstat(self._descriptor)
        except OSError as error:
            self.close()
            raise cannot_write(path, error, "choose another place for the ledger") from None
        self._size, self._linked = found.st_size, found.st_nlink > 0  # some file systems count no links

    def append(self, line: bytes, *, durable: bool) -> None:
        """Write a line, which ends with a newline.

        Args:
            line: its bytes.
            durable: whether to wait until it would survive a power failure.

        Raises:
            StoreError: there is no room and nothing of the line remains, or another program removed or changed the
                file.
        """
        try:
            self._check_own()
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if durable:
                os.fsync(self._descriptor)  # some file systems detect only now that there is no room
        except OSError as error:
            if isinstance(error, ZcbenchError):
                raise
            with suppress(OSError):  # if this fails, too, the next process that opens the file truncates it
                os.ftruncate(self._descriptor, self._size)
            raise cannot_write(self.path, error, self._advice, or_room=False) from None
        self._size += len(line)

    def _check_own(self) -> None:
        """Raise StoreError if the file has been changed by another process, because appended lines would be lost."""
        found = os.fstat(self._descriptor)
        gone = self._linked and not found.st_nlink
        if gone or found.st_size != self._size:
            what = "was removed" if gone else "was changed by another program"
            raise StoreError(
                f"{self.path} {what} while it was written: let no other program write to it, and restart the search."
            )

    def clear(self) -> None:
        """Remove all lines."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            self._size = 0

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            os.close(self._descriptor)


def encoded(row: Mapping[str, Any]) -> bytes:
    """Encode a line."""
    return json.dumps(row, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def rows_of(path: Path, check: Callable[[Row], None] | None = None) -> Generator[tuple[bytes, Row]]:
    """Yield lines and their parsed content; an incomplete last line is ignored.

    Args:
        path: the file.
        check: raises ValueError with a clause if the content of a line is not valid.

    Raises:
        DataCorruptError: a line is damaged.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError
            except (ValueError, RecursionError):
                raise damaged(path, number) from None
            try:
                if check is not None:
                    check(row)
            except ValueError as error:
                raise damaged(path, number, str(error)) from None
            yield line, row


def damaged(path: Path, number: int, why: str = "") -> DataCorruptError:
    """Return the error for a line that a search cannot have written.

    Args:
        path: the file.
        number: number of the line, from 1.
        why: what is wrong with it, a clause; "" if it cannot be read at all.
    """
    reason = f" ({why})" if why else ""
    return DataCorruptError(
        f"line {number} of {path} is damaged{reason}: remove it and all lines after it, and start the search again."
    )


def first_row(path: Path, begin: bytes) -> Row | None:
    """Return the content of a file's first line; None if the file is empty or the first line is incomplete.

    Args:
        path: the file.
        begin: the beginning of the first line.

    Raises:
        ValueError: it is another kind of file.
    """
    with path.open("rb") as file:
        line = file.readline(_LONGEST_HEAD)
    if not line.endswith(b"\n") and (line.startswith(begin) or begin.startswith(line)):
        return None
    if not line.endswith(b"\n") or not line.startswith(begin):
        raise ValueError
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError
    return row


def digest_of(path: Path, size: int) -> str:
    """Return the digest of the first bytes of a file; "" if it has fewer."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while size and (block := file.read(min(size, _BLOCK))):
            found.update(block)
            size -= len(block)
    return "" if size else found.hexdigest()


def _drop_torn_line(path: Path) -> None:
    """Remove an incomplete last line of a killed process."""
    with path.open("rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)
