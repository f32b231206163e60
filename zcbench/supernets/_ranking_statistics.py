"""Agreement of scores with stand-alone trainings of subnets: averages over supernets and draws, with intervals.

Intervals of tau and rho are those of :mod:`zcbench.metrics`, a jackknife over subnets, of the average. The difference
to a baseline has a paired bootstrap over subnets and over supernets, with fixed random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zcbench.metrics import (
    Estimate,
    Jackknife,
    ceiling_fraction,
    kendall_jackknife,
    spearman_jackknife,
)

Floats = NDArray[np.float64]
#: number of bootstrap samples
RESAMPLES = 1_000


class View(NamedTuple):
    """Scores of some subnets by one supernet, or by one fit of a predictor.

    Attributes:
        rows: ``(m,)`` numbers of the subnets, ascending.
        scores: ``(m,)`` finite, high is good.
        truth: ``(m,)`` reference values, high is good.
        seed: number of the supernet among several; views of one supernet are averaged first.
    """

    rows: NDArray[np.intp]
    scores: Floats
    truth: Floats
    seed: int = 0


@dataclass(frozen=True)
class Agreement:
    """The quality of a scorer's ranking.

    Attributes:
        tau: Kendall's tau-b, the mean over supernets, with an interval over subnets.
        rho: Spearman's rho, in the same way.
        half: tau among the better half of the subnets.
        by_seed: tau of each supernet.
        spread: standard deviation of these (n - 1); nan for a single one.
        over: tau minus the baseline's on the same subnets, with a paired bootstrap interval.
        of_ceiling: tau with single trainings as a share of that of one training with another; nan without repeats.
    """

    tau: Estimate
    rho: Estimate
    half: Estimate
    by_seed: tuple[float, ...]
    spread: float
    over: Estimate
    of_ceiling: float

    @property
    def standing(self) -> str:
        """Position of the difference's interval relative to zero: "above", "below", "tied"; "" without an interval."""
        if math.isnan(self.over.low):
            return ""
        return "above" if self.over.low > 0 else "below" if self.over.high < 0 else "tied"


def agreement(views: Sequence[View], baseline: Baseline, repeats: Floats | None = None) -> Agreement:
    """Compute the agreement of one scorer.

    Args:
        views: views of one scorer; at least one of each supernet.
        baseline: the baseline.
        repeats: ``(n, seeds)`` single trainings of all subnets, high is good.
    """
    taus = [kendall_jackknife(view.scores, view.truth) for view in views]
    seeds = [view.seed for view in views]
    by_seed = tuple(_by_seed([one.value for one in taus], seeds))
    shares = [math.nan]
    if repeats is not None:
        shares = _by_seed([ceiling_fraction(view.scores, repeats[view.rows]).value for view in views], seeds)
    halves = [better_half(view) for view in views]
    return Agreement(
        tau=_averaged(views, taus, baseline.count),
        rho=_averaged(views, [spearman_jackknife(v.scores, v.truth) for v in views], baseline.count),
        half=_averaged(halves, [kendall_jackknife(v.scores, v.truth) for v in halves], baseline.count),
        by_seed=by_seed,
        spread=float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else math.nan,
        over=baseline.difference(views),
        of_ceiling=float(np.mean(shares)),
    )


def better_half(view: View) -> View:
    """Return the view of the half of its subnets that is better by the truth; the larger half of an odd number."""
    order = np.argsort(-view.truth, kind="stable")[: (len(view.rows) + 1) // 2]
    kept = np.sort(order)
    return View(view.rows[kept], view.scores[kept], view.truth[kept], view.seed)


def _by_seed(values: Sequence[float], seeds: Sequence[int]) -> list[float]:
    """Return the mean of each seed's values, in the order of seeds."""
    return [
        float(np.mean([value for value, of in zip(values, seeds, strict=True) if of == seed]))
        for seed in sorted(set(seeds))
    ]


def _averaged(views: Sequence[View], parts: Sequence[Jackknife], count: int) -> Estimate:
    """Return the mean over seeds of the mean over their views, with an interval over all of their subnets."""
    seeds = [view.seed for view in views]
    weights = [1 / seeds.count(seed) / len(set(seeds)) for seed in seeds]
    value, without, seen = 0.0, np.zeros(count), np.zeros(count, np.bool_)
    for view, part, weight in zip(views, parts, weights, strict=True):
        each = np.full(count, part.value)
        each[view.rows] = part.without
        value += weight * part.value
        without += weight * each
        seen[view.rows] = True
    return Jackknife(value, without[seen]).correlation()


class Baseline:
    """A column of scores with which others are compared, on the same subnets.

    Args:
        scores: ``(n,)`` high is good; nan where there is none.
        resamples: number of bootstrap samples.
    """

    def __init__(self, scores: Floats, resamples: int = RESAMPLES) -> None:
        self.scores, self.count, self.resamples = scores, len(scores), resamples
        self._drawn: Floats | None = None
        self._known: dict[tuple[bytes, bytes], tuple[float, Floats]] = {}

    def difference(self, views: Iterable[View]) -> Estimate:
        """Return tau minus that of the baseline: the mean over seeds of the mean over their views.

        Subnets and seeds are drawn with replacement; a pair of equal subnets is a tie in everything and does not
        contribute. Predictors are not fitted again.
        """
        shared = [self._shared(view) for view in views]
        shared = [view for view in shared if len(view.rows) > 1]
        rows = np.unique(np.concatenate([view.rows for view in shared])) if shared else np.zeros(0, np.intp)
        unknown = Estimate(math.nan, math.nan, math.nan, len(rows))
        if len(rows) < 4:
            return unknown
        seeds = sorted({view.seed for view in shared})
        values: dict[int, list[float]] = {seed: [] for seed in seeds}
        drawn: dict[int, list[Floats]] = {seed: [] for seed in seeds}
        for view in shared:
            value, each = self._compared(view)
            values[view.seed].append(value)
            drawn[view.seed].append(each)
        value = float(np.mean([np.mean(values[seed]) for seed in seeds]))
        of_seed = np.stack([np.mean(drawn[seed], axis=0) for seed in seeds], 1)  # (resamples, seeds)
        rng = np.random.default_rng([self.count, len(seeds), 1])
        chosen = rng.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), self.resamples) / len(seeds)
        replicates = (of_seed * chosen).sum(1)
        replicates = np.sort(replicates[np.isfinite(replicates)])  # in some small samples all values are equal
        if math.isnan(value) or len(replicates) < self.resamples / 2:
            return unknown
        last = len(replicates) - 1
        low, high = replicates[math.floor(0.025 * last)], replicates[math.ceil(0.975 * last)]
        return Estimate(value, float(low), float(high), len(rows))

    def _shared(self, view: View) -> View:
        kept = np.isfinite(self.scores[view.rows])
        return View(view.rows[kept], view.scores[kept], view.truth[kept], view.seed)

    def _compared(self, view: View) -> tuple[float, Floats]:
        """Return the difference, and the differences in all bootstrap samples of the subnets."""
        key = view.rows.tobytes(), view.truth.tobytes()
        truth = _signs(view.truth)
        if key not in self._known:
            mine = self.scores[view.rows]
            self._known[key] = kendall_jackknife(mine, view.truth).value, self._taus(mine, truth, view.rows)
        value, each = self._known[key]
        own = kendall_jackknife(view.scores, view.truth).value
        return own - value, self._taus(view.scores, truth, view.rows) - each

    def _taus(self, scores: Floats, truth: Floats, rows: NDArray[np.intp]) -> Floats:
        if self._drawn is None:
            rng = np.random.default_rng([self.count, 0])
            drawn = rng.multinomial(self.count, np.full(self.count, 1 / self.count), self.resamples)
            self._drawn = drawn.astype(np.float64)
        return weighted_taus(_signs(scores), truth, self._drawn[:, rows])


def weighted_taus(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Compute tau-b with multiple counts of elements, for many sets of counts ``(resamples, m)``.

    Args:
        x: ``(m, m)`` signs of the differences of a column.
        y: signs of the differences of another column.
        weights: counts of each element.

    Returns:
        ``(resamples,)``; nan if a column is constant.
    """

    def summed(pairs: Floats) -> Floats:
        found: Floats = ((weights @ pairs) * weights).sum(1)
        return found

    with np.errstate(invalid="ignore", divide="ignore"):
        taus: Floats = summed(x * y) / np.sqrt(summed(x * x) * summed(y * y))
    return taus


def _signs(column: Floats) -> Floats:
    signs: Floats = np.sign(column[:, None] - column)
    return signs


def means_of_others(values: Floats) -> Floats:
    """Return for each column of ``(n, seeds)`` the mean of the other columns; there are two or more."""
    count = values.shape[1]
    others: Floats = np.stack([np.delete(values, seed, 1).mean(1) for seed in range(count)], 1)
    return others
