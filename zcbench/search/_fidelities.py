"""What a table knows of trainings that were stopped early: learning curves, or columns of shorter trainings."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from zcbench.datasets import Benchmark
from zcbench.search._base import Floats

_EPOCHS = re.compile(r"(.*_)([0-9]{1,6})ep(.*)")


class Fidelities(ABC):
    """Values after some epochs.

    Attributes:
        epochs: of a whole training.
        levels: the numbers of epochs that can be asked for, ascending; empty for every number.
        continues: whether a longer training goes on where a shorter one stopped, and so pays for the rest alone.
    """

    epochs: int
    levels: tuple[int, ...] = ()
    continues: bool = True

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark
        self._known: dict[tuple[str, int], Floats] = {}

    def column(self, name: str, epochs: int) -> Floats:
        """A column ``(n,)`` as it is after so many epochs; nan where the table does not tell."""
        if (name, epochs) not in self._known:
            facts = self._benchmark.facts
            self._known[name, epochs] = facts[name] if name in facts else self._column(name, epochs)
        return self._known[name, epochs]

    @abstractmethod
    def _column(self, name: str, epochs: int) -> Floats:
        """A target after so many epochs."""

    def _nothing(self) -> Floats:
        return np.full(len(self._benchmark), np.nan)


class Curves(Fidelities):
    """Learning curves: the mean over seeds of what was measured after each epoch.

    Args:
        benchmark: a table with curves of one length.
        epochs: that length.
    """

    def __init__(self, benchmark: Benchmark, epochs: int) -> None:
        super().__init__(benchmark)
        self.epochs = epochs

    def _column(self, name: str, epochs: int) -> Floats:
        if name not in self._benchmark.curves or self._benchmark.curves[name].shape[2] < epochs:
            return self._nothing()
        values = np.asarray(self._benchmark.curves[name][:, :, epochs - 1], np.float64)
        counted = np.isfinite(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = np.where(counted, values, 0).sum(1) / counted.sum(1)
        return mean


class Columns(Fidelities):
    """Columns of shorter trainings, "valid_accuracy_12ep" beside "valid_accuracy_108ep": each is a training of its own.

    Args:
        benchmark: a table with such columns.
        levels: epochs of all trainings.
    """

    continues = False

    def __init__(self, benchmark: Benchmark, levels: Sequence[int]) -> None:
        super().__init__(benchmark)
        self.levels = tuple(sorted(levels))
        self.epochs = self.levels[-1]

    def _column(self, name: str, epochs: int) -> Floats:
        found = _EPOCHS.fullmatch(name)
        shorter = "" if found is None else f"{found[1]}{epochs}ep{found[3]}"
        return self._benchmark.truth(shorter) if shorter in self._benchmark.targets else self._nothing()


def fidelities(benchmark: Benchmark, objectives: Sequence[str]) -> Fidelities | None:
    """What the table knows of shorter trainings of all objectives; None if of one of them it knows nothing.

    Facts do not depend on epochs. Curves have to be of one length; columns have to name the same numbers of epochs.
    """
    trained = [name for name in objectives if name in benchmark.targets]
    if not trained:
        return None
    if all(name in benchmark.curves for name in trained):
        lengths = {benchmark.curves[name].shape[2] for name in trained}
        return Curves(benchmark, lengths.pop()) if len(lengths) == 1 and lengths != {1} else None
    if any(_EPOCHS.fullmatch(name) is None for name in trained):
        return None
    several = [_levels(benchmark, name) for name in trained]
    levels = set.intersection(*map(set, several))
    same = len({max(one) for one in several}) == 1 and max(several[0]) in levels
    return Columns(benchmark, sorted(levels)) if same and len(levels) > 1 else None


def _levels(benchmark: Benchmark, name: str) -> list[int]:
    """Epochs of the columns that differ from a column in theirs alone, up to its own."""
    own = _EPOCHS.fullmatch(name)
    assert own is not None  # the caller has looked
    found = [match for match in map(_EPOCHS.fullmatch, benchmark.targets) if match is not None]
    return [int(m[2]) for m in found if (m[1], m[3]) == (own[1], own[3]) and int(m[2]) <= int(own[2])]
