"""What evaluates by a function of the user's: in this process, or in several that last as long as the search."""

from __future__ import annotations

import importlib.util
import inspect
import json
import math
import numbers
import os
import pickle
import random
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._arguments import shown
from zcbench._code import called_digest
from zcbench._foreign import Foreign
from zcbench._process import stable_seed
from zcbench._workers import Begin, Crew, check_timeout
from zcbench.errors import InvalidInputError, first_line, shortened
from zcbench.search._base import Objective, Proposal
from zcbench.search._evaluators import Evaluation, Evaluator
from zcbench.types import Architecture, Status


class FunctionEvaluator(Evaluator):
    """A function from an architecture to a number or to numbers by name; the clock is the wall's.

    Before each call the global random numbers of Python, NumPy and torch get a seed that follows from ``seed``, the
    architecture and the epochs alone. An evaluation thus gives the same in whatever process and order, and when a
    search goes on that was stopped; the caller's random numbers are left as they were. What is no number of an
    objective costs the evaluation; further entries that are no numbers are left out.

    Args:
        function: called with an architecture, and with ``epochs=`` if it has that argument and fewer are wanted.
        objectives: the names that it has to give; a bare number is the only one of them.
        epochs: epochs of a whole training, if the function takes ``epochs``.
        workers: processes that call it, one thread each; 0 for this one.
        timeout: seconds that a call may take; without workers a timeout takes one.
        seed: of the search.

    Attributes:
        code: digest of the function and of what it uses; "version" and the function's attribute ``version`` where it
            has one, which then says alone whether its evaluations can be compared.

    Raises:
        InvalidInputError: it cannot be called so, or cannot be sent to other processes.
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
    ) -> None:
        if not callable(function):
            raise InvalidInputError(
                f"evaluate is {shown(function)}: give a benchmark or a function of an architecture."
            )
        self.label = shortened(str(getattr(function, "__qualname__", type(function).__name__)))
        self.epochs = None if epochs is None else rules.whole("the epochs", epochs, 1, 10**9)
        if epochs is not None and "epochs" not in _arguments_of(function):
            raise InvalidInputError(f"{self.label} takes no argument  epochs: it cannot train for some of them.")
        self.objectives = tuple(objectives)
        workers = rules.whole("workers", workers, 0, 1_000)
        check_timeout(timeout)
        self._call = _Call(function, tuple(one.name for one in objectives), seed)
        version = getattr(function, "version", None)
        self.code = called_digest(function) if version is None else f"version {shown(version)}"
        self._crew: Crew | None = None
        if workers or timeout is not None:
            self._call.pickled = _pickled(self._call, self.label)
            self._crew = Crew(self._call, max(1, workers), timeout)

    def evaluate(self, architecture: Architecture, epochs: int | None = None) -> Evaluation:
        """Call the function; whatever it raises is the reason why there is no number."""
        (found,) = (found for _, found in self.each([Proposal(architecture, epochs)]))
        return found

    def each(self, proposals: Sequence[Proposal]) -> Generator[tuple[int, Evaluation]]:
        """Yield positions of proposals and what their evaluations gave, each as soon as it is there, in any order."""
        if self._crew is None:
            for place, one in enumerate(proposals):
                yield place, self._call(one.architecture, one.epochs)
            return
        tasks = [
            (str(place), (json.dumps([one.architecture.space, one.architecture.key, one.epochs]),))
            for place, one in enumerate(proposals)
        ]
        with closing(self._crew.do(tasks)) as results:
            for key, _, found in results:
                yield int(key), found

    def close(self) -> None:
        """End the processes."""
        if self._crew is not None:
            self._crew.close()


class _Call:
    """One call, and what may come of it; as :class:`zcbench._workers.Work` it travels to processes.

    Args:
        function: the user's.
        names: of the numbers that it has to give.
        seed: of the search.
    """

    imports: tuple[str, ...] = ()
    loads_torch = False
    #: what is sent to processes in place of this
    pickled: bytes | None = None

    def __init__(self, function: Callable[..., Any], names: Sequence[str], seed: int) -> None:
        self._function, self._names, self._seed = function, tuple(names), seed

    def __call__(self, architecture: Architecture, epochs: int | None) -> Evaluation:
        further = {} if epochs is None else {"epochs": epochs}
        values, left_out = self._nothing, ""
        with _seeded(stable_seed("evaluate", self._seed, architecture.key, epochs)):
            began = time.perf_counter()
            with Foreign(tidy=True) as call:
                # What it gives is the stranger's too: its numbers are read in here.
                values, left_out = _numbers(self._function(architecture, **further), self._names)
            seconds = {"training": time.perf_counter() - began}
        if call.kind is not None:
            return Evaluation(self._nothing, seconds, Status.FAILED, call.said)
        odd = [name for name in self._names if not math.isfinite(values[name])]
        if odd:
            return Evaluation(values, seconds, Status.NON_FINITE, f"{odd[0]} is {values[odd[0]]}.")
        return Evaluation(values, seconds, Status.OK, left_out)

    @property
    def _nothing(self) -> dict[str, float]:
        return dict.fromkeys(self._names, math.nan)

    def prepare(self) -> None:
        """Keep libraries that are loaded later to one thread."""
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Evaluation]]:
        """Yield what each part, an architecture and epochs as JSON, gave."""
        for part in parts:
            begin(part)
            space, name, epochs = json.loads(part)
            yield part, self(Architecture(space, name), epochs)

    def lost(self, status: Status, reason: str, seconds: float) -> Evaluation:
        """What an evaluation gave whose process died, or was stopped."""
        return Evaluation(self._nothing, {"training": seconds}, status, reason)


def _arguments_of(function: Callable[..., Any]) -> Sequence[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of compiled code
        return ()


def _pickled(call: _Call, label: str) -> bytes:
    """What travels to processes; cloudpickle takes what stands in a notebook or in another function, too."""
    try:
        return pickle.dumps(call)
    except Exception as error:
        reason = first_line(error)
    try:
        import cloudpickle
    except ImportError:
        advice = "define it in a module, or run  pip install cloudpickle"
        raise InvalidInputError(f"{label} cannot be sent to other processes ({reason}): {advice}") from None
    try:
        return bytes(cloudpickle.dumps(call))
    except Exception as error:
        raise InvalidInputError(
            f"{label} cannot be sent to other processes ({first_line(error)}): let it open what it needs itself, or "
            "evaluate without workers and timeout."
        ) from None


def _numbers(given: Any, names: Sequence[str]) -> tuple[dict[str, float], str]:
    """What a function gave, by name, and a sentence about what was left out.

    Raises:
        InvalidInputError: there is no number for one of the names.
    """
    if not isinstance(given, Mapping):
        if len(names) != 1:
            raise InvalidInputError(f"evaluate gave {shown(given)}: give a number for each objective, by name.")
        given = {names[0]: given}
    missing = [name for name in names if name not in given]
    if missing:
        there = ", ".join(str(name) for name in list(given)[:10]) or "nothing"
        raise InvalidInputError(f"evaluate gave no {missing[0]!r}: it gave {there}.")
    found = {}
    odd = []
    for name, value in given.items():
        number = _number(value)
        if number is not None:
            found[str(name)] = number
        elif name in names:
            raise InvalidInputError(f"evaluate gave {shown(value)} for {name!r}: give a real number.")
        else:
            odd.append(str(name))
    return found, shortened(f"no numbers, left out: {', '.join(odd)}.") if odd else ""


def _number(value: Any) -> float | None:
    """A real number, also one in an array or tensor; None for anything else."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) <= 1 and math.prod(getattr(value, "shape", ())) == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    return float(value)


# -- random numbers ------------------------------------------------------------------------------------


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed everything global, and put it back."""
    before: tuple[Any, Any] = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    states = None if torch is None else (torch, torch.get_rng_state())
    random.seed(seed)
    np.random.seed(seed % 2**32)
    later = _SeedsTorch(seed)
    if torch is not None:
        torch.manual_seed(seed)
    else:
        sys.meta_path.insert(0, later)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.meta_path.remove(later)
        random.setstate(before[0])
        np.random.set_state(before[1])
        if states is not None:
            states[0].set_rng_state(states[1])


class _SeedsTorch:
    """A finder that seeds torch if it is loaded within a call: the first call gives what a later one would."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """Torch's spec, with a seed after its execution; None for other modules."""
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("torch")
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_seed(module: Any) -> None:
                execute(module)
                module.manual_seed(self._seed)

            spec.loader.exec_module = execute_and_seed  # type: ignore[method-assign]
        return spec
