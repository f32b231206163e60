"""Regularised evolution: the oldest of the population dies, not the worst.

A population of evaluated architectures. For each step a few of them are drawn, the best of these is changed in one
place, the child is evaluated and joins the population, and the oldest member leaves it. What was good by luck dies
unless its descendants are good too.

Source: E. Real, A. Aggarwal, Y. Huang, Q. V. Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI
2019, arXiv:1802.01548, algorithm 1. The default settings are those of X. Dong, Y. Yang, "NAS-Bench-201", ICLR 2020,
arXiv:2001.00326, whose budget of a hundred networks is usual here. With a warm-start scorer the first population is
chosen by it (M. S. Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, arXiv:2101.08134,
section 5.2).

Chosen here, where the paper says nothing:

- A network that fails does not join the population, so that it cannot drive out those that work. Until the population
  is full, architectures are drawn at random.
- A child whose equal was evaluated joins with the equal's value, as in the paper, where it is trained once more. After
  :data:`STALE` of them in a row, random architectures are asked for until one is new; so a small space is searched to
  its last architecture.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture

#: children in a row whose equals were evaluated, after which random architectures take their place
STALE = 100


@register_searcher(
    "evolution",
    reference="E. Real et al., 'Regularized Evolution for Image Classifier Architecture Search', AAAI 2019, "
    "arXiv:1802.01548, algorithm 1",
)
class Evolution(Searcher):
    """Regularised evolution: tournaments choose parents, the oldest dies.

    Args:
        population: members of the population.
        sample: members that are drawn, with replacement, for a tournament.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"population": (1, 10**6), "sample": (1, 10**6)}

    def __init__(self, population: int = 10, sample: int = 3) -> None:
        self.population = population
        self.sample = sample

    def begin(self, problem: Problem) -> None:
        """Take the problem, with nobody alive."""
        super().begin(problem)
        self._living: deque[tuple[Architecture, float]] = deque(maxlen=self.population)
        self._first: list[Architecture] = []  # of the first population, still to be asked for
        self._began = False
        self._stale = 0

    def ask(self, count: int) -> list[Proposal]:
        """Members of the first population; then children."""
        if len(self._living) < self.population:
            if first := self._founders(count):
                return [Proposal(one) for one in first]
            if not self._living:
                return []
        children = (self._child() for _ in range(count))
        return [Proposal(child) for child in children if child is not None]

    def _founders(self, count: int) -> list[Architecture]:
        """At most ``count`` that may found the population; none where nothing new is left."""
        if not self._first:
            wanted = max(count, self.population - len(self._living))
            self._first = self._drawn(wanted) if self._began else self._initial(wanted)
            self._began = True
        found, self._first = self._first[:count], self._first[count:]
        return found

    def _initial(self, count: int) -> list[Architecture]:
        """The first architectures of the search."""
        return self.problem.initial(count)

    def _drawn(self, count: int) -> list[Architecture]:
        """New architectures, drawn at random."""
        return self.problem.domain.sample(self.problem.rng, count, self.problem.history)

    def _child(self) -> Architecture | None:
        """A changed winner of a tournament; None where nothing new is left."""
        child = None
        if self._stale < STALE:
            child = self._changed(self._parent())
        if child is None:
            child = next(iter(self._drawn(1)), None)
        return child

    def _parent(self) -> Architecture:
        """The best of a few members, the first drawn of equally good ones."""
        drawn = self.problem.rng.integers(len(self._living), size=self.sample)
        return max((self._living[place] for place in drawn.tolist()), key=lambda member: member[1])[0]

    def _changed(self, parent: Architecture) -> Architecture | None:
        """The parent, changed in one place; None where no change is allowed."""
        return self.problem.domain.mutate(parent, self.problem.rng)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Let those in that have a value; the oldest leave."""
        for answer in answers:
            self._stale = self._stale + 1 if answer.equal else 0
            if answer.ok and math.isfinite(answer.good[0]):
                self._living.append((answer.architecture, answer.good[0]))

    def state(self) -> dict[str, Any]:
        """Population, founders to come, and equal children in a row."""
        return {
            "living": [[one.key, good] for one, good in self._living],
            "first": [one.key for one in self._first],
            "began": self._began,
            "stale": self._stale,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        space = self.problem.domain.space.name
        self._living.clear()
        self._living.extend((Architecture(space, key), float(good)) for key, good in state["living"])
        self._first = [Architecture(space, key) for key in state["first"]]
        self._began, self._stale = bool(state["began"]), int(state["stale"])
