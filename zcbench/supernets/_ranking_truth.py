"""Results of stand-alone trainings of subnets: from a benchmark, or from your own mapping."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.errors import InvalidInputError
from zcbench.supernets._ranking_statistics import Floats
from zcbench.types import Architecture, SearchSpace

#: smallest number of subnets for which there is an interval
FEWEST = 4


@dataclass(frozen=True)
class Truth:
    """Results of stand-alone trainings.

    Attributes:
        architectures: ``n`` subnets.
        values: ``(n, seeds)`` finite, high is good.
        target: name of the results.
        seconds: seconds of one training; nan if unknown.
        left_out: number of subnets without a finite result of every seed.
    """

    architectures: tuple[Architecture, ...]
    values: Floats
    target: str
    seconds: float
    left_out: int

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        given: Benchmark | str | Mapping[Any, Sequence[float]],
        count: int | None,
        target: str | None,
        higher_is_better: bool,
        seconds: float | None,
    ) -> Truth:
        """Read the user's results.

        Raises:
            InvalidInputError: they are of another space, have too few subnets, one twice, or different numbers of
                seeds.
            InvalidArchitectureError: a subnet does not belong to the space.
            UnknownNameError: the benchmark has no such column.
        """
        count = None if count is None else rules.whole("subnets", count, FEWEST)
        if isinstance(given, str):
            given = get_benchmark(given)
        if isinstance(given, Benchmark):
            found = _of_benchmark(space, given, target)
        elif isinstance(given, Mapping):
            found = _of_mapping(space, given, target or "result", rules.flag("higher is better", higher_is_better))
        else:
            raise InvalidInputError(
                f"the truth is {rules.shown(given)}: give a benchmark, or a mapping from architectures to results."
            )
        finite = np.all(np.isfinite(found.values), axis=1)
        kept = np.flatnonzero(finite)[:count]
        if len(kept) < FEWEST:
            raise InvalidInputError(
                f"{len(kept)} subnets have stand-alone results: at least {FEWEST} are needed for a ranking."
            )
        known = found.seconds if seconds is None else rules.number("train seconds", seconds, 0)
        left_out = int((~finite[: kept[-1] + 1]).sum())
        chosen = tuple(found.architectures[row] for row in kept)
        return cls(chosen, found.values[kept], found.target, known, left_out)

    @property
    def repeats(self) -> Floats | None:
        """The single trainings, if there are several of each subnet."""
        return self.values if self.values.shape[1] > 1 else None


def _of_benchmark(space: SearchSpace, table: Benchmark, target: str | None) -> Truth:
    if table.space.name != space.name:
        raise InvalidInputError(
            f"{table.name} is a benchmark of {table.space.name}, but the supernet is of {space.name}."
        )
    column = table.target(target)
    order = np.random.default_rng(0).permutation(len(table))
    sign = 1.0 if column.higher_is_better else -1.0
    seconds = table.facts.get("train_seconds")
    return Truth(
        tuple(table.architectures[row] for row in order),
        sign * table.values[column.name][order],
        column.name,
        math.nan if seconds is None else float(np.nanmedian(seconds)),
        0,
    )


def _of_mapping(space: SearchSpace, given: Mapping[Any, Sequence[float]], target: str, higher_is_better: bool) -> Truth:
    architectures, rows = [], []
    for key, values in given.items():
        architectures.append(space.canonical(space.parse(key)))
        try:
            rows.append(np.atleast_1d(np.asarray(values, np.float64)))
        except (TypeError, ValueError):
            raise InvalidInputError(f"{key} has {rules.shown(values)}: give numbers, one for each training.") from None
    if len(set(architectures)) < len(architectures):
        twice = next(one for one in architectures if architectures.count(one) > 1)
        raise InvalidInputError(f"{twice} is given twice, as strings of equal networks: give it once, with all seeds.")
    counts = {row.shape for row in rows}
    if len(counts) > 1 or any(len(shape) != 1 for shape in counts):
        raise InvalidInputError("subnets have different numbers of results: give equal numbers, with nan for none.")
    sign = 1.0 if higher_is_better else -1.0
    values_ = sign * np.stack(rows) if rows else np.empty((0, 1))
    return Truth(tuple(architectures), values_, target, math.nan, 0)
