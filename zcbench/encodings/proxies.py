"""Scores of training-free proxies, and other columns of a table, as features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from zcbench._arguments import all_text
from zcbench.encodings._base import Encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.proxies import resolve, score_architecture
from zcbench.types import Architecture, Batch, SearchSpace

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

#: What "proxies" without brackets measures: one pass of each kind, none that trains.
DEFAULT = ("params", "flops", "num_layers", "synflow_log", "naswot", "jacov", "grad_norm", "snip", "zen")


class ColumnEncoding(Encoding):
    """Numbers that a table has of each architecture, one column each; nan where there is none.

    Args:
        names: of the columns.
    """

    told = True

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__("columns", self._look_up)
        self.names = tuple(names)

    @classmethod
    def of(cls, benchmark: Benchmark, names: Iterable[str] | None = None) -> ColumnEncoding:
        """The columns of a benchmark, or of your own table (:func:`zcbench.own_benchmark`); default all its facts.

        Raises:
            UnknownNameError: there is no such column.
            InvalidInputError: the table has none besides the target.
        """
        chosen = sorted(benchmark.facts) if names is None else all_text("names of columns", names)
        for name in chosen:
            if name not in benchmark.facts:
                raise UnknownNameError("column", name, benchmark.facts)
        if not chosen:
            raise InvalidInputError(f"{benchmark.source} has no columns of numbers besides the target.")
        encoding = cls(chosen)
        encoding.remember(benchmark.architectures, benchmark.facts)
        return encoding

    def remember(self, architectures: Sequence[Architecture], columns: Mapping[str, ArrayLike]) -> None:
        """Take the numbers of ``n`` architectures: by name of the column, ``(n,)``.

        Raises:
            InvalidInputError: a column is missing or has another length.
        """
        self._known.update(zip(architectures, stacked(self, self.names, architectures, columns), strict=True))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__  # what it knows cannot be found again

    def _look_up(self, space: SearchSpace, architecture: Architecture) -> np.ndarray:
        if not self.names:
            raise InvalidInputError(
                "say whose columns: ColumnEncoding.of(benchmark), or  zcbench run my.csv --predictors …"
            )
        raise InvalidInputError(f"the table has no row of {architecture}: its columns cannot encode it.")


def stacked(
    encoding: Encoding, names: Sequence[str], architectures: Sequence[Architecture], columns: Mapping[str, ArrayLike]
) -> np.ndarray:
    """Columns side by side, ``(architectures, names)``; InvalidInputError if one is missing or has another length."""
    if missing := [name for name in names if name not in columns]:
        raise InvalidInputError(f"{encoding.name} needs {', '.join(missing)} too.")
    found = [np.asarray(columns[name], np.float64) for name in names]
    if any(column.shape != (len(architectures),) for column in found):
        raise InvalidInputError(f"{encoding.name}: give one number of each column for each architecture.")
    return np.stack(found, axis=1) if found else np.zeros((len(architectures), 0))


class ProxyEncoding(Encoding):
    """Scores of proxies, one column each; nan where a proxy has none.

    Scores that are not known yet are measured: the network is built and scored on a batch. What was measured elsewhere
    (a store of records, a paper's table) is given with :meth:`remember`.

    Args:
        members: labels or patterns of proxies; default :data:`DEFAULT`.
        batch: what the networks see; default 32 samples of noise, or of Python's help texts for language models.
        classes: number of outputs of the networks.
        seed: decides the networks' weights.
        space: the search space, if it is not a registered one.

    Raises:
        UnknownNameError: there is no such proxy.
    """

    def __init__(
        self,
        members: Iterable[str] | None = None,
        *,
        batch: Batch | None = None,
        classes: int = 10,
        seed: int = 0,
        space: SearchSpace | None = None,
    ) -> None:
        self._members = tuple(info.label for info in resolve(DEFAULT if members is None else members))
        name = "proxies" if members is None else f"proxies({'+'.join(self._members)})"
        super().__init__(name, self._measure, space=space)
        self.batch = batch
        self.classes = classes
        self.seed = seed

    @property
    def members(self) -> tuple[str, ...]:
        """Labels of the proxies."""
        return self._members

    def remember(self, architectures: Sequence[Architecture], scores: Mapping[str, ArrayLike]) -> None:
        """Take scores that were measured elsewhere.

        Args:
            architectures: ``n`` of them.
            scores: by label of each member, ``(n,)``; nan where there is none.

        Raises:
            InvalidInputError: a member is missing or has another length.
        """
        self._known.update(zip(architectures, stacked(self, self._members, architectures, scores), strict=True))
        self.told = True  # what would be measured here may have seen other samples

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__  # what it was told cannot be found again

    def _measure(self, space: SearchSpace, architecture: Architecture) -> np.ndarray:
        batch = self.batch if self.batch is not None else stand_in(space)
        scores = score_architecture(
            lambda: space, architecture, self._members, batch, classes=self.classes, seed=self.seed
        )
        found = {label: float(score) for label, score in scores}
        return np.array([found[member] for member in self._members])


def stand_in(space: SearchSpace) -> Batch:
    """What a space's networks see where nothing better is known: 32 samples of noise, or of Python's help texts."""
    from zcbench.batches import get_batch

    if len(space.input_shape) != 3:
        return get_batch("pydoc", 32)
    channels, side, _ = space.input_shape
    noise = get_batch(f"noise@{side}", 32)
    return Batch(noise.map(lambda images: images[:, :channels]), noise.targets, noise.provenance)
