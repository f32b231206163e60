"""NSGA-II: evolution towards the front of several objectives."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from zcbench.metrics import crowding_distance, pareto_ranks
from zcbench.search._base import Answer, Floats, Proposal, Searcher
from zcbench.search._domain import Domain
from zcbench.search._register import register_searcher
from zcbench.types import Architecture

Rows = NDArray[np.intp]

#: children of one kind that are thrown away because they are known before another way is tried
_TRIES = 50


def ranked(good: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Front ``(n,)`` and crowding within it ``(n,)`` of points ``(n, objectives)``, high is good; -1 and 0 for nan."""
    ranks = pareto_ranks(good)
    crowding = np.zeros(len(good))
    for rank in range(int(ranks.max(initial=-1)) + 1):
        front = ranks == rank
        crowding[front] = crowding_distance(good[front])
    return ranks, crowding


def survivors(good: Floats, count: int) -> Rows:
    """Rows of the ``count`` points that survive, best first: front by front, of the last the least crowded.

    Points without all numbers never survive. Of equally crowded points the earlier ones do.

    Args:
        good: ``(n, objectives)``, high is good.
        count: how many at most.

    Source: K. Deb et al., NSGA-II, section III.C.
    """
    ranks, crowding = ranked(good)
    order = np.lexsort((-crowding, ranks))
    return order[ranks[order] >= 0][:count]


class Offspring:
    """Children of a population: crowded binary tournaments, crossover and mutation within a domain.

    Args:
        domain: where children may be.
        rng: random numbers.
        crossover: probability that a child has two parents.
        mutation: probability that a child of two parents is changed; one of a single parent always is.
    """

    def __init__(self, domain: Domain, rng: np.random.Generator, crossover: float, mutation: float) -> None:
        self.domain, self.rng, self.crossover, self.mutation = domain, rng, crossover, mutation

    def new(
        self, parents: Sequence[Architecture], good: Floats, count: int, seen: Container[str]
    ) -> dict[str, Architecture]:
        """At most ``count`` children by key, new and different; random architectures where children are all known.

        Args:
            parents: ``(n,)`` the population.
            good: ``(n, objectives)``, high is good.
            count: how many.
            seen: keys of what is known.
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
            known = _Either(found, seen)
            for one in self.domain.sample(self.rng, count - len(found), known):
                found[self.domain.key(one)] = one
        return found

    def _winner(self, ranks: NDArray[np.int64], crowding: Floats) -> int:
        """The better of two drawn at random: of a lower front, of the same front the less crowded one."""
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


class _Either:
    """What is in one of two containers."""

    def __init__(self, *containers: Container[str]) -> None:
        self._containers = containers

    def __contains__(self, key: object) -> bool:
        return any(key in one for one in self._containers)


@register_searcher(
    "nsga2",
    reference="K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, 'A Fast and Elitist Multiobjective Genetic Algorithm: "
    "NSGA-II', IEEE Trans. Evol. Comput. 6(2), 2002, section III",
)
class NSGA2(Searcher):
    """NSGA-II: parents by crowded tournaments, and of parents and children the best fronts survive.

    The paper's generations, with two differences: a child whose equal is known is replaced by another one, so that
    every child is an evaluation; and a generation ends with as many answers as the population has members, whatever
    else is asked. Failed evaluations never become parents. With one objective it is a plain genetic algorithm that
    keeps the best.

    Args:
        population: members.
        crossover: probability that a child has two parents.
        mutation: probability that such a child is changed in one place; a child of one parent always is.
    """

    several = True
    ranges: ClassVar = {"population": (2, 100_000), "crossover": (0, 1), "mutation": (0, 1)}

    def __init__(self, population: int = 20, crossover: float = 0.9, mutation: float = 0.9) -> None:
        self.population, self.crossover, self.mutation = population, crossover, mutation
        self._first: list[Architecture] | None = None  # of the first population, those not yet proposed
        self._members: list[int] = []  # rows of the history
        self._children: list[int] = []
        self._pending: list[str] = []  # keys that were proposed in this generation

    def ask(self, count: int) -> list[Proposal]:
        """Members of the first population, later children of the present one."""
        domain, rng, history = self.problem.domain, self.problem.rng, self.problem.history
        seen = _Either(history, frozenset(self._pending))
        if self._members:
            parents = [history.architectures[row] for row in self._members]
            make = Offspring(domain, rng, self.crossover, self.mutation)
            found = list(make.new(parents, history.good[self._members], count, seen).values())
        else:
            if self._first is None:
                self._first = self.problem.initial(self.population)
            found, self._first = self._first[:count], self._first[count:]
            if not found:  # answers are out, or never came
                found = domain.sample(rng, count, seen)
        self._pending += map(domain.key, found)
        return [Proposal(one) for one in found]

    def tell(self, answers: Sequence[Answer]) -> None:
        """Take children; a generation that is complete competes with its parents."""
        history = self.problem.history
        for answer in answers:
            row = history.row(self.problem.domain.key(answer.architecture), answer.proposal.epochs)
            if row is None or row in self._members or row in self._children:
                continue
            self._children.append(row)
            if len(self._children) >= self.population:
                rows = np.array([*self._members, *self._children])
                self._members = rows[survivors(history.good[rows], self.population)].tolist()
                self._children, self._pending = [], []

    def state(self) -> dict[str, Any]:
        """Rows of the population and of this generation's children, and what is still to be proposed."""
        return {
            "first": None if self._first is None else [one.key for one in self._first],
            "members": self._members,
            "children": self._children,
            "pending": self._pending,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        space = self.problem.domain.space.name
        first = state["first"]
        self._first = None if first is None else [Architecture(space, key) for key in first]
        self._members, self._children = list(state["members"]), list(state["children"])
        self._pending = list(state["pending"])
