"""What scorers are given beside architectures: the task."""

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

#: What a proxy with "epochs" or "steps" trains on: that many training samples, the batch among them.
TRAINING_SAMPLES = 2000


@dataclass(frozen=True, eq=False, repr=False)
class Context:
    """A task, as scorers see it: where, on which samples, with which seed.

    Attributes:
        space: the search space.
        benchmark: its table, if there is one.
        target: column of the table whose data set the networks are for; None for the table's default.
        data: what the networks see: a batch, or the name of samples; None for those that a supernet is judged by or
            calibrated with, else of the benchmark's data set, and without a benchmark for 32 samples of noise or of
            Python's help texts.
        batch_size: samples in the batch, unless ``data`` is a batch.
        classes: outputs of the networks; None for those of the data set, and without a benchmark for 10.
        store: folder in which scores of proxies are looked up and kept; None for none.
        seed: decides batch, weights and everything random in a score.
        trained: architectures that were trained, and what that gave: what predictors that are named are fitted on.
        supernet: what has the weights that networks inherit, if there is one; its space is the search space.
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
                f"the supernet is of the space {self.supernet.space.name}, and {self.space.name} is asked for."
            )
        if self.data is None and self.supernet is not None:  # its networks may take no other inputs
            object.__setattr__(self, "data", data_of(self.supernet, self.batch_size))
        if self.data is not None and not isinstance(self.data, Batch | str):
            raise InvalidInputError(f"data is {rules.shown(self.data)}: give a batch, or the name of samples.")

    def __repr__(self) -> str:
        where = self.space.name if self.benchmark is None else self.benchmark.identifier
        return brief(f"<Context of {where}, seed {self.seed}>")

    @classmethod
    def of(cls, where: Any, **options: Any) -> Context:
        """The context of a benchmark, a search space, a supernet, or the name of a benchmark.

        Raises:
            InvalidInputError: it is none of these, or an option is out of range.
            UnknownNameError: there is no benchmark of that name.
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
            raise InvalidInputError(f"{rules.shown(where)} is no benchmark, no search space and no supernet.")
        return cls(where, **options)

    @functools.cached_property
    def outputs(self) -> int:
        """Number of outputs of the networks."""
        if self.classes is not None:
            return self.classes
        return 10 if self.benchmark is None else self.benchmark.classes[self.benchmark.target(self.target).dataset]

    @functools.cached_property
    def samples(self) -> str | None:
        """Name of the samples that the networks see; None where they were given, or stand for nothing."""
        if isinstance(self.data, str):
            return self.data
        if self.data is not None or self.benchmark is None:
            return None
        return self.benchmark.batch_of(self.target)

    @functools.cached_property
    def batch(self) -> Batch:
        """What the networks see."""
        from zcbench.encodings.proxies import stand_in

        if isinstance(self.data, Batch):
            return self.data
        if self.samples is None:
            return stand_in(self.space)
        return get_batch(self.samples, self.batch_size, self.seed)

    @functools.cached_property
    def training_data(self) -> Batch:
        """What proxies with "epochs" or "steps" train on."""
        if self.samples is None:
            return self.batch
        return get_batch(self.samples, None, self.seed)[:TRAINING_SAMPLES]
