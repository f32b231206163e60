"""LINAS: predict, evolve, validate, and repeat."""

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
    """LINAS: predictors are fitted to the evaluations, NSGA-II runs on predictions, and its best are evaluated.

    There are two differences from the source. Objectives that are known without training are not predicted. If the
    domain has at most ``pool`` architectures, the best of all of them are chosen, which is the limit of the inner
    search.

    Args:
        predictor: name and settings of a predictor, in brackets if it has settings: "(bayesian_ridge:encoding=onehot)".
        initial: evaluations before the first fit.
        every: number of architectures that one inner search returns.
        explore: share of them that are random.
        pool: largest size of a domain of which all architectures are candidates.
        visits: number of predictions of an inner search in larger domains.
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
        """Choose the best predicted fronts, and the least crowded of the last front."""
        rows: list[int] = survivors(mean, count).tolist()
        return rows
