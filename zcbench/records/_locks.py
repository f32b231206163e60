"""Whether the writer of a file lives: it holds an advisory lock on it, which dies with the process.

Nobody waits for such a lock, and writing needs none: where a file system has no locks, only compaction knows less.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path

from zcbench.records import _layout

#: seconds without a line after which a file is finished, where nothing else tells
_IDLE = 86_400.0
_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


class Held:
    """A lock on an open file, or none where the file system has no locks.

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
        """Unlock, also for processes that were forked meanwhile: closing alone would leave the lock to them."""
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
    """A file that nobody writes to any more, held until :meth:`release`, so that nobody else compacts it.

    Args:
        descriptor: of the open file.
        size: its size in bytes.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def is_at(self, state: os.stat_result) -> bool:
        """Whether this is the file that has a name now."""
        return os.path.samestat(state, os.fstat(self._descriptor))

    def release(self) -> None:
        """Close the file, and so let go of it."""
        with suppress(OSError):
            os.close(self._descriptor)


def finished(path: Path, stem: str) -> Finished | None:
    """Hold a file whose writer has ended; None if the writer lives, or may.

    Args:
        path: the file.
        stem: its name without kind and format, which tells host and process.

    Raises:
        OSError: it cannot be opened.
    """
    # For writing, as locks on network file systems ask for that.
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
    """Whether the writer of a file lives, or may."""
    try:
        found = finished(path, stem)
    except FileNotFoundError:
        return False
    except OSError:  # not ours to write to
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
    """What can be said without locks: whether the process exists here, or wrote somewhere within a day."""
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
