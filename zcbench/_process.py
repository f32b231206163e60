"""What a process that trains or scores small networks sets up, and how seeds are derived."""

from __future__ import annotations

import ctypes
import hashlib


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
