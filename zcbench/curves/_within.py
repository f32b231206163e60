"""Forecasts of metrics with bounds: distributions are truncated to the bounds and rescaled."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zcbench.curves._context import Floats
from zcbench.curves._forecast import Binned, Forecast

#: below this probability between the bounds, the distribution between them is uniform
_LEAST = 1e-12


def within(forecast: Forecast, low: float, high: float) -> Forecast:
    """Condition a forecast on values in [low, high].

    Args:
        forecast: of shape ``(curves, times)``.
        low: smallest possible value of the metric.
        high: largest possible value.

    Returns:
        Distributions between the bounds; a uniform one if hardly any probability lies there.
    """
    if isinstance(forecast, Binned):
        return forecast.within(low, high)
    column = (forecast.shape[0], 1)
    return Truncated(forecast, np.full(column, low), np.full(column, high))


@dataclass(frozen=True)
class Truncated(Forecast):
    """Another forecast, conditioned on values between bounds.

    Attributes:
        whole: the other forecast.
        low: smallest values ``(curves, 1)``.
        high: largest values ``(curves, 1)``.
    """

    whole: Forecast
    low: Floats
    high: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Curves and times."""
        return self.whole.shape

    @cached_property
    def _between(self) -> tuple[Floats, Floats]:
        """Probability below the lower bound, and between the bounds, of the other forecast ``(curves, times)``."""
        below = self.whole.cdf(self.low)
        return below, self.whole.cdf(self.high) - below

    def cdf(self, values: Floats) -> Floats:
        """Return the other forecast's probability above the lower bound, divided by that between the bounds."""
        y = np.clip(np.broadcast_to(np.asarray(values, dtype=np.float64), self.shape), self.low, self.high)
        below, held = self._between
        uniform = (y - self.low) / (self.high - self.low)
        found: Floats = np.clip((self.whole.cdf(y) - below) / np.where(held > _LEAST, held, 1.0), 0, 1)
        return np.where(held > _LEAST, found, np.where(np.isnan(held), np.nan, uniform))

    def log_density(self, values: Floats) -> Floats:
        """Return the other forecast's log-density, minus the logarithm of its probability between the bounds."""
        y = np.broadcast_to(np.asarray(values, dtype=np.float64), self.shape)
        _, held = self._between
        inside = self.whole.log_density(y) - np.log(np.where(held > _LEAST, held, 1.0))
        found = np.where(held > _LEAST, inside, -np.log(self.high - self.low))
        found = np.where((y < self.low) | (y > self.high), -np.inf, found)
        return np.where(np.isnan(y) | np.isnan(held), np.nan, found)

    @cached_property
    def _places(self) -> list[Floats]:
        return super()._inner(12)

    def _inner(self, halvings: int = 12) -> list[Floats]:
        """Return cached quantiles with fewer halvings, because bounds are near and each needs the other's cdf."""
        return self._places

    def mean(self) -> Floats:
        """Return the upper bound minus ∫ F(x) dx, by the Gauss-Legendre rule between the bounds and some quantiles."""
        low, high = self.support()
        total = np.zeros(self.shape)
        for left, right in itertools.pairwise(np.sort(np.stack([low, *self._inner(), high]), 0)):
            for node, weight in zip(*np.polynomial.legendre.leggauss(6), strict=True):
                total += weight * (right - left) / 2 * self.cdf((left + right) / 2 + node * (right - left) / 2)
        found: Floats = high - total
        return found

    def support(self) -> tuple[Floats, Floats]:
        """Return the bounds."""
        return np.broadcast_to(self.low, self.shape), np.broadcast_to(self.high, self.shape)

    def affine(self, offset: Floats, factor: Floats) -> Truncated:
        """Transform the other forecast and the bounds."""
        ends = np.sort(np.stack([offset + factor * self.low, offset + factor * self.high]), 0)
        return Truncated(self.whole.affine(offset, factor), ends[0], ends[1])

    def rows(self, chosen: NDArray[np.intp] | slice) -> Truncated:
        """Return the forecast of some curves."""
        return Truncated(self.whole.rows(chosen), self.low[chosen], self.high[chosen])

    def first(self, times: int) -> Truncated:
        """Return the forecast at the first ``times`` times."""
        return Truncated(self.whole.first(times), self.low, self.high)
