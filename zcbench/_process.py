"""What a process that trains or scores small networks sets up, and how seeds are derived."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
import threading


def stable_seed(*parts: object) -> int:
    """A 63-bit seed that depends on nothing but the text of its parts: same on every machine and Python."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def keep_freed_memory() -> None:
    """Ask glibc not to return freed blocks: fresh pages cost up to a third of the time of small networks."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(ctypes.c_int(-3), ctypes.c_int(2**30))  # M_MMAP_THRESHOLD
    mallopt(ctypes.c_int(-1), ctypes.c_int(2**31 - 1))  # M_TRIM_THRESHOLD


def die_with(parent: int) -> None:
    """Let this process, a child made by multiprocessing, end at once when its parent does, however either is busy.

    On Linux the kernel sees to it, also while native code keeps Python from running. It goes by the thread that made
    this process, which therefore has to live as long as the child is wanted. Elsewhere a thread waits for the parent's
    end; it runs when native code lets it.

    Args:
        parent: process id of the parent.
    """
    if not _killed_with_parent():
        threading.Thread(target=_end_after_parent, daemon=True).start()
    if hasattr(os, "getppid") and os.getppid() != parent:  # it ended before this process could ask
        os._exit(1)


def _killed_with_parent() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0) == 0)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):  # another C library
        return False


def _end_after_parent() -> None:
    import multiprocessing
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def machine_memory() -> int:
    """Bytes of memory in this machine, or what nothing needs where that is not known."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**50
