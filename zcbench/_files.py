"""Files that are written completely or not at all, even if processes write at once or fail, or the disk is full."""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zcbench.errors import StoreError, ZcbenchError

#: seconds after which an unchanged temporary file is considered the rest of a killed process
_STALE = 86_400.0
#: seconds between two checks of a lock that another process holds
_LOOK = 0.5
_TEMPORARY = re.compile(r"\.zcbench-[0-9a-f]{16}\.partial(\..*)?")


def cannot_write(path: Path, error: OSError, advice: str, *, or_room: bool = True) -> StoreError:
    """Return the error that explains why a file cannot be written, and what to do.

    Args:
        path: the file.
        error: the system's error.
        advice: what to do, a sentence without a capital.
        or_room: whether free space also helps if the disk is full.
    """
    reason = str(error.strerror or error)
    if isinstance(error, FileExistsError | NotADirectoryError) and error.filename:
        place = Path(error.filename)
        reason = f"{next(p for p in (place, *place.parents) if p.exists())} is not a folder"
    if or_room and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = f"make room, or {advice}"
    return StoreError(f"cannot write to {path}: {reason}. {advice[0].upper()}{advice[1:]}")


@contextmanager
def whole(path: Path, advice: str) -> Iterator[Path]:
    """Create or replace a file in one step; its folder is created too.

    The block writes a temporary file in the same folder, which replaces ``path`` when the block ends. If anything is
    raised, it is removed and ``path`` is unchanged. Processes that write one file at the same time do not interfere;
    the last one wins. Temporary files of killed processes are removed after a day by the next process that writes into
    the folder.

    Args:
        path: the file.
        advice: what to do if it cannot be written, a sentence without a capital.

    Yields:
        The path to write, with the suffix of ``path``.

    Raises:
        StoreError: there is no space or no permission.
    """
    temporary = path.with_name(f".zcbench-{secrets.token_hex(8)}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path.parent)
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())  # some file systems report a full disk only here
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, ZcbenchError):
            raise
        raise cannot_write(path, error, advice) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, advice: str) -> None:
    """Create or replace a text file in one step, UTF-8; characters that cannot be encoded become backslash escapes.

    Raises:
        StoreError: there is no space or no permission.
    """
    with whole(path, advice) as temporary:
        temporary.write_bytes(text.encode(errors="backslashreplace"))


@contextmanager
def locked(path: Path, advice: str, *, busy: str = "", waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock that is released when its process dies.

    Args:
        path: the lock's file; it and its folder are created, and the file stays.
        advice: what to do if it cannot be created, a sentence without a capital.
        busy: the message if another process holds the lock, a sentence.
        waiting: called every half second while another process holds it; without it, the error ``busy`` is raised at
            once.

    Raises:
        StoreError: the lock cannot be created, or another process holds it.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        while True:
            try:
                lock.acquire(timeout=_LOOK if waiting else 0)
                break
            except Timeout:
                if waiting is None:
                    raise StoreError(busy) from None
            waiting()
    except NotImplementedError:  # the file system has no locks
        raise StoreError(
            f"cannot write to {path}: its file system does not support locks. {advice[0].upper()}{advice[1:]}"
        ) from None
    except OSError as error:
        if isinstance(error, ZcbenchError):
            raise
        raise cannot_write(path.parent, error, advice) from None
    try:
        yield
    finally:
        lock.release()


def _remove_stale(folder: Path) -> None:
    """Remove temporary files of processes that were killed."""
    before = time.time() - _STALE
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                with suppress(OSError):  # another process may be faster
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        Path(entry.path).unlink()


def _sync_folder(folder: Path) -> None:
    """Make a renaming durable through a power failure, where folders can be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
