"""State of the interpreter and its process that a call can change, which would disturb later calls."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: (name for readers, function that reads it, function that sets it)
_SETTINGS: tuple[tuple[str, Callable[[], Any], Callable[[Any], Any]], ...] = (
    ("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    ("garbage collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
)
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name))


class Interpreter:
    """Streams, limits, warning filters, current folder, signal handlers and alarm at the time of construction."""

    def __init__(self) -> None:
        self._settings = [get() for _, get, _ in _SETTINGS]
        self._streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
        self._open = [_is_open(number) for number in (0, 1, 2)]
        self._filters = warnings.filters[:]
        self._folder = _folder()
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        self._alarm = _alarm()

    def restore(self) -> list[str]:
        """Restore what was changed, and return it in words."""
        changed = []
        for (name, get, put), value in zip(_SETTINGS, self._settings, strict=True):
            if get() != value:
                put(value)
                changed.append(name)
        if warnings.filters[:] != self._filters:
            warnings.filters[:] = self._filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]
            # Not listed: a library that is loaded at its first use may set filters, and no score depends on them.
        if self._folder is not None and _folder() != self._folder:
            with suppress(OSError):  # it may be deleted
                os.chdir(self._folder)
            changed.append("the current folder")
        if self._restore_streams():
            changed.append("standard streams")
        if threading.current_thread() is threading.main_thread() and self._restore_signals():
            changed.append("signals")
        return changed

    def _restore_streams(self) -> bool:
        changed = False
        for number, (name, stream) in enumerate(self._streams.items()):
            if self._open[number] and not _is_open(number):
                _lead(number, to=3 - number if number else None)
                changed = True
            if getattr(stream, "closed", False):
                mode = "w" if number else "r"
                fresh = open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
                if getattr(sys, f"__{name}__") is stream:
                    setattr(sys, f"__{name}__", fresh)
                stream, changed = fresh, True
            if getattr(sys, name) is not stream:
                setattr(sys, name, stream)
                changed = True
        return changed

    def _restore_signals(self) -> bool:
        changed = False
        if _alarm() and not self._alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)
            changed = True
        for number, handler in self._handlers.items():
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
                changed = True
        return changed


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _lead(descriptor: int, to: int | None) -> None:
    """Open a descriptor again: as a copy of another one, or as the null device."""
    if to is None or not _is_open(to):
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != descriptor:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
    else:
        os.dup2(to, descriptor)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # a string is fastest to compare
    except OSError:  # it was deleted
        return None


def _alarm() -> bool:
    return hasattr(signal, "getitimer") and signal.getitimer(signal.ITIMER_REAL)[0] > 0
