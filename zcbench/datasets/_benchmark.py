"""A benchmark: a search space and a table of training results. It does not depend on scorers."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from zcbench import _arguments as rules
from zcbench._display import brief, many, plain
from zcbench.datasets._paths import without_folders
from zcbench.datasets._trainings import complete_repeats
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Architecture, SearchSpace, Target

if TYPE_CHECKING:
    from torch import nn

    from zcbench.datasets._own_source import OwnSource
    from zcbench.metrics import Estimate

Floats = NDArray[np.float64]


class Rows(tuple[Architecture, ...]):
    """Architectures of a benchmark with a reference to their table, for predictors that use its columns.

    Slices have the reference too. Otherwise the class behaves as a tuple.

    Args:
        architectures: rows of the table, or some of them.
        table: the benchmark.
    """

    table: Benchmark

    def __new__(cls, architectures: Iterable[Architecture], table: Benchmark) -> Self:
        """Make a tuple of architectures with a reference to their table."""
        made = super().__new__(cls, architectures)
        made.table = table
        return made

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return Rows(found, self.table) if isinstance(place, slice) else found

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)  # a pickle of some rows does not contain the table


@dataclass(frozen=True, eq=False, repr=False)
class Benchmark:
    """Architectures and their measured results.

    Attributes:
        name: name of the benchmark.
        version: increased whenever the table changes; results of different versions are never mixed.
        space: search space of the architectures.
        architectures: rows of the table.
        targets: columns by name.
        values: by target, ``(architectures, seeds)``; nan where a seed was not run. Sources that publish only an
            average have one column.
        default_target: the target of correlations if no other is given.
        seeds: by target, the seed of each column; empty where the source does not distinguish seeds (averages).
        curves: by target, ``(architectures, seeds, epochs)``.
        facts: other columns ``(architectures,)``: training cost in seconds, parameters, FLOPs.
        texts: columns of categories, a text for each architecture; "" where it is missing.
        requested: names of facts and texts that a user chose as features of predictors. They are used even if
            :func:`zcbench.datasets.suspicious_columns` names them; empty for no choice.
        classes: number of outputs of the networks by data set.
        batches: by data set, the replacement for a data set without samples in zcbench.
        source: the source of the table, in words.
        notes: sentences about excluded or changed rows and columns.
        tasks: name of the fact that distinguishes tasks, if the table has several: learning curves are compared within
            a task. Empty for a table of one task.
        undivided: name of the fact whose equal values are never on both sides of a split of learning curves. Empty for
            networks that are equal in the search space, or for tasks if there are several.
        own: where a user-defined table is and how it was read; None for registered benchmarks.
    """

    name: str
    version: int
    space: SearchSpace
    architectures: tuple[Architecture, ...]
    targets: Mapping[str, Target]
    values: Mapping[str, Floats]
    default_target: str
    classes: Mapping[str, int]
    seeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    curves: Mapping[str, NDArray[np.floating[Any]]] = field(default_factory=dict)
    facts: Mapping[str, Floats] = field(default_factory=dict)
    source: str = ""
    batches: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tasks: str = ""
    undivided: str = ""
    own: OwnSource | None = None
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requested: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "architectures", Rows(self.architectures, self))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "architectures": tuple(self.architectures)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    def __repr__(self) -> str:
        counts = f"{many(len(self), 'architecture')}, {many(len(self.targets), 'target')}"
        return brief(f"<Benchmark {plain(self.identifier, 60)}: {counts}>")

    def __len__(self) -> int:
        return len(self.architectures)

    def __contains__(self, architecture: object) -> bool:
        return architecture in self._rows

    @property
    def identifier(self) -> str:
        """Name and version, "digits-201@1"."""
        return f"{self.name}@{self.version}"

    @property
    def public_source(self) -> str:
        """The source of the table without folders of this machine, for files that are given to others."""
        return without_folders(self.source)

    def target(self, name: str | None = None) -> Target:
        """Return a column's description; the default target for None.

        Raises:
            UnknownNameError: there is no such column.
        """
        name = self.default_target if name is None else rules.text("the name of a target", name)
        if name not in self.targets:
            hint = f"Try  zcbench show {self.name}" if self.own is None else ""
            raise UnknownNameError("target", name, self.targets, hint)
        return self.targets[name]

    @functools.cached_property
    def _rows(self) -> dict[Architecture, int]:
        return {architecture: row for row, architecture in enumerate(self.architectures)}

    @functools.cached_property
    def _rows_by_key(self) -> dict[str, int]:
        return {architecture.key: row for row, architecture in enumerate(self.architectures)}

    def row_numbers(self, keys: Iterable[str]) -> NDArray[np.intp]:
        """Return row numbers of architectures by their strings in the table; -1 for an unknown one."""
        rows = self._rows_by_key
        return np.fromiter((rows.get(key, -1) for key in keys), np.intp)

    def rows(self, architectures: Iterable[Architecture]) -> NDArray[np.intp]:
        """Return row numbers of architectures; InvalidInputError for one that is not in the table."""
        try:
            return np.asarray([self._rows[architecture] for architecture in architectures], np.intp)
        except KeyError as error:
            raise InvalidInputError(f"{error.args[0]} is not in the table of {self.name}.") from None

    def truth(self, target: str | None = None) -> Floats:
        """Return the mean over seeds of a column, ``(architectures,)``; nan where no value is finite."""
        values = self.values[self.target(target).name]
        counted = np.isfinite(values)
        kept, seeds = np.where(counted, values, 0), counted.sum(1)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            mean: Floats = kept.sum(1) / seeds
        too_large = np.isinf(mean)  # the sum, not the mean
        mean[too_large] = (kept[too_large] / seeds[too_large, None]).sum(1)
        return mean

    def repeats(self, target: str | None = None) -> Floats | None:
        """Return genuine repeats ``(architectures, trainings)``; None where there is one number per architecture.

        A column has the trainings of one seed. In a user-defined table in which architectures have different numbers of
        trainings it has the first, the second and so on, as many as most have (:func:`complete_repeats`).
        """
        name = self.target(target).name
        if len(self.seeds.get(name, ())) < 2:
            return None
        return self.values[name] if self.own is None else complete_repeats(self.values[name])

    def noise_ceiling(self, target: str | None = None) -> Estimate:
        """Return the mean Kendall tau-b between two trainings of the same architectures that differ only in the seed.

        It uses only genuine repeats (:func:`zcbench.metrics.noise_ceiling`); nan if the source has one number for each.
        """
        from zcbench.metrics import Estimate, noise_ceiling

        repeats = self.repeats(target)
        return Estimate(np.nan, np.nan, np.nan, 0) if repeats is None else noise_ceiling(repeats)

    def batch_of(self, target: str | None = None) -> str:
        """Return the name for ``get_batch`` of the samples for proxies that are correlated with a target."""
        dataset = self.target(target).dataset
        return self.batches.get(dataset, dataset)

    def sample(self, limit: int | None, seed: int, target: str | None = None) -> tuple[Architecture, ...]:
        """Return the first ``limit`` architectures of a random order; a larger limit includes those of a smaller one.

        With a target, only architectures with a value in its column are drawn.

        Raises:
            InvalidInputError: the limit is below 1, or the seed is out of range.
        """
        limit = None if limit is None else rules.whole("a limit of architectures", limit, 1)
        seed = rules.seed("the seed", seed)
        order = np.random.RandomState(seed).permutation(len(self))
        if target is not None:
            order = order[np.isfinite(self.truth(target))[order]]
        return Rows((self.architectures[row] for row in order[:limit]), self)

    def build(self, architecture: Architecture, dataset: str) -> nn.Module:
        """Build the benchmark's network for one of its data sets, freshly initialised.

        Raises:
            UnknownNameError: there is no such data set.
        """
        if dataset not in self.classes:
            raise UnknownNameError("data set", str(dataset), self.classes)
        return self.space.build(architecture, num_classes=self.classes[dataset])
