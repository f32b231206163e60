"""What a searcher proposed and was not told of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Outstanding:
    """Keys of networks that were proposed, by the call of ``ask`` that proposed them.

    An answer to one call says that what was proposed in it and before will not be answered any more, say because a
    filter dropped it: it can be proposed again. Should one be answered yet, nothing is lost.
    """

    def __init__(self) -> None:
        self._call = 0
        self._calls: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, key: object) -> bool:
        return key in self._calls

    def propose(self, keys: Iterable[str]) -> None:
        """Take what one call of ``ask`` proposes."""
        self._call += 1
        self._calls.update((key, self._call) for key in keys)

    def told(self, keys: Iterable[str]) -> None:
        """Take what one call of ``tell`` answers."""
        latest = max((self._calls.get(key, 0) for key in keys), default=0)
        self._calls = {key: call for key, call in self._calls.items() if call > latest}

    def state(self) -> dict[str, Any]:
        """Everything, as JSON takes it."""
        return {"call": self._call, "calls": list(self._calls.items())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        self._call, self._calls = state["call"], dict(state["calls"])
