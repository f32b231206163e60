"""Standard output has only results; text that other code prints goes to standard error.

While a command runs, file descriptor 1 is standard error, for this process, its native code and its workers. Results
are written to a duplicate of the original descriptor of standard output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

#: state and streams of results and messages while a command runs
_running = False
_results: TextIO | None = None
_messages: TextIO | None = None


def write_result(text: object = "", end: str = "\n") -> None:
    """Print a result."""
    stream = results()
    if stream is not None:  # closed by the caller: python -m zcbench … >&-
        print(text, end=end, file=stream, flush=True)


def write_message(text: object) -> None:
    """Print a message; a run continues if standard error cannot be written."""
    with suppress(OSError, ValueError, AttributeError):
        print(text, file=_messages or sys.stderr, flush=True)


def results() -> TextIO | None:
    """Return the stream of results; None without a standard output."""
    return _results if _running else sys.stdout


@contextmanager
def results_only(*, for_good: bool) -> Iterator[None]:
    """Redirect to standard error all output except that of :func:`write_result`.

    Args:
        for_good: also after the block, for text that is printed when the process ends.
    """
    global _running, _results, _messages
    stdout, stderr = sys.stdout, sys.stderr
    with suppress(OSError, ValueError, AttributeError):
        stdout.flush()
    ours = _moved(1)
    _running, _messages = True, stderr
    if stdout is not None and _descriptor(stdout) == 1 and ours is not None:
        _results = os.fdopen(
            ours, "w", encoding=stdout.encoding, errors=stdout.errors, buffering=1 if stdout.line_buffering else -1
        )
    else:  # a stream that the caller made in this process
        _results = stdout
        sys.stdout = stderr
    try:
        yield
    finally:
        if not for_good:
            with suppress(OSError, ValueError, AttributeError):
                sys.stdout.flush()
            if ours is not None:
                os.dup2(ours, 1)
                if _results is stdout:
                    os.close(ours)
                else:
                    _results.close()
            sys.stdout, _running, _results, _messages = stdout, False, None, None


def give_up_results() -> None:
    """Discard unwritten output, so that Python does not try again when the process ends."""
    if _results is not None and (descriptor := _descriptor(_results)) is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _moved(descriptor: int) -> int | None:
    """Return a duplicate of a descriptor and redirect the descriptor to standard error; None if it was closed."""
    try:
        duplicate = os.dup(descriptor)
    except OSError:
        return None
    try:
        os.dup2(2, descriptor)
    except OSError:  # there is no standard error either
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    return duplicate


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
