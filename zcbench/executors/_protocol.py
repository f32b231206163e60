"""The interface of executors: their orders and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from zcbench.errors import ZcbenchError

#: how often a chunk is sent again after a worker was lost
RETRIES = 2


@dataclass(frozen=True)
class Answer:
    """The outcome for some keys.

    Attributes:
        keys: names of the results to compute.
        trouble: why they are not done, one sentence with the worker's name; empty if they are.
        final: whether they have failed for good; otherwise they are sent again.
        fit: False if the reason is not the keys: this worker, or every worker, cannot compute any of them.
        said: the results, as plain values; None if workers record them themselves.
    """

    keys: tuple[str, ...]
    trouble: str = ""
    final: bool = True
    fit: bool = True
    said: Any = None


class Executor(Protocol):
    """An executor that has keys computed elsewhere. It sends their names, and returns whether they are done.

    Pending work is cancelled when the iterator is closed. An executor that is also a context manager keeps its
    connection for several calls in the block.
    """

    def carry_out(self, order: dict[str, Any], keys: Sequence[str], say: Callable[[str], object]) -> Iterator[Answer]:
        """Yield an answer for each chunk of keys as soon as it is done or has failed.

        Args:
            order: plain values for :func:`zcbench.executors._elsewhere.perform`. ``store`` is a folder that all
                machines share, ``workers`` the number of processes of a worker, ``chunk`` (by default any number) the
                largest number of keys in a chunk, and ``at_once`` (by default the executor's capacity) the largest
                number of pending chunks.
            keys: names of the results to compute.
            say: called with a sentence if the user should know that nothing is being computed.

        Raises:
            EngineEndedError: the executor has ended.
            ZcbenchError: there is no such executor.
        """


class EngineEndedError(ZcbenchError):
    """An executor has ended. The caller reports what is kept; :attr:`engine` names the executor."""

    def __init__(self, engine: str) -> None:
        super().__init__(f"{engine} has ended. Start the same command again when it is back.")
        self.engine = engine


class WorkersFailedError(ZcbenchError):
    """Workers of an executor could not compute their keys. Results of other workers are in the store."""


def chunks(keys: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Distribute keys to at most ``count`` chunks so that neighbours, which may be equally slow, are separated."""
    return [tuple(keys[start::count]) for start in range(min(count, len(keys)))]
