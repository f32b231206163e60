"""Call a user's function for an architecture, in any process; the outcome is its numbers, or the reason for a failure.

This module imports as little as possible, so that a process that makes calls starts faster.
"""

from __future__ import annotations

import importlib.util
import json
import math
import numbers
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np

from zcbench._arguments import shown
from zcbench._foreign import Foreign
from zcbench._process import stable_seed
from zcbench.errors import InvalidInputError, shortened
from zcbench.types import Architecture, Status


class Outcome(NamedTuple):
    """The result of a call: numbers by name (nan where missing), seconds by kind of work, the reason of a failure."""

    values: dict[str, float]
    seconds: dict[str, float]
    status: Status = Status.OK
    detail: str = ""


class Call:
    """A call of one user function.

    Args:
        function: the user's function.
        names: names of the numbers that it must return.
        seed: seed of the search.
    """

    def __init__(self, function: Callable[..., Any], names: Sequence[str], seed: int) -> None:
        self.function, self.names, self._seed = function, tuple(names), seed

    def __call__(self, architecture: Architecture, epochs: int | None) -> Outcome:
        further = {} if epochs is None else {"epochs": epochs}
        values: dict[str, float] = {}
        left_out = ""
        with _seeded(stable_seed("evaluate", self._seed, architecture.key, epochs)):
            began = time.perf_counter()
            with Foreign(tidy=True) as call:
                # Reading the numbers runs user code too, so it is done inside this block.
                values, left_out = _numbers(self.function(architecture, **further), self.names)
            seconds = {"training": time.perf_counter() - began}
        if call.kind is not None:
            return Outcome(self._nothing, seconds, Status.FAILED, call.said)
        if missing := [name for name in self.names if name not in values]:
            there = ", ".join(list(values)[:10]) or "no numbers"
            reason = f"evaluate returned no {missing[0]!r}: it returned {there}."
            return Outcome({**self._nothing, **values}, seconds, Status.FAILED, reason)
        odd = [name for name in self.names if not math.isfinite(values[name])]
        if odd:
            return Outcome(values, seconds, Status.NON_FINITE, f"{odd[0]} is {values[odd[0]]}.")
        return Outcome(values, seconds, Status.OK, left_out)

    @property
    def _nothing(self) -> dict[str, float]:
        return dict.fromkeys(self.names, math.nan)

    @staticmethod
    def prepare() -> None:
        """Limit libraries that are loaded later to one thread."""
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)

    def results(
        self, key: str, parts: Sequence[str], begin: Callable[[str], object] = str
    ) -> Iterator[tuple[str, Outcome]]:
        """Yield the outcome of each part; a part is an architecture and epochs as JSON."""
        for part in parts:
            begin(part)
            space, name, epochs = json.loads(part)
            yield part, self(Architecture(space, name), epochs)


def nothing(names: Sequence[str], status: Status, reason: str, seconds: float) -> Outcome:
    """Return the outcome of a call whose process died or was stopped."""
    return Outcome(dict.fromkeys(names, math.nan), {"training": seconds}, status, reason)


def _numbers(given: Any, names: Sequence[str]) -> tuple[dict[str, float], str]:
    """Return the numbers that a function returned, by name, and a sentence about ignored values.

    Names that the function did not return are missing.

    Raises:
        InvalidInputError: the value for one of the names is not a number.
    """
    if not isinstance(given, Mapping):
        if len(names) != 1:
            raise InvalidInputError(f"evaluate returned {shown(given)}: return a number for each objective, by name.")
        given = {names[0]: given}
    found = {}
    odd = []
    for name, value in given.items():
        number = _number(value)
        if number is not None:
            found[str(name)] = number
        elif name in names:
            raise InvalidInputError(f"evaluate returned {shown(value)} for {name!r}: return a real number.")
        else:
            odd.append(str(name))
    return found, shortened(f"ignored, because they are not numbers: {', '.join(odd)}.") if odd else ""


def _number(value: Any) -> float | None:
    """Return a real number, also from an array or tensor with one element; None for anything else."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) <= 1 and math.prod(getattr(value, "shape", ())) == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    return float(value)


# -- random numbers ------------------------------------------------------------------------------------


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed all global random generators, and restore them afterwards."""
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
    """An import finder that seeds torch if a call loads it first, so that every call gives the same result."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """Return torch's spec, which seeds torch after its execution; None for other modules."""
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
