"""Regularised evolution: the oldest of the population dies, not the worst.

A population of evaluated architectures. For each step a few of them are drawn, the best of these is changed in one
place, the child is evaluated and joins the population, and the oldest member leaves it. What was good by luck dies
unless its descendants are good too.

Source: E. Real, A. Aggarwal, Y. Huang, Q. V. Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI
2019, arXiv:1802.01548, algorithm 1. The paper's population of 100 and sample of 25 need thousands of networks; X. Dong,
Y. Yang, "NAS-Bench-201", ICLR 2020, arXiv:2001.00326, take 10 and 3 for a hundred. The defaults, 10 and 5, came out
better than these after 100 networks on four of five tables (seeds 1000 to 1029; NAS-Bench-201 by its 12-epoch
validation accuracy). With a warm-start scorer the first population is chosen by it, as in M. S. Abdelfattah et al.,
"Zero-Cost Proxies for Lightweight NAS", ICLR 2021, arXiv:2101.08134.

Chosen here, where the paper says nothing:

- ``children`` is 1 in the paper. With 10, and a scorer as filter that chooses from 10, it is the GradSign-assisted
  evolution of Z. Zhang, Z. Jia, "GradSign: Model Performance Inference with Theoretical Insights", ICLR 2022,
  arXiv:2110.08616, as the authors' code has it: of ten children of one parent that of the highest score is trained.
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
from zcbench.search._offspring import Either
from zcbench.search._outstanding import Outstanding
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
        children: children of a winner, one after the other, before the next tournament.
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
        """Take the problem, with nobody alive."""
        super().begin(problem)
        self._living: deque[tuple[Architecture, float]] = deque(maxlen=self.population)
        self._first: list[Architecture] = []  # of the first population, still to be asked for
        self._began = False
        self._stale = 0
        self._winner: tuple[Architecture, int] | None = None  # of the last tournament, and how many children it has
        self._out = Outstanding()

    def ask(self, count: int) -> list[Proposal]:
        """Members of the first population; then children."""
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
        return self.problem.domain.sample(self.problem.rng, count, Either(self.problem.history, self._out))

    def _child(self) -> Architecture | None:
        """A changed winner of a tournament; None where nothing new is left."""
        child = None
        if self._stale < STALE:
            child = self._changed(self._parent())
        if child is None:
            child = next(iter(self._drawn(1)), None)
        return child

    def _parent(self) -> Architecture:
        """The best of a few members, the first drawn of equally good ones; the same again until it has its children."""
        if self._winner is not None and self._winner[1] < self.children:
            parent, has = self._winner
            self._winner = (parent, has + 1)
            return parent
        drawn = self.problem.rng.integers(len(self._living), size=self.sample)
        parent = max((self._living[place] for place in drawn.tolist()), key=lambda member: member[1])[0]
        self._winner = (parent, 1)
        return parent

    def _changed(self, parent: Architecture) -> Architecture | None:
        """The parent, changed in one place; None where no change is allowed."""
        return self.problem.domain.mutate(parent, self.problem.rng)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Let those in that have a value; the oldest leave."""
        self._out.told(map(self.problem.domain.key, (answer.architecture for answer in answers)))
        for answer in answers:
            self._stale = self._stale + 1 if answer.equal else 0
            if answer.ok and math.isfinite(answer.good[0]):
                self._living.append((answer.architecture, answer.good[0]))

    def state(self) -> dict[str, Any]:
        """Population, founders to come, the last winner, what is out, and equal children in a row."""
        return {
            "living": [[one.key, good] for one, good in self._living],
            "first": [one.key for one in self._first],
            "began": self._began,
            "stale": self._stale,
            "winner": None if self._winner is None else [self._winner[0].key, self._winner[1]],
            "out": self._out.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        space = self.problem.domain.space.name
        self._living.clear()
        self._living.extend((Architecture(space, key), float(good)) for key, good in state["living"])
        self._first = [Architecture(space, key) for key in state["first"]]
        self._began, self._stale = bool(state["began"]), int(state["stale"])
        winner = state["winner"]
        self._winner = None if winner is None else (Architecture(space, winner[0]), int(winner[1]))
        self._out.restore(state["out"])
