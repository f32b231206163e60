"""Evaluation by the user's function: in this process, in several processes, or on the machines of an executor."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from zcbench import _arguments as rules
from zcbench._arguments import shown
from zcbench._calls import Call
from zcbench._code import called_digest
from zcbench._workers import Crew, check_timeout
from zcbench.errors import InvalidInputError, shortened
from zcbench.executors import EngineCrew, Executor, Sent, get_executor
from zcbench.search._base import Objective, Proposal
from zcbench.search._evaluators import Evaluation, Evaluator
from zcbench.types import Architecture


class FunctionEvaluator(Evaluator):
    """A function from an architecture to a number or to a mapping from names to numbers; the clock is the wall clock.

    Before each call, the global random generators of Python, NumPy and torch get a seed that depends only on ``seed``,
    the architecture and the epochs. An evaluation therefore gives the same result in any process and any order, and
    after a search is resumed. The caller's random generators are restored. If an objective's value is not a number, the
    evaluation fails; other values that are not numbers are omitted.

    Args:
        function: called with an architecture, and with ``epochs=`` if it has that argument and fewer are requested.
        objectives: the names that it has to return; a single number is the value of the only objective.
        epochs: epochs of a full training, if the function takes ``epochs``.
        workers: processes that call it, one thread each; 0 for this process. With an executor, the largest number of
            calls at once; 0 for the executor's capacity.
        timeout: seconds that a call may take; with ``workers=0``, a timeout uses one worker process.
        seed: seed of the search.
        executor: where it is called, as in :func:`zcbench.search`.
        folder: folder that the executor's machines share, for its files.

    Attributes:
        code: digest of the function and of the code that it uses; or "version" and the function's attribute ``version``
            if it has one, which then alone determines whether evaluations can be compared.

    Raises:
        InvalidInputError: the function cannot be called in this way, or cannot be sent to other processes.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        objectives: Sequence[Objective],
        epochs: int | None = None,
        *,
        workers: int = 0,
        timeout: float | None = None,
        seed: int = 0,
        executor: str | Executor | None = None,
        folder: str | os.PathLike[str] = ".",
    ) -> None:
        if not callable(function):
            raise InvalidInputError(
                f"evaluate is {shown(function)}: give a benchmark or a function of an architecture."
            )
        self.label = shortened(str(getattr(function, "__qualname__", type(function).__name__)))
        self.epochs = None if epochs is None else rules.whole("the epochs", epochs, 1, 10**9)
        if epochs is not None and "epochs" not in _arguments_of(function):
            raise InvalidInputError(f"{self.label} has no argument epochs: it cannot train for some of the epochs.")
        self.objectives = tuple(objectives)
        workers = rules.whole("workers", workers, 0, 1_000)
        check_timeout(timeout)
        self._call = Call(function, tuple(one.name for one in objectives), seed)
        version = getattr(function, "version", None)
        self.code = called_digest(function) if version is None else f"version {shown(version)}"
        self._crew: Crew | EngineCrew | None = None
        if (engine := executor_of(executor)) is not None:
            sent = Sent.of(self._call, self.label, "evaluate here, without an executor", by_value=True)
            self._crew = EngineCrew(engine, sent, Path(folder), workers, timeout)
        elif workers or timeout is not None:
            sent = Sent.of(self._call, self.label, "evaluate without workers and timeout", by_value=False)
            self._crew = Crew(sent, max(1, workers), timeout)

    def evaluate(self, architecture: Architecture, epochs: int | None = None) -> Evaluation:
        """Call the function; if it raises, the exception is the reason for the missing number."""
        (found,) = (found for _, found in self.each([Proposal(architecture, epochs)]))
        return found

    def each(self, proposals: Sequence[Proposal]) -> Generator[tuple[int, Evaluation]]:
        """Yield positions of proposals and their evaluations, each as soon as it is available, in any order."""
        if self._crew is None:
            for place, one in enumerate(proposals):
                yield place, Evaluation(*self._call(one.architecture, one.epochs))
            return
        tasks = [
            (str(place), (json.dumps([one.architecture.space, one.architecture.key, one.epochs]),))
            for place, one in enumerate(proposals)
        ]
        with closing(self._crew.do(tasks)) as results:
            for key, _, found in results:
                yield int(key), Evaluation(*found)

    def close(self) -> None:
        """Stop the processes."""
        if self._crew is not None:
            self._crew.close()


def _arguments_of(function: Callable[..., Any]) -> Sequence[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of compiled code
        return ()


def executor_of(given: str | Executor | None) -> Executor | None:
    """Return the executor that is given by name or as an object; None for processes of this machine.

    Raises:
        UnknownNameError: there is no such executor, or no such setting.
        InvalidInputError: the object is no executor, or the text is malformed.
        MissingDependencyError: the executor's package is not installed.
    """
    if isinstance(given, str):
        return get_executor(given)
    if given is not None and not callable(getattr(given, "carry_out", None)):
        raise InvalidInputError(f"executor {shown(given)}: give its name, or an object with a method carry_out.")
    return given
