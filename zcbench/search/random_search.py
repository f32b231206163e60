"""Random search without replacement, the baseline of all other searchers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture


@register_searcher(
    "random",
    reference="L. Li and A. Talwalkar, 'Random Search and Reproducibility for Neural Architecture Search', UAI 2019, "
    "arXiv:1902.07638; drawn without replacement",
)
class RandomSearch(Searcher):
    """Random search without replacement: no two architectures have equal networks.

    With a warm-start scorer, the architectures that it scored come first, in the order of its ranking.
    """

    featured = False
    several = True

    def begin(self, problem: Problem) -> None:
        """Receive the problem."""
        super().begin(problem)
        self._ranked: deque[str] | None = None  # the rest of the warm start; None before it was scored

    def ask(self, count: int) -> list[Proposal]:
        """Propose new architectures."""
        problem, found = self.problem, list[Architecture]()
        if self._ranked is None:
            ranked = [] if problem.warm_start is None else problem.initial(max(count, problem.warm_start_from))
            self._ranked = deque(one.key for one in ranked)
        while self._ranked and len(found) < count:
            found.append(Architecture(problem.domain.space.name, self._ranked.popleft()))
        if not found:
            found = problem.domain.sample(problem.rng, count, problem.history)
        return [Proposal(one) for one in found]

    def tell(self, answers: Sequence[Answer]) -> None:
        """Ignore the results."""

    def state(self) -> dict[str, Any]:
        """Return the rest of the warm start."""
        return {"ranked": None if self._ranked is None else list(self._ranked)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the rest of the warm start."""
        self._ranked = None if state["ranked"] is None else deque(state["ranked"])
