"""Evaluators of proposals: a benchmark's table here, the user's function in ``_calling.py``."""

from __future__ import annotations

import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import many
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.search._base import Floats, Proposal
from zcbench.search._fidelities import fidelities
from zcbench.types import Architecture, Status


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one evaluation.

    Attributes:
        values: numbers by name, as returned; nan where there is none.
        seconds: the cost by purpose: "training", "building", "querying", "waiting".
        status: "ok" if all required numbers are there.
        detail: the reason for any other status.
    """

    values: Mapping[str, float]
    seconds: Mapping[str, float] = field(default_factory=dict)
    status: Status = Status.OK
    detail: str = ""


class Evaluator(ABC):
    """An evaluator of proposals.

    Attributes:
        label: identifies the evaluator: evaluations with the same label can be compared.
        epochs: epochs of a full training, if partial trainings are possible; otherwise None.
        levels: the available numbers of epochs, ascending; empty for every number.
        continues: whether a longer training continues where a shorter one of the same network stopped.
        simulated: whether the seconds are read from a table instead of measured.
        code: digest of user-defined code that evaluates, or of a table; "" if there is neither.
        unnamed: whether the names of its numbers are not specified.
        notes: sentences that a reader of the result needs to know.
    """

    label: str
    code: str = ""
    epochs: int | None = None
    levels: tuple[int, ...] = ()
    continues: bool = True
    simulated: bool = False
    unnamed: bool = False
    notes: Sequence[str] = ()

    @abstractmethod
    def evaluate(self, architecture: Architecture, epochs: int | None = None) -> Evaluation:
        """Evaluate an architecture; a failure is reported in the status.

        Args:
            architecture: the architecture.
            epochs: number of epochs from the first on; None for a full training.
        """

    def each(self, proposals: Sequence[Proposal]) -> Generator[tuple[int, Evaluation]]:
        """Yield positions of proposals and their evaluations, each as soon as it is available, in any order."""
        for place, proposal in enumerate(proposals):
            yield place, self.evaluate(proposal.architecture, proposal.epochs)

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Stop everything that was started; the evaluator may be used again."""


class TableEvaluator(Evaluator):
    """A benchmark's columns; the clock counts the seconds that training took when the table was made.

    Args:
        benchmark: a benchmark.
        columns: names of targets and facts to read.
        seconds: name of the fact with the training seconds of a network, or a number for all networks; default the
            benchmark's seconds for the first column, scaled to its epochs; 0 if it has none.
        objectives: the columns that a partial training has to provide; default the first column. Partial trainings are
            possible if the table has learning curves of them, or columns of shorter trainings ("…_12ep" in addition to
            "…_200ep"). Each epoch costs the same share of the seconds.
    """

    simulated = True

    def __init__(
        self,
        benchmark: Benchmark,
        columns: Sequence[str],
        seconds: str | float | None = None,
        objectives: Sequence[str] | None = None,
    ) -> None:
        self.benchmark = benchmark
        self.label = benchmark.identifier
        self.columns = {name: _column(benchmark, name) for name in columns}
        self.seconds = _seconds(benchmark, columns[0] if columns else "", seconds)
        if wrong := int(((self.seconds < 0) | np.isinf(self.seconds)).sum()):
            raise InvalidInputError(
                f"the training seconds of {many(wrong, 'network')} of {benchmark.name} are negative or infinite: "
                "give a column of seconds, or a number, as the cost."
            )
        if unknown := int(np.isnan(self.seconds).sum()):
            self.notes = [
                f"{unknown:,} of {many(len(benchmark), 'network')} have no training seconds: they are counted as 0 s."
            ]
        self.seconds = np.nan_to_num(self.seconds)
        self._objectives = tuple(columns[:1] if objectives is None else objectives)
        self._parts = fidelities(benchmark, self._objectives)
        if self._parts is not None:
            self.epochs, self.levels = self._parts.epochs, self._parts.levels
            self.continues = self._parts.continues
        self.code = self._content()

    def _content(self) -> str:
        """Return a digest of the table's content, because your own table may change and keep its version."""
        found = hashlib.sha256("\n".join(one.key for one in self.benchmark.architectures).encode())
        for name, column in self.columns.items():
            found.update(name.encode())
            found.update(column.tobytes())
            if (parts := self._parts) is not None:
                for epochs in parts.levels:
                    found.update(parts.column(name, epochs).tobytes())
        found.update(self.seconds.tobytes())
        return found.hexdigest()[:16]

    def evaluate(self, architecture: Architecture, epochs: int | None = None) -> Evaluation:
        """Read the table's values of an architecture."""
        row = int(self.benchmark.rows([architecture])[0])
        if epochs is not None:
            return self._part(row, epochs)
        values = {name: float(column[row]) for name, column in self.columns.items()}
        missing = [name for name in self._objectives if not math.isfinite(values[name])]  # searchers use only these
        status, detail = (Status.OK, "")
        if missing:
            status, detail = Status.UNSUPPORTED, f"the table has no {missing[0]} of this network."
        return Evaluation(values, {"training": float(self.seconds[row])}, status, detail)

    def _part(self, row: int, epochs: int) -> Evaluation:
        """Return the values after a partial training; columns without such values are nan."""
        if self._parts is None or not 1 <= epochs < self._parts.epochs:
            raise InvalidInputError(f"{self.label} has no value of {self._objectives[0]} after {epochs} epochs.")
        values = {name: float(self._parts.column(name, epochs)[row]) for name in self.columns}
        seconds = {"training": float(self.seconds[row]) * epochs / self._parts.epochs}
        missing = [name for name in self._objectives if not math.isfinite(values[name])]
        if not missing:
            return Evaluation(values, seconds)
        reason = f"the table has no {missing[0]} of this network after {epochs} epochs."
        return Evaluation(values, seconds, Status.UNSUPPORTED, reason)


def _column(benchmark: Benchmark, name: str) -> Floats:
    if name not in benchmark.facts and name not in benchmark.targets:
        raise UnknownNameError("column", name, [*benchmark.targets, *benchmark.facts])
    return benchmark.facts[name] if name in benchmark.facts else benchmark.truth(name)


def _seconds(benchmark: Benchmark, column: str, seconds: str | float | None) -> Floats:
    """Return the training seconds ``(n,)`` of each network."""
    rows = len(benchmark)
    if isinstance(seconds, int | float):
        return np.full(rows, rules.number("the cost", seconds, 0))
    if seconds is not None:
        return _column(benchmark, seconds)
    if "train_seconds" in benchmark.facts:
        return benchmark.facts["train_seconds"]
    wanted = re.search(r"_(\d+)ep", column)
    for name, values in benchmark.facts.items():
        found = re.fullmatch(r"train_seconds_(\d+)ep", name)
        if found and wanted:
            return values * int(wanted[1]) / int(found[1])
    return np.zeros(rows)
