"""Parts of multi-objective evolution: selection of survivors and of parents."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import numpy as np
from numpy.typing import NDArray

from zcbench.metrics import crowding_distance, pareto_ranks
from zcbench.search._base import Floats
from zcbench.search._domain import Domain
from zcbench.types import Architecture

Rows = NDArray[np.intp]

#: known children in a row that are discarded before architectures are drawn at random
_TRIES = 50


def ranked(good: Floats, enough: int | None = None) -> tuple[NDArray[np.int64], Floats]:
    """Return front ``(n,)`` and crowding ``(n,)`` of points ``(n, objectives)``, high is good; -1 and 0 for nan.

    Args:
        good: points.
        enough: number of points after which the crowding of further fronts stays 0.
    """
    ranks = pareto_ranks(good)
    crowding = np.zeros(len(good))
    done = 0
    for rank in range(int(ranks.max(initial=-1)) + 1):
        front = np.flatnonzero(ranks == rank)
        crowding[front] = crowding_distance(good[front])
        done += len(front)
        if enough is not None and done >= enough:
            break
    return ranks, crowding


def survivors(good: Floats, count: int) -> Rows:
    """Return the rows of the ``count`` surviving points, best first: by front, and by crowding in the last front.

    Points without all numbers never survive. Of equally crowded points the earlier ones survive.

    Args:
        good: ``(n, objectives)``, high is good.
        count: largest number of survivors.

    Source: K. Deb et al., NSGA-II, section III.C.
    """
    ranks, crowding = ranked(good, count)
    order = np.lexsort((-crowding, ranks))
    found: Rows = order[ranks[order] >= 0][:count]
    return found


class Offspring:
    """Children of a population: crowded binary tournaments, crossover and mutation within a domain.

    Args:
        domain: the allowed architectures.
        rng: random numbers.
        crossover: probability that a child has two parents.
        mutation: probability that a child of two parents is mutated; a child of a single parent always is.
    """

    def __init__(self, domain: Domain, rng: np.random.Generator, crossover: float, mutation: float) -> None:
        self.domain, self.rng, self.crossover, self.mutation = domain, rng, crossover, mutation

    def new(
        self, parents: Sequence[Architecture], good: Floats, count: int, seen: Container[str]
    ) -> dict[str, Architecture]:
        """Return at most ``count`` new and different children by key; random architectures if all children are known.

        Args:
            parents: ``(n,)`` the population.
            good: ``(n, objectives)``, high is good.
            count: number of children.
            seen: keys of known architectures.
        """
        ranks, crowding = ranked(good)
        found: dict[str, Architecture] = {}
        wasted = 0
        while len(found) < count and wasted < _TRIES:
            child = self._child(parents, lambda: self._winner(ranks, crowding))
            key = None if child is None else self.domain.key(child)
            if child is None or key is None or key in found or key in seen:
                wasted += 1
                continue
            found[key], wasted = child, 0
        if len(found) < count:
            known = Either(found, seen)
            for one in self.domain.sample(self.rng, count - len(found), known):
                found[self.domain.key(one)] = one
        return found

    def _winner(self, ranks: NDArray[np.int64], crowding: Floats) -> int:
        """Draw two and return the better one: that of the lower front, or in the same front the less crowded one."""
        a, b = self.rng.integers(len(ranks), size=2).tolist()
        better: int = a if (ranks[a], -crowding[a]) <= (ranks[b], -crowding[b]) else b
        return better

    def _child(self, parents: Sequence[Architecture], winner: Callable[[], int]) -> Architecture | None:
        child: Architecture | None = parents[winner()]
        single = self.rng.random() >= self.crossover
        if not single and child is not None:
            child = self.domain.crossover(child, parents[winner()], self.rng)
        if child is not None and (single or self.rng.random() < self.mutation):
            child = self.domain.mutate(child, self.rng)
        return child


class Either:
    """The union of containers."""

    def __init__(self, *containers: Container[str]) -> None:
        self._containers = containers

    def __contains__(self, key: object) -> bool:
        return any(key in one for one in self._containers)
