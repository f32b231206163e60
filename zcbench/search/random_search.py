"""Random search without replacement: the baseline of every other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._register import register_searcher


@register_searcher(
    "random",
    reference="L. Li and A. Talwalkar, 'Random Search and Reproducibility for Neural Architecture Search', UAI 2019, "
    "arXiv:1902.07638; drawn without replacement",
)
class RandomSearch(Searcher):
    """Architectures drawn at random, no two with equal networks; with a warm-start scorer the best of many first."""

    several = True

    def ask(self, count: int) -> list[Proposal]:
        """New architectures."""
        if self.problem.warm_start is not None and not len(self.problem.history):
            return [Proposal(one) for one in self.problem.initial(count)]
        return [Proposal(one) for one in self.problem.domain.sample(self.problem.rng, count, self.problem.history)]

    def tell(self, answers: Sequence[Answer]) -> None:
        """Learn nothing."""

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""
