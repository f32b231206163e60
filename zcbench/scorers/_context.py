"""The task of a scorer, in addition to the architectures."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zcbench import _arguments as rules
from zcbench._display import brief
from zcbench.batches import get_batch
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.errors import InvalidInputError
from zcbench.records import Store
from zcbench.scorers._subnets import data_of, space_of
from zcbench.types import Architecture, Batch, SearchSpace, Supernet

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

#: Number of training samples that a proxy with "epochs" or "steps" trains on, including the batch.
TRAINING_SAMPLES = 2000


@dataclass(frozen=True, eq=False, repr=False)
class Context:
    """A task for scorers: the space, the samples and the seed.

    Attributes:
        space: the search space.
        benchmark: its table, if there is one.
        target: column of the table whose data set the networks are for; None for the table's default.
        data: the input of the networks: a batch, or the name of samples. None: the samples that evaluate or calibrate
            the supernet, else those of the benchmark's data set, else 32 samples of noise or of Python's help texts.
        batch_size: samples in the batch, unless ``data`` is a batch.
        classes: outputs of the networks; None for those of the data set, and without a benchmark for 10.
        store: folder in which scores of proxies are looked up and stored; None for no store.
        seed: seed of the batch, the weights and all random numbers of a score.
        trained: trained architectures and their results, on which predictors given by name are fitted.
        supernet: the source of inherited weights, if there is one; its space is the search space.
    """

    space: SearchSpace
    benchmark: Benchmark | None = None
    target: str | None = None
    data: Batch | str | None = None
    batch_size: int = 64
    classes: int | None = None
    store: Store | str | os.PathLike[str] | None = None
    seed: int = 0
    trained: tuple[Sequence[Architecture], ArrayLike] | None = None
    supernet: Supernet | None = None

    def __post_init__(self) -> None:
        rules.whole("batch size", self.batch_size, 1)
        rules.seed("the seed of scorers", self.seed)
        if self.classes is not None:
            rules.whole("classes", self.classes, 1, 2**31)
        if self.store is not None and not isinstance(self.store, Store):
            if not isinstance(self.store, str | os.PathLike):
                raise InvalidInputError(f"the store {rules.shown(self.store)}: give the path of a folder.")
            object.__setattr__(self, "store", Store(self.store))
        if self.supernet is not None and self.supernet.space.name != self.space.name:
            raise InvalidInputError(
                f"the supernet is of the space {self.supernet.space.name}, but the search is in {self.space.name}."
            )
        if self.data is None and self.supernet is not None:  # its networks may accept no other inputs
            object.__setattr__(self, "data", data_of(self.supernet, self.batch_size))
        if self.data is not None and not isinstance(self.data, Batch | str):
            raise InvalidInputError(f"data is {rules.shown(self.data)}: give a batch, or the name of samples.")

    def __repr__(self) -> str:
        where = self.space.name if self.benchmark is None else self.benchmark.identifier
        return brief(f"<Context of {where}, seed {self.seed}>")

    @classmethod
    def of(cls, where: Any, **options: Any) -> Context:
        """Return the context of a benchmark, a search space, a supernet, or the name of a benchmark.

        Raises:
            InvalidInputError: it is none of these, or an option is out of range.
            UnknownNameError: the benchmark does not exist.
        """
        if isinstance(where, cls):
            return where
        if isinstance(where, str):
            where = get_benchmark(where)
        if isinstance(where, Benchmark):
            return cls(where.space, where, **options)
        if isinstance(where, Supernet):
            return cls(space_of(where), supernet=where, **options)
        if not hasattr(where, "canonical"):
            raise InvalidInputError(f"{rules.shown(where)} is not a benchmark, a search space or a supernet.")
        return cls(where, **options)

    @functools.cached_property
    def outputs(self) -> int:
        """Number of outputs of the networks."""
        if self.classes is not None:
            return self.classes
        return 10 if self.benchmark is None else self.benchmark.classes[self.benchmark.target(self.target).dataset]

    @functools.cached_property
    def samples(self) -> str | None:
        """Name of the samples that the networks use; None if they were given, or if the samples have no meaning."""
        if isinstance(self.data, str):
            return self.data
        if self.data is not None or self.benchmark is None:
            return None
        return self.benchmark.batch_of(self.target)

    @functools.cached_property
    def batch(self) -> Batch:
        """The input of the networks."""
        from zcbench.encodings.proxies import stand_in

        if isinstance(self.data, Batch):
            return self.data
        if self.samples is None:
            return stand_in(self.space)
        return get_batch(self.samples, self.batch_size, self.seed)

    @functools.cached_property
    def training_data(self) -> Batch:
        """The data that proxies with "epochs" or "steps" train on."""
        if self.samples is None:
            return self.batch
        return get_batch(self.samples, None, self.seed)[:TRAINING_SAMPLES]
