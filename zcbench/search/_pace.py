"""How often a search does what it need not do each time, such as keeping its state."""

from __future__ import annotations

import time

#: seconds between two times at least
LEAST = 2.0
#: how much longer the time between is than what it takes
SHARE = 50


class Pace:
    """When something is due again: after two seconds, or so that it takes a fiftieth of the time.

    What is done stands in a ``with`` statement of the object.
    """

    def __init__(self) -> None:
        self._next = time.monotonic() + LEAST

    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *error: object) -> None:
        now = time.monotonic()
        self._next = now + max(LEAST, SHARE * (now - self._began))
