"""Cheap first: filter many candidates by cheap scores, evaluate a diverse few, fit a predictor, and repeat."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from zcbench._notation import split_list, unwrapped
from zcbench.scorers import Scorer
from zcbench.search._base import Floats
from zcbench.search._offspring import survivors
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.search._several import Predicting
from zcbench.search._sifted import Reckoned, Sifted, unlike
from zcbench.types import Architecture

#: number of best evaluated architectures whose neighbours are candidates, too
_PARENTS = 10


@register_searcher(
    "cheap-first",
    reference="diverse sets as in L. Chen, G. Zhang, H. Zhou, 'Fast Greedy MAP Inference for Determinantal Point "
    "Process to Improve Recommendation Diversity', NeurIPS 2018, arXiv:1709.05135, algorithm 1",
)
class CheapFirst(Predicting):
    """Search for expensive evaluations in batches: cheap scores filter candidates, and each batch is diverse.

    Candidates are drawn once and ranked by scorers: those named in ``static``, then the warm-start scorer, which scores
    as many as a warm start is chosen from. The first batch consists of the best of this ranking that differ from each
    other. Then a predictor is fitted to the evaluations, with these scores added to its encoding. Every further batch
    is chosen from the remaining candidates and the neighbours of the best evaluated ones, by their predictions and by
    how much they differ. With several objectives the ranking is by fronts.

    Args:
        predictor: name and settings of a predictor with standard deviations, in brackets if it has settings.
        initial: evaluations before the first fit.
        candidates: number of architectures to draw.
        static: scorers that need no pass through a network, "params" or "(params,flops)", from the cheapest to the most
            expensive; "" for none. Sums over choices are computed from choices instead of measured for each.
        diversity: weight of the difference from the others of a batch; 0 takes the best of the ranking.
        optimism: factor of the deviations that are added to predictions.
        encoding: encoding by which architectures are compared.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "candidates": (1, 10**6),
        "diversity": (0, 1e6),
        "optimism": (0, 1e6),
    }
    sure = True

    def __init__(
        self,
        predictor: str = "(gp:encoding=onehot+stats)",
        initial: int = 10,
        candidates: int = 10_000,
        static: str = "",
        diversity: float = 1.0,
        optimism: float = 0.5,
        encoding: str = "onehot",
    ) -> None:
        super().__init__(predictor, initial, every=1, explore=0.0, pool=candidates, visits=candidates)
        self.candidates = candidates
        self.static = static
        self.diversity = diversity
        self.optimism = optimism
        self.encoding = encoding

    def begin(self, problem: Problem) -> None:
        """Receive the problem.

        Raises:
            UnknownNameError: there is no such predictor, scorer or encoding.
            InvalidInputError: the predictor has no standard deviations, or scores cannot be added to its encoding.
        """
        static = split_list(unwrapped(self.static)) if self.static else []
        self._static: list[Scorer] = [Reckoned(problem.scorer(text)) for text in static]
        scorers = [*self._static, *([] if problem.warm_start is None else [problem.warm_start])]
        self._scorers = list({one.label: one for one in scorers}.values())
        known = {one.label for one in self._scorers}
        problem.features = (*self._scorers, *(one for one in problem.features if one.label not in known))
        self._seed = int(problem.rng.integers(2**32))
        self._sifted: dict[str, Architecture] | None = None
        super().begin(problem)

    @property
    def sifted(self) -> dict[str, Architecture]:
        """Candidates that the filters kept by key, best first."""
        if self._sifted is None:
            rng, kept = np.random.default_rng(self._seed), self.problem.warm_start_from
            found = Sifted(self.problem, self._scorers, self.candidates, kept, rng)
            self._sifted = {self.problem.domain.key(one): one for one in found.architectures}
        return self._sifted

    def first(self) -> list[Architecture]:
        """Return the best by the scores that differ from each other; without scores, as :class:`Predicting`."""
        if not self._scorers:
            return super().first()
        left = [one for key, one in self.sifted.items() if key not in self.problem.history]
        rows = self._unlike(left, np.arange(len(left)), self.initial)
        return [left[row] for row in rows]

    def candidates_now(self, seen: Container[str]) -> list[Architecture]:
        """Return the candidates that the filters kept and neighbours of the best so far, in random order."""
        history, domain = self.problem.history, self.problem.domain
        found = {key: one for key, one in self.sifted.items() if key not in seen}
        for row in survivors(history.good, _PARENTS).tolist():
            for one in domain.neighbors(history.architectures[row]):
                if (key := domain.key(one)) not in seen:
                    found.setdefault(key, one)
        left = list(found.values())
        return [left[row] for row in self.problem.rng.permutation(len(left)).tolist()]

    def choose(self, candidates: Sequence[Architecture], mean: Floats, count: int) -> list[int]:
        """Choose the best by predictions that differ from each other."""
        hoped = mean + (self.optimism * self.models.std(candidates) if self.optimism else 0.0)
        return self._unlike(candidates, survivors(hoped, len(hoped)), count)

    def _unlike(self, candidates: Sequence[Architecture], order: Any, count: int) -> list[int]:
        return unlike(self.problem, self.encoding, candidates, order, count, self.diversity)

    def state(self) -> dict[str, Any]:
        """Return the pending proposals, and the seed of the drawn candidates."""
        return {**super().state(), "seed": self._seed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`; the candidates are drawn again."""
        super().restore(state)
        self._seed, self._sifted = state["seed"], None
