"""RoBoT's weightings: metrics on one scale, and the choice of the next weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from zcbench.errors import InvalidInputError
from zcbench.predictors._targets import Floats

#: Number of random weights for the choice of the next, and weight of the deviation in the upper confidence bound.
_CANDIDATES, _KAPPA = 2000, 2.576


@dataclass
class Weightings:
    """Weightings of ``metrics`` columns that were tried, and the value of each.

    Attributes:
        metrics: number of columns.
        tried: weights ``(metrics,)`` in [-1, 1], in order.
        worth: value of each, high is good.
    """

    metrics: int
    tried: list[Floats] = field(default_factory=list)
    worth: list[float] = field(default_factory=list)

    def draw(self, random: np.random.Generator) -> Floats:
        """Draw the next weighting: of 2,000 random ones that with the highest upper confidence bound of a process."""
        return _next_weights(np.array(self.tried), np.array(self.worth), self.metrics, random)

    def learn(self, weights: Floats, worth: float) -> None:
        """Store the value of a weighting."""
        self.tried.append(weights)
        self.worth.append(worth)

    @property
    def best(self) -> Floats:
        """The weighting with the highest value, the earliest of equal ones."""
        return self.tried[int(np.argmax(self.worth))]


def explore(
    scores: Floats, worth: Callable[[int], float | None], rounds: int, random: np.random.Generator
) -> Weightings:
    """Try weightings of scores ``(n, metrics)`` on one scale; the value of each is that of its first-ranked row.

    Args:
        scores: see :func:`normalised`.
        worth: returns the value of a row, high is good; None ends the exploration.
        rounds: number of weightings to try.
        random: random numbers.

    Raises:
        InvalidInputError: there are no rows or no metrics.
    """
    if not np.size(scores):
        raise InvalidInputError("RoBoT needs a pool, and at least one metric.")
    found = Weightings(scores.shape[1])
    for _ in range(rounds):
        weights = found.draw(random)
        value = worth(int(np.argmax(scores @ weights)))
        if value is None:
            break
        found.learn(weights, value)
    return found


def normalised(metrics: Floats) -> Floats:
    """Scale each column ``(n, m)`` to [0, 1] over the pool; a missing score counts as the average.

    The authors skip networks without a score. Here the whole pool must be ranked, and no weight of any sign makes a
    missing score the best.
    """
    return scaled(metrics, *bounds(metrics))


def bounds(metrics: Floats) -> tuple[Floats, Floats, Floats]:
    """Return for each column the least finite value, the distance to the highest (1 if it is 0) and the mean."""
    finite = np.isfinite(metrics)
    count = finite.sum(0)
    low = np.min(metrics, axis=0, where=finite, initial=np.inf)
    high = np.max(metrics, axis=0, where=finite, initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    low = np.where(count > 0, low, 0.0)
    mean = np.sum((metrics - low) / span, axis=0, where=finite) / np.maximum(count, 1)
    return low, span, mean


def scaled(metrics: Floats, low: Floats, span: Floats, mean: Floats) -> Floats:
    """Scale metrics ``(n, m)`` by the :func:`bounds` of a pool."""
    return np.where(np.isfinite(metrics), (metrics - low) / span, mean)


def _next_weights(tried: Floats, worth: Floats, metrics: int, random: np.random.Generator) -> Floats:
    candidates: Floats = random.uniform(-1, 1, (_CANDIDATES, metrics))
    if len(tried) < 2 or np.ptp(worth) == 0:
        first: Floats = candidates[0]
        return first
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern

    kernel = Matern(nu=2.5, length_scale_bounds=(0.05, 10.0))
    process = GaussianProcessRegressor(kernel, alpha=1e-6, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length scale at its bound is as good as any
        mean, deviation = process.fit(tried, worth).predict(candidates, return_std=True)
    choice: Floats = candidates[int(np.argmax(mean + _KAPPA * deviation))]
    return choice
