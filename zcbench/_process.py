"""Setup of a process that trains or scores small networks, and derivation of seeds."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
import threading


def stable_seed(*parts: object) -> int:
    """Derive a 63-bit seed from the text of its parts only: the same on every machine and version of Python."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def keep_freed_memory() -> None:
    """Ask glibc not to return freed blocks, because new pages cost up to a third of the time of small networks."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(ctypes.c_int(-3), ctypes.c_int(2**30))  # M_MMAP_THRESHOLD
    mallopt(ctypes.c_int(-1), ctypes.c_int(2**31 - 1))  # M_TRIM_THRESHOLD


def die_with(parent: int) -> None:
    """End this process, a child made by multiprocessing, when its parent ends, even if one of them is busy.

    On Linux the kernel does this, also while native code blocks Python. It observes the thread that created this
    process, so this thread must live as long as the child. On other systems a thread waits for the parent's end; it
    runs when native code allows it.

    Args:
        parent: process id of the parent.
    """
    if not _killed_with_parent():
        threading.Thread(target=_end_after_parent, daemon=True).start()
    if hasattr(os, "getppid") and os.getppid() != parent:  # it ended before the request above
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
    """Return the bytes of memory in this machine, or 2**50 if they are unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**50
