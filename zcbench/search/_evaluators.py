"""What evaluates a proposal: a benchmark's table here, a function of the user's in ``_calling.py``."""

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


class Evaluator(ABC):
    """What evaluates proposals.

    Attributes:
        label: what identifies it: evaluations of one label can be compared.
        epochs: epochs of a whole training, where parts of it can be asked for; None otherwise.
        levels: the numbers of epochs that can be asked for, ascending; empty for every number.
        continues: whether a longer training goes on where a shorter one of the same network stopped.
        simulated: whether the seconds are a table's, and not the clock's.
        code: digest of strangers' code that evaluates, or of a table; "" where there is neither.
        unnamed: whether nobody has said what its numbers are called.
        notes: sentences that whoever reads the result has to know.
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
        """Evaluate an architecture; what goes wrong with one is in its status.

        Args:
            architecture: what is evaluated.
            epochs: how many it is trained for, from the first on; None for all.
        """

    def each(self, proposals: Sequence[Proposal]) -> Generator[tuple[int, Evaluation]]:
        """Yield positions of proposals and what their evaluations gave, each as soon as it is there, in any order."""
        for place, proposal in enumerate(proposals):
            yield place, self.evaluate(proposal.architecture, proposal.epochs)

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what it has started; it may be used again."""


class TableEvaluator(Evaluator):
    """A benchmark's column: the clock is the seconds that training took when the table was made.

    Args:
        benchmark: a table.
        columns: names of targets and facts that are looked up.
        seconds: name of the fact that holds the training seconds of a network, or a number for all; default what the
            benchmark tells of the first column, scaled to its epochs; 0 where it tells nothing.
        objectives: the columns that a part of a training has to give; default the first. Where the table has learning
            curves of them, or columns of shorter trainings ("…_12ep" beside "…_200ep"), parts can be asked for. Each
            epoch costs the same share of the seconds.
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
                "name a column of seconds, or give a number, as the cost."
            )
        if unknown := int(np.isnan(self.seconds).sum()):
            self.notes = [f"{unknown:,} of {many(len(benchmark), 'network')} have no training seconds: they count 0 s."]
        self.seconds = np.nan_to_num(self.seconds)
        self._objectives = tuple(columns[:1] if objectives is None else objectives)
        self._parts = fidelities(benchmark, self._objectives)
        if self._parts is not None:
            self.epochs, self.levels = self._parts.epochs, self._parts.levels
            self.continues = self._parts.continues
        self.code = self._content()

    def _content(self) -> str:
        """Digest of what can be looked up: a table of one's own may change and keep its version."""
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
        """Look an architecture up."""
        row = int(self.benchmark.rows([architecture])[0])
        if epochs is not None:
            return self._part(row, epochs)
        values = {name: float(column[row]) for name, column in self.columns.items()}
        missing = [name for name in self._objectives if not math.isfinite(values[name])]  # no searcher sees the others
        status, detail = (Status.OK, "")
        if missing:
            status, detail = Status.UNSUPPORTED, f"the table has no {missing[0]} of this network."
        return Evaluation(values, {"training": float(self.seconds[row])}, status, detail)

    def _part(self, row: int, epochs: int) -> Evaluation:
        """What a training of fewer epochs gave; columns that it does not tell of are nan."""
        if self._parts is None or not 1 <= epochs < self._parts.epochs:
            raise InvalidInputError(f"{self.label} does not tell what {self._objectives[0]} is after {epochs} epochs.")
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
    """Training seconds ``(n,)`` of each network."""
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
