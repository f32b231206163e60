"""Regularised evolution: the oldest member of the population is removed, not the worst.

The population consists of evaluated architectures. In each step a few of them are drawn, the best of these is changed
in one place, the child is evaluated and added to the population, and the oldest member is removed. An architecture that
was good by chance is removed unless its descendants are good, too.

Source: E. Real, A. Aggarwal, Y. Huang, Q. V. Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI
2019, arXiv:1802.01548, algorithm 1. The paper's population of 100 and sample of 25 need thousands of networks; X. Dong,
Y. Yang, "NAS-Bench-201", ICLR 2020, arXiv:2001.00326, use 10 and 3 for a hundred. The defaults, 10 and 5, were better
than these after 100 networks on four of five tables (seeds 1000 to 1029; NAS-Bench-201 by its 12-epoch validation
accuracy). With a warm-start scorer, it chooses the first population, as in M. S. Abdelfattah et al., "Zero-Cost Proxies
for Lightweight NAS", ICLR 2021, arXiv:2101.08134.

Choices where the paper does not specify the method:

- ``children`` is 1 in the paper. With 10, and a scorer as filter that chooses from 10, it is the GradSign-assisted
  evolution of Z. Zhang, Z. Jia, "GradSign: Model Performance Inference with Theoretical Insights", ICLR 2022,
  arXiv:2110.08616, as in the authors' code: of ten children of one parent, the one with the highest score is trained.
- A network that fails is not added to the population, so that it cannot replace working ones. Until the population is
  full, architectures are drawn at random.
- A child that equals an evaluated architecture is added with its value; in the paper it is trained again. After
  :data:`STALE` of them in a row, random architectures are proposed until one is new. A small space is therefore
  searched to its last architecture.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._offspring import Either
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture

#: children in a row that equal evaluated architectures, after which random architectures replace them
STALE = 100


@register_searcher(
    "evolution",
    reference="E. Real et al., 'Regularized Evolution for Image Classifier Architecture Search', AAAI 2019, "
    "arXiv:1802.01548, algorithm 1",
)
class Evolution(Searcher):
    """Regularised evolution: tournaments choose parents, and the oldest member is removed.

    Args:
        population: number of members.
        sample: members that are drawn, with replacement, for a tournament.
        children: consecutive children of a winner before the next tournament.
    """

    featured = False
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "population": (1, 10**6),
        "sample": (1, 10**6),
        "children": (1, 10**6),
    }

    def __init__(self, population: int = 10, sample: int = 5, children: int = 1) -> None:
        self.population = population
        self.sample = sample
        self.children = children

    def begin(self, problem: Problem) -> None:
        """Receive the problem, with an empty population."""
        super().begin(problem)
        self._living: deque[tuple[Architecture, float]] = deque(maxlen=self.population)
        self._first: list[Architecture] = []  # members of the first population that are not proposed yet
        self._began = False
        self._stale = 0
        self._winner: tuple[Architecture, int] | None = None  # of the last tournament, with its number of children
        self._out = Outstanding()

    def ask(self, count: int) -> list[Proposal]:
        """Propose the members of the first population, then children."""
        found = self._proposed(count)
        self._out.propose(map(self.problem.domain.key, found))
        return [Proposal(one) for one in found]

    def _proposed(self, count: int) -> list[Architecture]:
        if len(self._living) < self.population:
            if first := self._founders(count):
                return first
            if not self._living:
                return []
        children = (self._child() for _ in range(count))
        return [child for child in children if child is not None]

    def _founders(self, count: int) -> list[Architecture]:
        """Return at most ``count`` members of the first population; none if no new architecture is left."""
        if not self._first:
            wanted = max(count, self.population - len(self._living))
            self._first = self._drawn(wanted) if self._began else self._initial(wanted)
            self._began = True
        found, self._first = self._first[:count], self._first[count:]
        return found

    def _initial(self, count: int) -> list[Architecture]:
        """Return the first architectures of the search."""
        return self.problem.initial(count)

    def _drawn(self, count: int) -> list[Architecture]:
        """Draw new architectures at random."""
        return self.problem.domain.sample(self.problem.rng, count, Either(self.problem.history, self._out))

    def _child(self) -> Architecture | None:
        """Return a changed winner of a tournament; None if no new architecture is left."""
        child = None
        if self._stale < STALE:
            child = self._changed(self._parent())
        if child is None:
            child = next(iter(self._drawn(1)), None)
        return child

    def _parent(self) -> Architecture:
        """Return the best of a few members, the first drawn of equal ones; the same again until it has its children."""
        if self._winner is not None and self._winner[1] < self.children:
            parent, has = self._winner
            self._winner = (parent, has + 1)
            return parent
        drawn = self.problem.rng.integers(len(self._living), size=self.sample)
        parent = max((self._living[place] for place in drawn.tolist()), key=lambda member: member[1])[0]
        self._winner = (parent, 1)
        return parent

    def _changed(self, parent: Architecture) -> Architecture | None:
        """Return the parent, changed in one place; None if no change is allowed."""
        return self.problem.domain.mutate(parent, self.problem.rng)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Add architectures with a value to the population; the oldest members are removed."""
        self._out.told(map(self.problem.domain.key, (answer.architecture for answer in answers)))
        for answer in answers:
            self._stale = self._stale + 1 if answer.equal else 0
            if answer.ok and math.isfinite(answer.good[0]):
                self._living.append((answer.architecture, answer.good[0]))

    def state(self) -> dict[str, Any]:
        """Return the population, founders, last winner, pending proposals, and equal children in a row."""
        return {
            "living": [[one.key, good] for one, good in self._living],
            "first": [one.key for one in self._first],
            "began": self._began,
            "stale": self._stale,
            "winner": None if self._winner is None else [self._winner[0].key, self._winner[1]],
            "out": self._out.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        space = self.problem.domain.space.name
        self._living.clear()
        self._living.extend((Architecture(space, key), float(good)) for key, good in state["living"])
        self._first = [Architecture(space, key) for key in state["first"]]
        self._began, self._stale = bool(state["began"]), int(state["stale"])
        winner = state["winner"]
        self._winner = None if winner is None else (Architecture(space, winner[0]), int(winner[1]))
        self._out.restore(state["out"])
