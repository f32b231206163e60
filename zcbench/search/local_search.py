"""Local search: evaluate all neighbours, move to the best, and restart if none is better.

Source: C. White, S. Nolen, Y. Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021,
arXiv:2005.02960, algorithm 1; ``first`` is its variant that moves as soon as a better neighbour is found.

Choices made here: a search starts, and restarts at a local optimum, from the best of ``starts`` random architectures. A
warm-start scorer chooses the first ones. Neighbours are proposed in a random order; those that a filter rejects are
proposed again. Failed evaluations rank below all others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._offspring import Either
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture


@register_searcher(
    "local-search",
    reference="C. White, S. Nolen, Y. Savani, 'Exploring the Loss Landscape in Neural Architecture Search', UAI 2021, "
    "arXiv:2005.02960, algorithm 1",
)
class LocalSearch(Searcher):
    """Local search: move to the best of all neighbours, and restart if none is better.

    Args:
        starts: number of random architectures, of which the best is the start.
        first: whether to move to the first better neighbour without evaluating the others.
    """

    featured = False
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"starts": (1, 10**6)}

    def __init__(self, starts: int = 10, first: bool = False) -> None:
        self.starts = starts
        self.first = first

    def begin(self, problem: Problem) -> None:
        """Receive the problem, without a start."""
        super().begin(problem)
        self._began = False
        self._at: Architecture | None = None
        self._around: list[Architecture] = []  # candidates for a start, or neighbours of the current architecture
        self._out = Outstanding()

    def ask(self, count: int) -> list[Proposal]:
        """Propose the neighbours, or the starts, that are not evaluated yet."""
        while True:
            if not self._around and not self._begin_anew():
                return []
            known = [one for one in self._around if self._key(one) in self.problem.history]
            if self.first and self._at is not None and (better := self._best(known)) is not None:
                self._go_to(better)
                continue
            left = [one for one in self._around if self._key(one) not in self.problem.history]
            free = [one for one in left if self._key(one) not in self._out][:count]
            if free:
                self._out.propose(map(self._key, free))
                return [Proposal(one) for one in free]
            if left:
                return []  # pending results decide
            self._go_to(self._best(known))

    def _begin_anew(self) -> bool:
        """Draw candidates for a start; return False if nothing is new."""
        problem = self.problem
        self._at = None
        if self._began:
            self._around = problem.domain.sample(problem.rng, self.starts, Either(problem.history, self._out))
        else:
            self._around = problem.initial(self.starts)
            self._began = True
        return bool(self._around)

    def _best(self, known: Sequence[Architecture]) -> Architecture | None:
        """Return the best of several, the first of equal ones; None if it is not better than the current one."""
        best = max(known, key=self._good, default=None)
        if best is None or (self._at is not None and self._good(best) <= self._good(self._at)):
            return None
        return best

    def _go_to(self, architecture: Architecture | None) -> None:
        """Continue from an architecture; None restarts."""
        self._at, self._around = architecture, []
        if architecture is not None:
            options = self.problem.domain.neighbors(architecture)
            self._around = [options[place] for place in self.problem.rng.permutation(len(options)).tolist()]

    def _key(self, architecture: Architecture) -> str:
        return self.problem.domain.key(architecture)

    def _good(self, architecture: Architecture) -> float:
        row = self.problem.history.row(self._key(architecture))
        good = math.nan if row is None else float(self.problem.history.good[row, 0])
        return good if math.isfinite(good) else -math.inf

    def tell(self, answers: Sequence[Answer]) -> None:
        """Forget pending proposals that have a result; the history contains the values."""
        self._out.told([self._key(answer.architecture) for answer in answers])

    def state(self) -> dict[str, Any]:
        """Return the current architecture and its neighbours."""
        return {
            "began": self._began,
            "at": None if self._at is None else self._at.key,
            "around": [one.key for one in self._around],
            "out": self._out.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        space = self.problem.domain.space.name
        self._began = bool(state["began"])
        self._at = None if state["at"] is None else Architecture(space, state["at"])
        self._around = [Architecture(space, key) for key in state["around"]]
        self._out.restore(state["out"])
