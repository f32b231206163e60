"""What evaluates by a function of the user's."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from zcbench._arguments import shown
from zcbench._foreign import Foreign
from zcbench.errors import InvalidInputError
from zcbench.search._base import Objective
from zcbench.search._evaluators import Evaluation
from zcbench.types import Architecture, Status


class FunctionEvaluator:
    """A function from an architecture to a number or to numbers by name; the clock is the wall's.

    Args:
        function: called with an architecture, and with ``epochs=`` if it has that argument and fewer are wanted.
        objectives: the names that it has to give; a bare number is the only one of them.
        epochs: epochs of a whole training, if the function takes ``epochs``.
    """

    simulated = False

    def __init__(
        self, function: Callable[..., Any], objectives: Sequence[Objective], epochs: int | None = None
    ) -> None:
        if not callable(function):
            raise InvalidInputError(
                f"evaluate is {shown(function)}: give a benchmark or a function of an architecture."
            )
        self.function = function
        self.label = getattr(function, "__qualname__", type(function).__name__)
        self.objectives = tuple(objectives)
        self.epochs = epochs
        if epochs is not None and "epochs" not in inspect.signature(function).parameters:
            raise InvalidInputError(f"{self.label} takes no argument  epochs: it cannot train for some of them.")

    def evaluate(self, architecture: Architecture, epochs: int | None = None) -> Evaluation:
        """Call the function; whatever it raises is the reason why there is no number."""
        further = {} if epochs is None else {"epochs": epochs}
        began, given = time.perf_counter(), None
        with Foreign(tidy=True) as call:
            given = self.function(architecture, **further)
        seconds = {"training": time.perf_counter() - began}
        nothing = {objective.name: math.nan for objective in self.objectives}
        if call.kind is not None:
            return Evaluation(nothing, seconds, Status.FAILED, call.reason)
        try:
            values = self._numbers(given)
        except InvalidInputError as error:
            return Evaluation(nothing, seconds, Status.FAILED, str(error))
        odd = [o.name for o in self.objectives if not math.isfinite(values[o.name])]
        if odd:
            return Evaluation(values, seconds, Status.NON_FINITE, f"{odd[0]} is {values[odd[0]]}.")
        return Evaluation(values, seconds)

    def _numbers(self, given: Any) -> dict[str, float]:
        if not isinstance(given, Mapping):
            if len(self.objectives) != 1:
                raise InvalidInputError(f"evaluate gave {shown(given)}: give a number for each objective, by name.")
            given = {self.objectives[0].name: given}
        missing = [o.name for o in self.objectives if o.name not in given]
        if missing:
            raise InvalidInputError(
                f"evaluate gave no {missing[0]!r}: it gave {', '.join(map(str, given)) or 'nothing'}."
            )
        found = {}
        for name, value in given.items():
            number = getattr(value, "item", lambda value=value: value)() if np.size(value) == 1 else value
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise InvalidInputError(f"evaluate gave {shown(value)} for {name!r}: give a real number.")
            found[str(name)] = float(number)
        return found
