"""Proposals of a searcher without a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Outstanding:
    """Keys of proposed networks, by the call of ``ask`` that proposed them.

    When proposals of one call have a result, the remaining ones of this call and of earlier calls are regarded as not
    to be evaluated, for example because a filter rejected them, and can be proposed again. A later result of them is
    still accepted.
    """

    def __init__(self) -> None:
        self._call = 0
        self._calls: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, key: object) -> bool:
        return key in self._calls

    def propose(self, keys: Iterable[str]) -> None:
        """Record the proposals of one call of ``ask``."""
        self._call += 1
        self._calls.update((key, self._call) for key in keys)

    def told(self, keys: Iterable[str]) -> None:
        """Record the results of one call of ``tell``."""
        latest = max((self._calls.get(key, 0) for key in keys), default=0)
        self._calls = {key: call for key, call in self._calls.items() if call > latest}

    def state(self) -> dict[str, Any]:
        """Return the whole state, as JSON-compatible values."""
        return {"call": self._call, "calls": list(self._calls.items())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        self._call, self._calls = state["call"], dict(state["calls"])
