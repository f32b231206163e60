"""The data of predictors: one architecture of each equivalence class, and random splits of these."""

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
    """Architectures of different equivalence classes, and their training results. It is sent to worker processes.

    Attributes:
        benchmark: name and version.
        target: the column.
        space: name of the search space.
        keys: strings of the architectures.
        classes: their equivalence classes.
        truth: ``(n,)``.
        facts, scores, curves, seconds, epoch_seconds, texts, requested: see :class:`zcbench.encodings.Feed`; seconds
            are medians for each proxy alone.
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
        """Return the architectures in order."""
        return [Architecture(self.space, key) for key in self.keys]

    @cached_property
    def feed(self) -> Feed:
        """Return the input of table encodings."""
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
        """The truth, signed so that high is good."""
        return self.truth if self.target.higher_is_better else -self.truth

    @cached_property
    def digest(self) -> str:
        """Return a digest of the architectures and the truth."""
        content = hashlib.sha256(repr((self.space, self.keys, self.target.name)).encode())
        content.update(self.truth.tobytes())
        return content.hexdigest()[:12]

    def order(self, seed: int) -> NDArray[np.intp]:
        """Draw a random order, which depends only on pool and seed: the first n are the training set."""
        random = np.random.default_rng(stable_seed("split", self.benchmark, len(self), seed))
        return random.permutation(len(self))


def equivalence(space: SearchSpace, architecture: Architecture) -> str:
    """Return the key of an equivalence class: the space's functional key, or the canonical string without one."""
    key = getattr(space, "functional_key", None)
    return str(key(architecture)) if key is not None else space.canonical(architecture).key


def pool_of(benchmark: Benchmark, target: str | None = None, limit: int | None = None) -> Pool:
    """Make a pool of the first row of each equivalence class that has a value of the target.

    Args:
        benchmark: a table.
        target: column; default the benchmark's default target.
        limit: number of classes, drawn at random; None for all. A larger limit includes the draws of a smaller one.

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
    """Return the pool with learning curves of some metrics, and the cost of their epochs.

    Raises:
        InvalidInputError: the benchmark has no learning curves.
        UnknownNameError: it has no curves of the metric.
    """
    rows, found, costs = benchmark.rows(pool.architectures), {}, {}
    for metric in metrics:
        found[metric] = mean_curves(benchmark, metric, rows)
        _, trainings, epochs = benchmark.curves[metric].shape  # the curve is their mean, so all count
        costs[metric] = trainings * training_seconds(benchmark, pool.target.name) / epochs
    return replace(pool, curves={**pool.curves, **found}, epoch_seconds={**pool.epoch_seconds, **costs})


def check_sizes(sizes: Sequence[int], available: int, what: str) -> None:
    """Raise InvalidInputError for an invalid size, or a size that leaves fewer than two architectures for the test."""
    for size in sizes:
        if size < 1:
            raise InvalidInputError(f"a training set of {size} networks: choose at least 1.")
        if size > available:
            raise InvalidInputError(f"a training set of {size} networks: {what} has only {available} to spare.")
