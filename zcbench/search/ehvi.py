"""Expected hypervolume improvement: the next evaluation is the one that is expected to improve the front most.

Each objective that has to be evaluated has a separate predictor with standard deviations. Objectives that are known
without training, such as FLOPs, are used exactly: no evaluation is spent on predicting them, and of two architectures
with similar accuracies the better one is known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from zcbench.metrics import pareto_front
from zcbench.search._base import Floats
from zcbench.search._improvement import expected_improvement
from zcbench.search._register import register_searcher
from zcbench.search._several import Predicting
from zcbench.types import Architecture

#: number of candidates whose improvement is computed at once
_BLOCK = 256


@register_searcher(
    "ehvi",
    version=2,
    reference="M. Emmerich, A. Deutz, J. Klinkenberg, 'Hypervolume-based Expected Improvement: Monotonicity Properties "
    "and Exact Computation', CEC 2011; several at once as in D. Ginsbourger, R. Le Riche, L. Carraro, 'Kriging is "
    "well-suited to parallelize optimization', 2010, section 3.2",
)
class EHVI(Predicting):
    """Expected hypervolume improvement of independent predictions; objectives known without training are exact.

    If several architectures are chosen at once, each is treated as evaluated with its predicted values when the next
    ones are chosen. Candidates are all architectures of a small domain, otherwise those that NSGA-II on predictions
    visits. If the search has no reference point, hypervolume is measured from the worst predictions among the
    candidates, without outliers: a few failed networks would otherwise make all improvements small.

    Args:
        predictor: name and settings of a predictor with standard deviations, in brackets if it has settings:
            "(gp:encoding=onehot)".
        initial: evaluations before the first fit. Without a warm start, they include the lowest and the highest of each
            known objective, because the front lies between these.
        every: least number of architectures that are chosen with one fit.
        explore: share of them that are random.
        pool: largest size of a domain of which all architectures are candidates.
        visits: number of candidates that NSGA-II on predictions visits in larger domains.
        optimism: factor of the deviations. For rank targets, deviations beyond the best are large, and 1 explores more
            than small budgets allow. It was chosen among 1, .5, .25 and .1 on NAS-Bench-Macro with seeds that no table
            reports.
        fence: a prediction is an outlier if it is lower than the first quartile by this many interquartile ranges.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"optimism": (0, 1e6), "fence": (0, 1e6)}
    sure = from_ends = True

    def __init__(
        self,
        predictor: str = "(gp:encoding=onehot)",
        initial: int = 20,
        every: int = 1,
        explore: float = 0.0,
        pool: int = 10_000,
        visits: int = 2_000,
        optimism: float = 0.25,
        fence: float = 3.0,
    ) -> None:
        super().__init__(predictor, initial, every, explore, pool, visits)
        self.optimism = optimism
        self.fence = fence

    def choose(self, candidates: Sequence[Architecture], mean: Floats, count: int) -> list[int]:
        """Choose the most promising candidate, then the most promising one if the first is as predicted, and so on."""
        history = self.problem.history
        found = history.good[history.complete]
        std = self.optimism * self.models.std(candidates)
        origin, scale = self._reference(found[pareto_front(found)], mean)
        known, mean, std = (found - origin) / scale, (mean - origin) / scale, std / scale
        rows: list[int] = []
        left = np.arange(len(candidates))
        # A growing front only reduces the improvement by another point, so earlier values bound later ones.
        bound = _improvement(mean, std, known, np.arange(len(mean)))
        while len(rows) < count:
            best = _best(left, bound, functools.partial(_improvement, mean, std, known))
            rows.append(best)
            left = left[left != best]
            known = np.concatenate([known, mean[best : best + 1]])
        return rows

    def _reference(self, front: Floats, predicted: Floats) -> tuple[Floats, Floats]:
        """Return the reference point of the hypervolume, and units ``(objectives,)`` of about the front's ranges."""
        low, high = np.quantile(predicted, [0.25, 0.75], axis=0)
        span = np.ptp(front, axis=0)
        span = np.where(span > 0, span, np.where(high > low, high - low, 1.0))
        if self.problem.reference is not None:
            return np.array(self.problem.reference), span
        worst = np.maximum(predicted.min(0), low - self.fence * (high - low))
        origin = np.minimum(worst, front.max(0) - 0.1 * span)
        return origin, span


def _improvement(mean: Floats, std: Floats, known: Floats, rows: NDArray[np.intp]) -> Floats:
    """Return the expected improvements of some rows over the known points, from a reference point of zeros."""
    return expected_improvement(mean[rows], std[rows], known, np.zeros(mean.shape[1]))


def _best(left: NDArray[np.intp], bound: Floats, value: Callable[[NDArray[np.intp]], Floats]) -> int:
    """Return the remaining row with the highest value, the first of equal ones; computed values replace the bounds.

    Args:
        left: rows.
        bound: by row, an upper bound of its value; changed.
        value: function that computes the values of some rows.
    """
    order = left[np.argsort(-bound[left], kind="stable")]
    best, highest = -1, -np.inf
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        if bound[block[0]] < highest:
            break
        bound[block] = value(block)
        row = int(block[np.argmax(bound[block])])
        if bound[row] > highest:
            best, highest = row, float(bound[row])
    return best
