"""What an engine is asked to do, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from zcbench.errors import ZcbenchError

#: how often a chunk is given out again after a worker was lost
RETRIES = 2


@dataclass(frozen=True)
class Answer:
    """What became of some keys.

    Attributes:
        keys: names of what was to be computed.
        trouble: why they are not done, one sentence with the worker's name; empty if they are.
        final: whether they were given up; else they are given out again.
        fit: False where it is no fault of the keys: that worker can do nothing of this, or none can.
        said: what was computed, as plain values; None where workers write it down themselves.
    """

    keys: tuple[str, ...]
    trouble: str = ""
    final: bool = True
    fit: bool = True
    said: Any = None


class Executor(Protocol):
    """An engine that has keys computed elsewhere. It carries their names out, and "done" back, or little more.

    What is out when the iterator is closed is cancelled. One that is also a context manager keeps its connection for
    several calls in the block.
    """

    def carry_out(self, order: dict[str, Any], keys: Sequence[str], say: Callable[[str], object]) -> Iterator[Answer]:
        """Yield an answer for each chunk of keys as soon as it is done or given up.

        Args:
            order: plain values for :func:`zcbench.executors._elsewhere.perform`. Of these ``store`` is a folder that
                all machines share, ``workers`` the processes of a worker, ``chunk`` (any number if it is not there) the
                most keys that go out together, and ``at_once`` (as many as the engine has places for) the most chunks
                that are out.
            keys: names of what is to be computed.
            say: called with a sentence where the user has to know that nothing happens.

        Raises:
            EngineEndedError: it ended.
            ZcbenchError: there is no such engine.
        """


class EngineEndedError(ZcbenchError):
    """An engine has ended. Whoever asked it says what is kept; :attr:`engine` names it."""

    def __init__(self, engine: str) -> None:
        super().__init__(f"{engine} has ended. Start the same again when there is one.")
        self.engine = engine


class WorkersFailedError(ZcbenchError):
    """Workers of an engine could not do what they were given. What others computed is in the store."""


def chunks(keys: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Keys dealt out like cards, in at most so many chunks: neighbours, which may be equally slow, are kept apart."""
    return [tuple(keys[start::count]) for start in range(min(count, len(keys)))]
