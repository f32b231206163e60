"""What evaluates a proposal: a benchmark's table, or a function of the user's."""

from __future__ import annotations

import inspect
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from zcbench._arguments import shown
from zcbench._foreign import Foreign
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError
from zcbench.search._base import Floats, Objective
from zcbench.types import Architecture, Status


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation gave.

    Attributes:
        values: numbers by name, as they are; nan where there is none.
        seconds: what it cost, by what for: "training", "building", "querying", "waiting".
        status: "ok" if it gave what it was asked for.
        detail: the reason where it did not.
    """

    values: Mapping[str, float]
    seconds: Mapping[str, float] = field(default_factory=dict)
    status: Status = Status.OK
    detail: str = ""


class Evaluator(Protocol):
    """What evaluates proposals.

    Attributes:
        label: what identifies it: evaluations of one label can be compared.
        epochs: epochs of a whole training, where parts of it can be asked for; None otherwise.
        simulated: whether the seconds are a table's, and not the clock's.
    """

    label: str
    epochs: int | None
    simulated: bool

    def evaluate(self, architecture: Architecture, epochs: int | None = None) -> Evaluation:
        """Evaluate an architecture; what goes wrong with one is in its status."""


class TableEvaluator:
    """A benchmark's column: the clock is the seconds that training took when the table was made.

    Args:
        benchmark: a table.
        columns: names of targets and facts that are looked up.
        seconds: name of the fact that holds the training seconds of a network, or a number for all; default what the
            benchmark tells of the first column, scaled to its epochs; 0 where it tells nothing.
    """

    simulated = True
    epochs: int | None = None

    def __init__(self, benchmark: Benchmark, columns: Sequence[str], seconds: str | float | None = None) -> None:
        self.benchmark = benchmark
        self.label = benchmark.identifier
        self.columns = {name: _column(benchmark, name) for name in columns}
        self.seconds = _seconds(benchmark, columns[0], seconds)
        self._row = {architecture: row for row, architecture in enumerate(benchmark.architectures)}

    def evaluate(self, architecture: Architecture, epochs: int | None = None) -> Evaluation:
        """Look an architecture up."""
        row = self._row[architecture]
        values = {name: float(column[row]) for name, column in self.columns.items()}
        missing = [name for name, value in values.items() if not math.isfinite(value)]
        status, detail = (Status.OK, "")
        if missing:
            status, detail = Status.UNSUPPORTED, f"the table has no {missing[0]} of this network."
        return Evaluation(values, {"training": float(self.seconds[row])}, status, detail)


def _column(benchmark: Benchmark, name: str) -> Floats:
    return benchmark.facts[name] if name in benchmark.facts else benchmark.truth(name)


def _seconds(benchmark: Benchmark, column: str, seconds: str | float | None) -> Floats:
    """Training seconds ``(n,)`` of each network."""
    rows = len(benchmark)
    if isinstance(seconds, int | float):
        return np.full(rows, float(seconds))
    if seconds is not None:
        return np.nan_to_num(_column(benchmark, seconds))
    if "train_seconds" in benchmark.facts:
        return np.nan_to_num(benchmark.facts["train_seconds"])
    wanted = re.search(r"_(\d+)ep", column)
    for name, values in benchmark.facts.items():
        found = re.fullmatch(r"train_seconds_(\d+)ep", name)
        if found and wanted:
            return np.nan_to_num(values) * int(wanted[1]) / int(found[1])
    return np.zeros(rows)


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
