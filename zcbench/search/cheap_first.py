"""Cheap first: many candidates by cheap scores, a diverse few evaluated, a predictor of the answers, and again."""

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

#: of what was evaluated, the best whose neighbours are candidates, too
_PARENTS = 10


@register_searcher(
    "cheap-first",
    reference="diverse sets as in L. Chen, G. Zhang, H. Zhou, 'Fast Greedy MAP Inference for Determinantal Point "
    "Process to Improve Recommendation Diversity', NeurIPS 2018, arXiv:1709.05135, algorithm 1",
)
class CheapFirst(Predicting):
    """For expensive evaluations in batches: candidates are filtered by cheap scores, and each batch is diverse.

    Candidates are drawn once, and ranked by scorers: those that are named in ``static``, then the warm-start scorer,
    which sees as many as a warm start is chosen from. The first batch is the best of this ranking that
    are unlike one another. Then a predictor learns from the answers, with these scores beside its encoding, and every
    further batch is chosen among the candidates that are left, and neighbours of the best that were evaluated, by what
    is predicted and how unlike they are. With several objectives the ranking is by fronts.

    Args:
        predictor: name and settings of a predictor that knows how sure it is, in brackets if it has settings.
        initial: evaluations before the first fit.
        candidates: architectures that are drawn.
        static: scorers that need no pass through a network, "params" or "(params,flops)", from the cheapest to the
            dearest; "" for none. Sums over choices are reckoned, and not measured for each.
        diversity: weight of being unlike the others of a batch; 0 takes the best by the ranking.
        optimism: what deviations are multiplied by, before they are added to predictions.
        encoding: by which architectures are compared.
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
        """Take the problem.

        Raises:
            UnknownNameError: there is no such predictor, scorer or encoding.
            InvalidInputError: the predictor does not tell how sure it is, or takes no scores beside its encoding.
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
        """By key, candidates that the filters left, best first."""
        if self._sifted is None:
            rng, kept = np.random.default_rng(self._seed), self.problem.warm_start_from
            found = Sifted(self.problem, self._scorers, self.candidates, kept, rng)
            self._sifted = {self.problem.domain.key(one): one for one in found.architectures}
        return self._sifted

    def first(self) -> list[Architecture]:
        """The best by the scores that are unlike one another; without scores those of :class:`Predicting`."""
        if not self._scorers:
            return super().first()
        left = [one for key, one in self.sifted.items() if key not in self.problem.history]
        rows = self._unlike(left, np.arange(len(left)), self.initial)
        return [left[row] for row in rows]

    def candidates_now(self, seen: Container[str]) -> list[Architecture]:
        """What the filters left, and neighbours of the best so far, in random order."""
        history, domain = self.problem.history, self.problem.domain
        found = {key: one for key, one in self.sifted.items() if key not in seen}
        for row in survivors(history.good, _PARENTS).tolist():
            for one in domain.neighbors(history.architectures[row]):
                if (key := domain.key(one)) not in seen:
                    found.setdefault(key, one)
        left = list(found.values())
        return [left[row] for row in self.problem.rng.permutation(len(left)).tolist()]

    def choose(self, candidates: Sequence[Architecture], mean: Floats, count: int) -> list[int]:
        """The best by predictions that are unlike one another."""
        hoped = mean + (self.optimism * self.models.std(candidates) if self.optimism else 0.0)
        return self._unlike(candidates, survivors(hoped, len(hoped)), count)

    def _unlike(self, candidates: Sequence[Architecture], order: Any, count: int) -> list[int]:
        return unlike(self.problem, self.encoding, candidates, order, count, self.diversity)

    def state(self) -> dict[str, Any]:
        """Beside what is out, what the draw of candidates follows from."""
        return {**super().state(), "seed": self._seed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described; candidates are drawn again."""
        super().restore(state)
        self._seed, self._sifted = state["seed"], None
