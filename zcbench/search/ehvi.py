"""Expected hypervolume improvement: what is expected to add most to the front is evaluated next.

Each objective that has to be evaluated has a predictor of its own that knows how sure it is. Objectives that are known
without training, such as FLOPs, enter as they are: nothing is spent on guessing them, and of two architectures with
like accuracies the better one is known.
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

#: candidates whose improvement is computed at once
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

    Where several architectures are chosen at once, each counts for the next ones as if its prediction had come true.
    Candidates are all architectures where these are few, and else those that NSGA-II on predictions visits. Without a
    reference point of the search, hypervolume is measured from the worst predictions among the candidates, but not from
    outliers: a few broken networks would else make all gains small.

    Args:
        predictor: name and settings of a predictor that knows how sure it is, in brackets if it has settings:
            "(gp:encoding=onehot)".
        initial: evaluations before the first fit. Without a warm start the lowest and the highest of each objective
            that is known are among them: the front lies between.
        every: architectures that are chosen by one fit, at least.
        explore: share of them that are random.
        pool: architectures up to which all of a domain are candidates.
        visits: candidates where there are more: what NSGA-II on predictions visits.
        optimism: what deviations are multiplied by. Where ranks are learned, deviations beyond the best are large, and
            1 explores more than small budgets allow; chosen among 1, .5, .25 and .1 on NAS-Bench-Macro with seeds that
            no table reports.
        fence: predictions that are by so many interquartile ranges below the first quartile are outliers.
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
        """The most promising candidate, then the most promising one if that is as predicted, and so on."""
        history = self.problem.history
        found = history.good[history.complete]
        std = self.optimism * self.models.std(candidates)
        origin, scale = self._reference(found[pareto_front(found)], mean)
        known, mean, std = (found - origin) / scale, (mean - origin) / scale, std / scale
        rows: list[int] = []
        left = np.arange(len(candidates))
        # A front that grows only takes from what another point would add, so earlier values bound later ones.
        bound = _improvement(mean, std, known, np.arange(len(mean)))
        while len(rows) < count:
            best = _best(left, bound, functools.partial(_improvement, mean, std, known))
            rows.append(best)
            left = left[left != best]
            known = np.concatenate([known, mean[best : best + 1]])
        return rows

    def _reference(self, front: Floats, predicted: Floats) -> tuple[Floats, Floats]:
        """The point that hypervolume is measured from, and units ``(objectives,)`` of about the front's ranges."""
        low, high = np.quantile(predicted, [0.25, 0.75], axis=0)
        span = np.ptp(front, axis=0)
        span = np.where(span > 0, span, np.where(high > low, high - low, 1.0))
        if self.problem.reference is not None:
            return np.array(self.problem.reference), span
        worst = np.maximum(predicted.min(0), low - self.fence * (high - low))
        origin = np.minimum(worst, front.max(0) - 0.1 * span)
        return origin, span


def _improvement(mean: Floats, std: Floats, known: Floats, rows: NDArray[np.intp]) -> Floats:
    """Expected improvements of some rows over what is known, from a reference point of zeros."""
    return expected_improvement(mean[rows], std[rows], known, np.zeros(mean.shape[1]))


def _best(left: NDArray[np.intp], bound: Floats, value: Callable[[NDArray[np.intp]], Floats]) -> int:
    """The row of those left with the highest value; the first of equal ones. Bounds become values where these are had.

    Args:
        left: rows.
        bound: by row, at least its value; changed.
        value: values of some rows.
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
