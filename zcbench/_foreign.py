"""Call user code: proxies, networks, factories, predictors. An exception in it costs only the result of this call.

``sys.exit()`` or ``raise KeyboardInterrupt`` in user code ends only the call. Ctrl-C of the user, or a signal whose
handler raises (for example a time limit), must end more. The two are distinguished by the origin of the exception: an
exception that leaves a signal handler which was installed before the call comes from the user.
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

#: whether the user's signal handlers are observed; they run in the main thread only
_listens = False
#: the observed handlers by signal
_handlers: dict[int, Handler] = {}
#: exceptions that they raised
_raised: list[BaseException] = []


class Foreign(AbstractContextManager["Foreign"]):
    """A block that calls user code; it ends normally whatever that code raises.

    Only an exception that one of the user's signal handlers raises meanwhile (KeyboardInterrupt at Ctrl-C) is passed
    on, even if the code suppressed it. If the code forked, the copy of this process ends here.

    Args:
        tidy: restore what the call changes in the interpreter: closed streams, warnings as errors, an alarm.

    Attributes:
        kind: class of the exception that ended the block; None if there was none.
        message: first line of the exception's message.
        reason: the message with the name of its class.
        changed: what was restored, in words.
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
            # Convert to text now: the exception would keep the frames that it passed, and their tensors, alive.
            self.kind, self.message, self.reason = type(error), message_of(error), first_line(error)
        users = _raised[0] if _raised and _in_main_thread() else None
        self._signals.__exit__(None, None, None)
        if users is not None:
            raise users
        return True

    @property
    def said(self) -> str:
        """The reason as the end of a sentence; zcbench's own errors do not name their class."""
        return self.message if self.is_a(ZcbenchError) else self.reason

    def is_a(self, *kinds: type[BaseException]) -> bool:
        """Return whether the exception is of one of these classes; the exception itself is not called."""
        return self.kind is not None and issubclass(self.kind, kinds)


@contextmanager
def users_signals() -> Iterator[None]:
    """Record what the user's signal handlers raise in this block; the handlers run as usual.

    Blocks may be nested; the outermost does the work. Outside the main thread no handler runs, so nothing is done.
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
            while _handlers:  # also if one of them raises just now
                signal.signal(*_handlers.popitem())
        finally:
            _raised.clear()
            _listens = False


def is_users(error: BaseException) -> bool:
    """Return whether a handler of the user raised the exception, in a block of :func:`users_signals`."""
    return any(error is one for one in _raised)


def _listener(handler: Handler) -> Handler:
    def listen(number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except BaseException as error:
            _raised.append(error)
            raise
        finally:
            if signal.getsignal(number) is not listen:  # the user's handler installed another one for the next time
                _handlers.pop(number, None)

    return listen


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
