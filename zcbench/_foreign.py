"""Call code of others: proxies, networks, factories, predictors. Whatever it raises costs what it was to give.

A stranger's ``sys.exit()`` or ``raise KeyboardInterrupt`` ends nothing but the call. What must end more is what the
*user* does: Ctrl-C, or a signal whose handler raises (a time limit of the user's own, say). The two are told apart by
where the exception comes from: one that leaves a signal handler which was there before is the user's.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import Any

from zcbench._interpreter import Interpreter
from zcbench.errors import ZcbenchError, first_line, message_of

Handler = Callable[[int, FrameType | None], Any]

#: whether the user's signal handlers are listened to; they run in the main thread only
_listens = False
#: these handlers by signal
_handlers: dict[int, Handler] = {}
#: what they raised
_raised: list[BaseException] = []


class Foreign(AbstractContextManager["Foreign"]):
    """A block that calls code of others; it ends normally whatever that code raises.

    Only what a handler of the user's raised meanwhile (KeyboardInterrupt at Ctrl-C) goes on, also where the code
    swallowed it. A copy of this process that the code forked ends here.

    Args:
        tidy: put back what the call leaves behind in the interpreter: closed streams, warnings as errors, an alarm.

    Attributes:
        kind: class of the exception that ended the block; None if there was none.
        message: first line of what the exception says.
        reason: the same with the name of its class.
        changed: what was put back, in words.
    """

    def __init__(self, *, tidy: bool = False) -> None:
        self.kind: type[BaseException] | None = None
        self.message = self.reason = ""
        self.changed: list[str] = []
        self._tidy = tidy

    def __enter__(self) -> Foreign:
        self._process = os.getpid()
        self._signals = users_signals()
        self._signals.__enter__()
        self._before = Interpreter() if self._tidy else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if os.getpid() != self._process:
            os._exit(1)
        if self._before is not None:
            self.changed = self._before.restore()
        if error is not None:
            # Text at once: the exception would keep the frames it came through, and their tensors, alive.
            self.kind, self.message, self.reason = type(error), message_of(error), first_line(error)
        users = _raised[0] if _raised and _in_main_thread() else None
        self._signals.__exit__(None, None, None)
        if users is not None:
            raise users
        return True

    @property
    def said(self) -> str:
        """What went wrong, as the end of a sentence of ours: errors of our own name no class."""
        return self.message if self.is_a(ZcbenchError) else self.reason

    def is_a(self, *kinds: type[BaseException]) -> bool:
        """Whether the exception is of one of these classes; not asked of the exception, which may lie."""
        return self.kind is not None and issubclass(self.kind, kinds)


@contextmanager
def users_signals() -> Iterator[None]:
    """Take note of what the user's signal handlers raise in this block; the handlers themselves run as ever.

    Blocks may be nested; the outermost does the work. Outside of the main thread no handler runs: nothing is done.
    """
    global _listens
    if _listens or not _in_main_thread():
        yield
        return
    _listens = True
    try:
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler):
                _handlers[number] = handler
                signal.signal(number, _listener(handler))
        yield
    finally:
        try:
            while _handlers:  # also where one of them raises just now
                signal.signal(*_handlers.popitem())
        finally:
            _raised.clear()
            _listens = False


def is_users(error: BaseException) -> bool:
    """Whether a handler of the user's raised an exception, in a block of :func:`users_signals`."""
    return any(error is one for one in _raised)


def _listener(handler: Handler) -> Handler:
    def listen(number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except BaseException as error:
            _raised.append(error)
            raise
        finally:
            if signal.getsignal(number) is not listen:  # the user's handler chose another for the next time
                _handlers.pop(number, None)

    return listen


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
