"""NSGA-II: evolution towards the Pareto front of several objectives."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._offspring import Either, Offspring, survivors
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture


@register_searcher(
    "nsga2",
    reference="K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, 'A Fast and Elitist Multiobjective Genetic Algorithm: "
    "NSGA-II', IEEE Trans. Evol. Comput. 6(2), 2002, section III",
)
class NSGA2(Searcher):
    """NSGA-II: crowded tournaments choose parents, and the best fronts of parents and children survive.

    The generations are those of the paper, with two differences. A child that equals a known architecture is replaced
    by another one, so that every child is an evaluation. A generation ends after as many results as the population has
    members, however many proposals are pending. Failed evaluations never become parents. With one objective it is a
    plain genetic algorithm that keeps the best.

    Args:
        population: number of members.
        crossover: probability that a child has two parents.
        mutation: probability that such a child is changed in one place; a child of one parent always is.
    """

    featured = False
    several = True
    ranges: ClassVar = {"population": (2, 100_000), "crossover": (0, 1), "mutation": (0, 1)}

    def __init__(self, population: int = 10, crossover: float = 0.9, mutation: float = 0.9) -> None:
        self.population, self.crossover, self.mutation = population, crossover, mutation

    def begin(self, problem: Problem) -> None:
        """Receive the problem, without a population."""
        super().begin(problem)
        self._first: list[Architecture] | None = None  # members of the first population that are not proposed yet
        self._members: list[int] = []  # rows of the history
        self._children: list[int] = []
        self._out = Outstanding()

    def ask(self, count: int) -> list[Proposal]:
        """Propose members of the first population, later children of the current one."""
        domain, rng, history = self.problem.domain, self.problem.rng, self.problem.history
        seen = Either(history, self._out)
        if self._members:
            parents = [history.architectures[row] for row in self._members]
            make = Offspring(domain, rng, self.crossover, self.mutation)
            found = list(make.new(parents, history.good[self._members], count, seen).values())
        else:
            if self._first is None:
                self._first = self._founders()
            found, self._first = self._first[:count], self._first[count:]
            if not found:  # results are pending, or never arrived
                found = self._drawn(count, seen)
        self._out.propose(map(domain.key, found))
        return [Proposal(one) for one in found]

    def _founders(self) -> list[Architecture]:
        """Return the first population."""
        return self.problem.initial(self.population)

    def _drawn(self, count: int, seen: Container[str]) -> list[Architecture]:
        """Draw new architectures while there is no population yet."""
        return self.problem.domain.sample(self.problem.rng, count, seen)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Add children; a complete generation competes with its parents."""
        history = self.problem.history
        keys = [self.problem.domain.key(answer.architecture) for answer in answers]
        self._out.told(keys)
        for key, answer in zip(keys, answers, strict=True):
            row = history.row(key, answer.proposal.epochs)
            if row is None or row in self._members or row in self._children:
                continue
            self._children.append(row)
            if len(self._children) >= self.population:
                rows = np.array([*self._members, *self._children])
                self._members = rows[survivors(history.good[rows], self.population)].tolist()
                self._children = []

    def state(self) -> dict[str, Any]:
        """Return the rows of the population and of the current children, and the remaining first architectures."""
        return {
            "first": None if self._first is None else [one.key for one in self._first],
            "members": self._members,
            "children": self._children,
            "out": self._out.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        space = self.problem.domain.space.name
        first = state["first"]
        self._first = None if first is None else [Architecture(space, key) for key in first]
        self._members, self._children = list(state["members"]), list(state["children"])
        self._out.restore(state["out"])
