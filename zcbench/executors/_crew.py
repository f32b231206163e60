"""Calls of a user's function on the machines of an executor, one chunk each; the answers contain the results."""

from __future__ import annotations

import base64
import json
import pickle
import sys
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from zcbench import devices
from zcbench._calls import Outcome
from zcbench._display import many
from zcbench._files import cannot_write
from zcbench._workers import Task, in_parallel
from zcbench.errors import ZcbenchError, shortened
from zcbench.executors._protocol import Answer, EngineEndedError, Executor
from zcbench.executors._sent import Sent
from zcbench.types import Status


class EngineWarning(UserWarning):
    """A warning about an executor that is still working."""


class EngineCrew:
    """Calls a function on the machines of an executor, like :class:`zcbench._workers.Crew`; each call is a process.

    If a call kills its process or takes too long, only its own result is lost. The same applies if its machine was lost
    three times. A machine that cannot make the calls at all gets no further ones.

    Args:
        executor: the executor.
        work: the function to call.
        folder: folder that all machines share, for the executor's files; it is created.
        at_once: largest number of calls at once; 0 for the executor's capacity.
        timeout: seconds that a call may take, from its start.

    An :class:`EngineWarning` informs the user meanwhile that there is no worker, or that a call is repeated.
    """

    def __init__(
        self,
        executor: Executor,
        work: Sent,
        folder: Path,
        at_once: int,
        timeout: float | None,
    ) -> None:
        from zcbench import __version__

        self.work, self._executor = work, executor
        self._folder = folder.absolute()
        self._stack: ExitStack | None = None
        self._order = {
            "compute": f"{__name__}:compute",
            "device": devices.chosen(),
            "version": __version__,
            "folder": str(Path.cwd()),
            "store": str(self._folder),
            "chunk": 1,
            "at_once": at_once or None,
            "workers": 1,
            "timeout": timeout,
            "path": [str(Path(place).absolute()) for place in sys.path],
            "work": base64.b64encode(pickle.dumps(work)).decode(),
        }

    def do(self, tasks: Iterable[Task]) -> Generator[tuple[str, str, Outcome]]:
        """Yield (key, part, result) of tasks, each result as soon as it exists; pending calls are cancelled at the end.

        Raises:
            ZcbenchError: there is no such executor, it ended, or none of its machines can make the calls.
            StoreError: the folder cannot be created.
        """
        self._begin()
        waiting = {json.dumps([key, part]): (key, part) for key, parts in tasks for part in parts}
        answers = iter(self._executor.carry_out(self._order, list(waiting), _warn))
        try:
            for answer in answers:
                if answer.trouble and not answer.final:
                    _warn(f"an evaluation is computed again: {shortened(answer.trouble)}")
                    continue
                for name in answer.keys:
                    key, part = waiting.pop(name)
                    yield key, part, self._outcome(answer, name)
            if waiting:
                raise ZcbenchError(f"the executor ended without an answer for {many(len(waiting), 'evaluation')}.")
        except EngineEndedError as error:
            raise ZcbenchError(
                f"{error.engine} has ended. The ledger's content is kept: start the same search again when it is back."
            ) from None
        finally:
            if isinstance(answers, Generator):
                answers.close()

    def _begin(self) -> None:
        """Open the executor's connection at the first call, and keep it."""
        if self._stack is None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise cannot_write(self._folder, error, "choose another place for the ledger.") from None
            self._stack = ExitStack()
            if isinstance(self._executor, AbstractContextManager):
                self._stack.enter_context(self._executor)

    def _outcome(self, answer: Answer, name: str) -> Outcome:
        if not answer.trouble:
            values, seconds, status, detail = answer.said[name]
            return Outcome(values, seconds, Status(status), detail)
        if not answer.fit:
            raise ZcbenchError(
                f"the function could not be called: {answer.trouble} The ledger's content is kept: start the same "
                "search again to resume it."
            )
        return self.work.lost(Status.FAILED, shortened(answer.trouble), 0.0)  # the duration is unknown

    def close(self) -> None:
        """Close the connection."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None


def _warn(sentence: str) -> None:
    warnings.warn(sentence, EngineWarning, stacklevel=2)


def compute(order: dict[str, Any], keys: Sequence[str]) -> dict[str, list[Any]]:
    """Return the results of calls by key, on the machine that makes them.

    Raises:
        ZcbenchError: this machine cannot make them.
    """
    known = set(sys.path)
    sys.path += [place for place in order["path"] if place not in known and Path(place).exists()]
    work: Sent = pickle.loads(base64.b64decode(order["work"]))
    found = {}
    for key in keys:
        _, part = json.loads(key)
        for _, _, outcome in in_parallel(work, [(key, (part,))], order["workers"], order["timeout"]):
            found[key] = [outcome.values, outcome.seconds, str(outcome.status), outcome.detail]
    return found
