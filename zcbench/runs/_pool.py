"""What predictors are fitted and tested on: one architecture of each equivalence class, and random splits of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zcbench._display import brief, many, plain
from zcbench._process import stable_seed
from zcbench.datasets import Benchmark
from zcbench.encodings import Feed
from zcbench.encodings._feed import mean_curves
from zcbench.errors import InvalidInputError
from zcbench.evaluation._efficiency import training_seconds
from zcbench.types import Architecture, SearchSpace, Target

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Pool:
    """Architectures that no equivalence joins, and what training gave. It travels to worker processes.

    Attributes:
        benchmark: name and version.
        target: the column.
        space: name of the search space.
        keys: strings of the architectures.
        classes: their equivalence classes.
        truth: ``(n,)``.
        facts, scores, curves, seconds, epoch_seconds, texts, requested: see :class:`zcbench.encodings.Feed`; seconds
            are medians, as if each proxy were measured alone.
    """

    benchmark: str
    target: Target
    space: str
    keys: tuple[str, ...]
    classes: tuple[str, ...]
    truth: Floats
    facts: Mapping[str, Floats] = field(default_factory=dict)
    scores: Mapping[str, Floats] = field(default_factory=dict)
    curves: Mapping[str, Floats] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    epoch_seconds: Mapping[str, float] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requested: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return brief(
            f"<Pool of {many(len(self), 'architecture')} of {plain(self.benchmark, 50)}, {plain(self.target.name, 40)}>"
        )

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def architectures(self) -> list[Architecture]:
        """The architectures in order."""
        return [Architecture(self.space, key) for key in self.keys]

    @cached_property
    def feed(self) -> Feed:
        """What encodings are fed from."""
        return Feed(
            self.architectures,
            self.facts,
            self.scores,
            self.curves,
            self.seconds,
            self.epoch_seconds,
            self.benchmark,
            texts=self.texts,
            target=self.target.name,
            truth=self.truth,
            requested=self.requested,
        )

    @property
    def good(self) -> Floats:
        """The truth, turned so that high is good."""
        return self.truth if self.target.higher_is_better else -self.truth

    @cached_property
    def digest(self) -> str:
        """Changes with the architectures and the truth."""
        content = hashlib.sha256(repr((self.space, self.keys, self.target.name)).encode())
        content.update(self.truth.tobytes())
        return content.hexdigest()[:12]

    def order(self, seed: int) -> NDArray[np.intp]:
        """A random order: the first n are trained on, the others are the test. It depends on pool and seed alone."""
        random = np.random.default_rng(stable_seed("split", self.benchmark, len(self), seed))
        return random.permutation(len(self))


def equivalence(space: SearchSpace, architecture: Architecture) -> str:
    """What twins share: the space's functional key, or the canonical string if it knows of no other."""
    key = getattr(space, "functional_key", None)
    return str(key(architecture)) if key is not None else space.canonical(architecture).key


def pool_of(benchmark: Benchmark, target: str | None = None, limit: int | None = None) -> Pool:
    """The first row of each equivalence class that has a value of the target.

    Args:
        benchmark: a table.
        target: column; default the benchmark's own choice.
        limit: number of classes, drawn at random; None for all. A larger limit keeps what a smaller one had.

    Raises:
        InvalidInputError: fewer than four classes are left.
    """
    column = benchmark.target(target)
    truth = benchmark.truth(column.name)
    seen: dict[str, int] = {}
    for row in np.flatnonzero(np.isfinite(truth)):
        seen.setdefault(equivalence(benchmark.space, benchmark.architectures[row]), int(row))
    rows = np.array(sorted(seen.values()), np.intp)
    classes = {row: name for name, row in seen.items()}
    if limit is not None and limit < len(rows):
        random = np.random.default_rng(stable_seed("pool", benchmark.identifier))
        rows = rows[np.sort(random.permutation(len(rows))[:limit])]
    if len(rows) < 4:
        found = many(len(rows), "different architecture") + ("" if limit is None else f" with limit {limit}")
        raise InvalidInputError(f"{benchmark.name} has {found}: predictors need four.")
    return Pool(
        benchmark.identifier,
        column,
        benchmark.space.name,
        tuple(benchmark.architectures[row].key for row in rows),
        tuple(classes[row] for row in rows.tolist()),
        truth[rows],
        {name: values[rows] for name, values in benchmark.facts.items()},
        texts={name: tuple(values[row] for row in rows) for name, values in benchmark.texts.items()},
        requested=benchmark.requested,
    )


def with_curves(pool: Pool, benchmark: Benchmark, metrics: Iterable[str]) -> Pool:
    """The pool with learning curves of some metrics, and what their epochs cost.

    Raises:
        InvalidInputError: the benchmark has no learning curves.
        UnknownNameError: it has none of that metric.
    """
    rows, found, costs = benchmark.rows(pool.architectures), {}, {}
    for metric in metrics:
        found[metric] = mean_curves(benchmark, metric, rows)
        _, trainings, epochs = benchmark.curves[metric].shape  # the curve is their mean: all are paid
        costs[metric] = trainings * training_seconds(benchmark, pool.target.name) / epochs
    return replace(pool, curves={**pool.curves, **found}, epoch_seconds={**pool.epoch_seconds, **costs})


def check_sizes(sizes: Sequence[int], available: int, what: str) -> None:
    """InvalidInputError for a size that leaves fewer than two architectures to test on, or is no size."""
    for size in sizes:
        if size < 1:
            raise InvalidInputError(f"a training set of {size} networks: choose at least 1.")
        if size > available:
            raise InvalidInputError(f"a training set of {size} networks: {what} has only {available} to spare.")
