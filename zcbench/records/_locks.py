"""Detects whether the writer of a file lives: it has an advisory lock on the file, which ends with the process.

No process waits for such a lock, and writing needs none. On a file system without locks only compaction has less
information.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path

from zcbench.records import _layout

#: seconds without a line after which a file counts as finished, if there is no other information
_IDLE = 86_400.0
_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


class Held:
    """A lock on an open file, or none if the file system has no locks.

    Args:
        descriptor: of the file, which this object does not close; None without a lock.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @property
    def is_lock(self) -> bool:
        """Whether there is a lock."""
        return self._descriptor is not None

    def release(self) -> None:
        """Unlock, also for processes that were forked meanwhile: they would keep the lock after a mere close."""
        if self._descriptor is not None:
            import fcntl

            with suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self._descriptor = None


def hold(descriptor: int) -> Held | None:
    """Lock an open file; None if another process has it locked."""
    try:
        import fcntl

        # Not lockf: closing any other descriptor of the file would release it, and reading a store opens all files.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return Held(None)
    except OSError as error:
        return None if error.errno in _BUSY else Held(None)
    return Held(descriptor)


class Finished:
    """A file without a writer, locked until :meth:`release`, so that no other process compacts it.

    Args:
        descriptor: of the open file.
        size: its size in bytes.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def is_at(self, state: os.stat_result) -> bool:
        """Return whether this is the file that now has its name."""
        return os.path.samestat(state, os.fstat(self._descriptor))

    def release(self) -> None:
        """Close the file, and so release its lock."""
        with suppress(OSError):
            os.close(self._descriptor)


def finished(path: Path, stem: str) -> Finished | None:
    """Lock a file whose writer has ended; return None if the writer lives, or may live.

    Args:
        path: the file.
        stem: its name without kind and format, which contains host and process.

    Raises:
        OSError: it cannot be opened.
    """
    # Opened for writing, because locks on network file systems require it.
    descriptor = os.open(path, os.O_RDWR)
    try:
        held, state = hold(descriptor), os.fstat(descriptor)
        if held is not None and (held.is_lock or not _may_live(stem, state.st_mtime)):
            return Finished(descriptor, state.st_size)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def is_alive(path: Path, stem: str) -> bool:
    """Return whether the writer of a file lives, or may live."""
    try:
        found = finished(path, stem)
    except FileNotFoundError:
        return False
    except OSError:  # no permission to write
        writer = _layout.writer_of(stem)
        return writer is not None and _may_live(stem, _modified(path))
    if found is not None:
        found.release()
    return found is None


def _modified(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _may_live(stem: str, modified: float) -> bool:
    """Return whether a writer may live, without locks: its process exists here, or it wrote elsewhere within a day."""
    writer = _layout.writer_of(stem)
    if stem.startswith(_layout.COMPACTED):
        return False
    if writer is not None and writer[0] == _layout.host():
        try:
            os.kill(writer[1], 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:
            return True
        return True
    return time.time() - modified < _IDLE
