"""Values of a table after partial trainings: from learning curves, or from columns of shorter trainings."""

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
        epochs: epochs of a full training.
        levels: the available numbers of epochs, ascending; empty for every number.
        continues: whether a longer training continues where a shorter one stopped, and costs only the remaining epochs.
    """

    epochs: int
    levels: tuple[int, ...] = ()
    continues: bool = True

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark
        self._known: dict[tuple[str, int], Floats] = {}

    def column(self, name: str, epochs: int) -> Floats:
        """Return a column ``(n,)`` after some epochs; nan where the table has no value."""
        if (name, epochs) not in self._known:
            facts = self._benchmark.facts
            self._known[name, epochs] = facts[name] if name in facts else self._column(name, epochs)
        return self._known[name, epochs]

    @abstractmethod
    def _column(self, name: str, epochs: int) -> Floats:
        """Return a target after some epochs."""

    def _nothing(self) -> Floats:
        return np.full(len(self._benchmark), np.nan)


class Curves(Fidelities):
    """Learning curves: the mean over seeds of the values after each epoch.

    Args:
        benchmark: a benchmark with curves of one length.
        epochs: this length.
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
    """Columns of separate shorter trainings, such as "valid_accuracy_12ep" in addition to "valid_accuracy_108ep".

    Args:
        benchmark: a benchmark with such columns.
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
    """Return a table's values after shorter trainings of all objectives; None if one objective has none.

    Facts do not depend on epochs. Curves must have one length; columns must exist for the same numbers of epochs.
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
    """Return the epochs of the columns that differ from a column only in the epochs, up to its own."""
    own = _EPOCHS.fullmatch(name)
    assert own is not None  # the caller has checked
    found = [match for match in map(_EPOCHS.fullmatch, benchmark.targets) if match is not None]
    return [int(m[2]) for m in found if (m[1], m[3]) == (own[1], own[3]) and int(m[2]) <= int(own[2])]
