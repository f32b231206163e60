"""Statistics over the seeds of one searcher: costs of a goal that some searches never reached, ratios, differences.

If a search ends before its goal, the goal is known only to cost more than the search: the cost is censored. The
Kaplan-Meier estimate uses exactly this information. Intervals are percentiles of a bootstrap over seeds with fixed
random numbers: the same searches give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench._display import brief, fixed
from zcbench.errors import InvalidInputError
from zcbench.evaluation._efficiency import mean_interval
from zcbench.metrics import Estimate

Floats = NDArray[np.float64]
#: number of resamples of the seeds
RESAMPLES = 2_000


@dataclass(frozen=True, eq=False, repr=False)
class Reach:
    """The costs at which the searches of one label reached a goal.

    Attributes:
        costs: ``(seeds,)``; infinite where the goal was not reached.
        ends: ``(seeds,)`` the total cost of each search.
    """

    costs: Floats
    ends: Floats

    def __post_init__(self) -> None:
        costs, ends = np.asarray(self.costs, np.float64), np.asarray(self.ends, np.float64)
        if costs.ndim != 1 or costs.shape != ends.shape or not len(costs) or np.isnan(costs).any():
            raise InvalidInputError(
                f"costs of shape {costs.shape} and ends of shape {ends.shape}: give one per search."
            )
        object.__setattr__(self, "costs", costs)
        object.__setattr__(self, "ends", ends)

    def __repr__(self) -> str:
        return brief(f"<Reach of {len(self)} searches: {fixed(100 * self.share, 0)} % reached the goal>")

    def __len__(self) -> int:
        return len(self.costs)

    @property
    def share(self) -> float:
        """Share of the searches that reached the goal."""
        return float(np.isfinite(self.costs).mean())

    @property
    def horizon(self) -> float:
        """The highest cost with information."""
        return float(np.where(np.isfinite(self.costs), self.costs, self.ends).max())

    def median(self) -> Estimate:
        """Return the median cost, by Kaplan-Meier; infinite if fewer than half of the searches reached the goal."""
        return self._interval(_medians(*self._survival(self._resampled())), self._median())

    def mean(self, horizon: float) -> Estimate:
        """Return the restricted mean: the mean cost until the goal or a horizon, whichever is first."""
        whole = _restricted_means(*self._survival(np.ones((1, len(self)))), horizon)[0]
        return self._interval(_restricted_means(*self._survival(self._resampled()), horizon), float(whole))

    def _median(self) -> float:
        return float(_medians(*self._survival(np.ones((1, len(self)))))[0])

    def _interval(self, replicates: Floats, value: float) -> Estimate:
        low, high = _percentiles(replicates) if len(self) > 1 else (math.nan, math.nan)
        return Estimate(value, low, high, len(self))

    def _resampled(self, salt: int = 0) -> Floats:
        """Return the number of times that each seed was drawn ``(RESAMPLES, seeds)``."""
        n = len(self)
        return np.random.default_rng([n, salt]).multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64)

    def _survival(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return sorted costs ``(seeds,)``, and the share that has not reached the goal after each ``(…, seeds)``."""
        reached = np.isfinite(self.costs)
        times = np.where(reached, self.costs, self.ends)
        order: NDArray[np.intp] = np.lexsort(
            (~reached, times)
        )  # at equal costs, searches that ended there count as not at the goal
        drawn = weights[:, order]
        at_risk = np.cumsum(drawn[:, ::-1], 1)[:, ::-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            kept = np.where(reached[order] & (at_risk > 0), 1 - drawn / at_risk, 1.0)
        return np.asarray(times[order], np.float64), np.asarray(np.cumprod(kept, 1), np.float64)


def _medians(times: Floats, survival: Floats) -> Floats:
    """Return the mean of the first times at which at most half, and less than half, have not reached the goal."""

    def first(left: NDArray[np.bool_]) -> Floats:
        return np.where(left.any(1), times[left.argmax(1)], math.inf)

    return (first(survival <= 0.5 + 1e-9) + first(survival < 0.5 - 1e-9)) / 2


def _restricted_means(times: Floats, survival: Floats, horizon: float) -> Floats:
    """Return the area under the survival function up to a horizon."""
    edges = np.minimum(np.concatenate([[0.0], times, [horizon]]), horizon)
    before = np.concatenate([np.ones((len(survival), 1)), survival], 1)
    found: Floats = before @ np.maximum(np.diff(edges), 0)
    return found


def _percentiles(replicates: Floats) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles, rounded outwards; replicates may be infinite."""
    ordered = np.sort(replicates)
    last = len(ordered) - 1
    return float(ordered[math.floor(0.025 * last)]), float(ordered[math.ceil(0.975 * last)])


def median_interval(values: ArrayLike) -> Estimate:
    """Return the median of ``(n,)`` with a 95 % interval; nan if a value is nan, no interval for fewer than two."""
    numbers = np.asarray(values, np.float64)
    if not len(numbers) or np.isnan(numbers).any():
        return Estimate(math.nan, math.nan, math.nan, len(numbers))
    least = float(numbers.min())
    found = Reach(numbers - least, numbers - least).median()
    return Estimate(found.value + least, found.low + least, found.high + least, found.n)


@dataclass(frozen=True)
class Ratio:
    """The ratio of the costs of two searchers, by medians over seeds.

    Attributes:
        value: nan where the faster one's median is not known.
        low: lower end of the 95 % interval; nan for fewer than two seeds.
        high: upper end; infinite where the slower one has no end.
        at_least: whether the slower one's median is beyond its costs, so that value and ends are lower bounds.
    """

    value: float
    low: float
    high: float
    at_least: bool = False


def speed_up(slow: Reach, fast: Reach) -> Ratio:
    """Return the ratio of the median costs of two searchers, which are resampled separately.

    If the slow one's median is beyond the ends of its searches, their costs replace it, which gives a lower bound.
    """
    above, below = slow._median(), fast._median()
    at_least = math.isinf(above)
    if math.isinf(below):
        return Ratio(math.nan, math.nan, math.nan)
    cap = slow.horizon
    value = min(above, cap) / below if below else math.inf
    if min(len(slow), len(fast)) < 2:
        return Ratio(value, math.nan, math.nan, at_least)
    tops = _medians(*slow._survival(slow._resampled(1)))
    bottoms = _medians(*fast._survival(fast._resampled(2)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.minimum(tops, cap) / bottoms  # a fast searcher that never reached the goal counts as 0
        open_ended = np.where(np.isinf(tops), math.inf, ratios)
    return Ratio(value, _percentiles(ratios)[0], _percentiles(open_ended)[1], at_least)


def paired_difference(first: Mapping[int, float], second: Mapping[int, float]) -> Estimate:
    """Return the mean of first minus second over their common seeds, with a 95 % interval of Student's t.

    Args:
        first: a number by seed; nan for a missing number.
        second: the same for another searcher.
    """
    common = sorted(first.keys() & second.keys())
    return mean_interval(_finite(first[seed] - second[seed] for seed in common))


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]
