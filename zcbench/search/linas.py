"""LINAS: predict, evolve, validate, and again."""

from __future__ import annotations

from collections.abc import Sequence

from zcbench.search._base import Floats
from zcbench.search._offspring import survivors
from zcbench.search._register import register_searcher
from zcbench.search._several import Predicting
from zcbench.types import Architecture


@register_searcher(
    "linas",
    reference="D. Cummings et al., 'Accelerating Neural Architecture Exploration Across Modalities Using Genetic "
    "Algorithms' (LINAS), arXiv:2202.12592; A. Sarah et al., 'A Hardware-Aware Framework for Accelerating Neural "
    "Architecture Search Across Modalities', arXiv:2205.10358, section 3 and algorithm 1",
)
class LINAS(Predicting):
    """LINAS: predictors learn from what was evaluated, NSGA-II runs on predictions, its best are evaluated, and again.

    Two differences. Objectives that are known without training are not predicted. Where the domain has at most ``pool``
    architectures, the best of all of them are taken, which is what the inner search would end with.

    Args:
        predictor: name and settings of a predictor, in brackets if it has settings: "(bayesian_ridge:encoding=onehot)".
        initial: evaluations before the first fit.
        every: architectures that one inner search gives.
        explore: share of them that are random.
        pool: architectures up to which all of a domain are candidates.
        visits: predictions of an inner search, where there are more.
    """

    def __init__(
        self,
        predictor: str = "(bayesian_ridge:encoding=onehot)",
        initial: int = 20,
        every: int = 20,
        explore: float = 0.0,
        pool: int = 10_000,
        visits: int = 2_000,
    ) -> None:
        super().__init__(predictor, initial, every, explore, pool, visits)

    def choose(self, candidates: Sequence[Architecture], mean: Floats, count: int) -> list[int]:
        """The best predicted fronts, and of the last the least crowded."""
        rows: list[int] = survivors(mean, count).tolist()
        return rows
