"""The pace of occasional work of a search, such as saving its state."""

from __future__ import annotations

import time

#: least seconds between two times
LEAST = 2.0
#: ratio of the time between to the time that the work takes
SHARE = 50


class Pace:
    """Decides when work is due again: after two seconds at least, and so that it takes a fiftieth of the time at most.

    The work is done in a ``with`` statement of the object.
    """

    def __init__(self) -> None:
        self._next = time.monotonic() + LEAST

    def due(self) -> bool:
        """Return whether the work is due."""
        return time.monotonic() >= self._next

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *error: object) -> None:
        now = time.monotonic()
        self._next = now + max(LEAST, SHARE * (now - self._began))
