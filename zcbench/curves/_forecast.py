"""Distributions of later values: binned distributions, mixtures of normal distributions, and mixtures of forecasts."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zcbench.curves._context import Floats

#: halvings of the interval that contains a quantile
_HALVINGS = 60
#: number of distributions from which samples are drawn at once
_AT_ONCE = 20_000
#: quantiles between which an integral over a distribution is computed piecewise
_LEVELS = (1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-4)
#: mixtures with more normal distributions than this are integrated numerically, because the closed form is slower
_PAIRS = 128


class Forecast(ABC):
    """One distribution for each curve and each requested time, an array of shape ``(curves, times)``."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Curves and times."""

    @abstractmethod
    def mean(self) -> Floats:
        """Return expected values ``(curves, times)``."""

    @abstractmethod
    def cdf(self, values: Floats) -> Floats:
        """Return the probability of at most each value, for values that are broadcast to ``(curves, times)``."""

    @abstractmethod
    def log_density(self, values: Floats) -> Floats:
        """Return log-densities (nats) of values broadcast to ``(curves, times)``; -inf if the density is 0."""

    @abstractmethod
    def support(self) -> tuple[Floats, Floats]:
        """Return bounds ``(curves, times)`` that contain all but a billionth of the probability."""

    @abstractmethod
    def affine(self, offset: Floats, factor: Floats) -> Forecast:
        """Return distributions of offset + factor · y, with one offset and one factor per curve ``(curves, 1)``."""

    @abstractmethod
    def rows(self, chosen: NDArray[np.intp] | slice) -> Forecast:
        """Return the forecast of some curves."""

    @abstractmethod
    def first(self, times: int) -> Forecast:
        """Return the forecast at the first ``times`` times."""

    def quantile(self, probability: float) -> Floats:
        """Return quantiles of a probability ``(curves, times)``, accurate to a billionth of the support."""
        return self._quantiles(np.full(self.shape, probability))

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        """Draw from each distribution independently ``(count, curves, times)``."""
        shares = rng.random((count, *self.shape))
        curves, times = self.shape
        most = max(1, _AT_ONCE // max(1, curves * times))
        found: list[Floats] = [np.empty((0, *self.shape))]
        for start in range(0, count, most):
            some = shares[start : start + most]
            many = self.rows(np.tile(np.arange(curves), len(some)))
            found.append(many._quantiles(some.reshape(-1, times)).reshape(some.shape))
        return np.concatenate(found)

    def _quantiles(self, probabilities: Floats, halvings: int = _HALVINGS) -> Floats:
        """Return one quantile for each distribution."""
        low, high = (np.array(bound, dtype=np.float64) for bound in self.support())
        for _ in range(halvings):
            middle = (low + high) / 2
            below = self.cdf(middle) < probabilities
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        found: Floats = (low + high) / 2
        return found

    def _inner(self, halvings: int = 25) -> list[Floats]:
        """Return some approximate quantiles, between which integrals are computed piecewise."""
        return [self._quantiles(np.full(self.shape, level), halvings) for level in _LEVELS]

    def crps(self, values: Floats) -> Floats:
        """Return the continuous ranked probability score ``(curves, times)``, in the metric's units; lower is better.

        It is ∫ (F(x) - 1[x ≥ y])² dx. Without a closed form it is computed by the Gauss-Legendre rule between y, the
        bounds of the support and some quantiles, so that narrow parts are resolved as well as wide ones.

        Source: T. Gneiting and A. E. Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", Journal of
        the American Statistical Association 2007, section 4.2.
        """
        y = np.broadcast_to(np.asarray(values, dtype=np.float64), self.shape)
        low, high = self.support()
        knots = np.sort(np.stack([np.minimum(low, y), *self._inner(), y, np.maximum(high, y)]), 0)
        total = np.zeros(self.shape)
        for left, right in itertools.pairwise(knots):
            target = (left + right) / 2 > y
            for node, weight in zip(*np.polynomial.legendre.leggauss(6), strict=True):
                at = (left + right) / 2 + node * (right - left) / 2
                total += weight * (right - left) / 2 * (self.cdf(at) - target) ** 2
        return total


@dataclass(frozen=True)
class Binned(Forecast):
    """A constant density in each of many bins.

    Attributes:
        edges: ``(curves, times, bins + 1)``, increasing; or ``(curves, 1, bins + 1)``, the same for all times.
        probabilities: ``(curves, times, bins)``, with sum one.
    """

    edges: Floats
    probabilities: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Curves and times."""
        return (self.probabilities.shape[0], self.probabilities.shape[1])

    def mean(self) -> Floats:
        """Return the weighted mean of the bins' centres."""
        found: Floats = (self.probabilities * (self.edges[..., 1:] + self.edges[..., :-1]) / 2).sum(-1)
        return found

    def _below(self) -> Floats:
        """Return the probability below each edge ``(curves, times, bins + 1)``."""
        below = np.zeros((*self.shape, self.probabilities.shape[-1] + 1))
        np.cumsum(self.probabilities, -1, out=below[..., 1:])
        return below

    def _bin(self, values: Floats) -> tuple[Floats, NDArray[np.intp]]:
        y = np.broadcast_to(np.asarray(values, dtype=np.float64), self.shape)
        inner = self.edges[..., 1:-1]
        which = (inner <= y[..., None]).sum(-1)
        # The last edge belongs to the last bin with a positive width, because accuracies of exactly 1 are possible.
        return y, np.where(y >= self.edges[..., -1], (inner < y[..., None]).sum(-1), which)

    def cdf(self, values: Floats) -> Floats:
        """Add the bins below a value and a share of the bin of the value."""
        y, which = self._bin(values)
        below = self._below()
        left, right = self._of(self.edges, which), self._of(self.edges, which + 1)
        width = right - left  # a truncated bin may have the width 0
        share = np.clip((y - left) / np.where(width > 0, width, 1.0), 0, 1)
        found: Floats = self._of(below, which) + share * self._of(self.probabilities, which)
        return np.minimum(found, 1.0)

    def log_density(self, values: Floats) -> Floats:
        """Divide the probability of the bin by its width."""
        y, which = self._bin(values)
        left, right = self._of(self.edges, which), self._of(self.edges, which + 1)
        with np.errstate(divide="ignore", invalid="ignore"):  # a truncated bin may have neither width nor probability
            found = np.log(self._of(self.probabilities, which) / (right - left))
        found = np.where((y < left) | (y > right) | (right <= left), -np.inf, found)
        return np.where(np.isnan(y), np.nan, found)

    def _quantiles(self, probabilities: Floats, halvings: int = _HALVINGS) -> Floats:
        """Return quantiles in closed form: the bin and the required share of it."""
        below = self._below()
        which = np.minimum((below[..., 1:] < np.asarray(probabilities)[..., None]).sum(-1), below.shape[-1] - 2)
        held = self._of(self.probabilities, which)
        wanting = probabilities - self._of(below, which)
        share = np.clip(wanting / np.where(held > 0, held, 1.0), 0, 1)
        left, right = self._of(self.edges, which), self._of(self.edges, which + 1)
        found: Floats = left + share * (right - left)
        return np.where(np.isnan(below[..., -1]), np.nan, found)

    def crps(self, values: Floats) -> Floats:
        """Return the score in closed form: the distribution is linear in each bin, and on both sides of the value."""
        y = np.broadcast_to(np.asarray(values, dtype=np.float64), self.shape)
        at = self.cdf(y)
        after = self.probabilities.cumsum(-1)
        before = after - self.probabilities
        left, right = self.edges[..., :-1], self.edges[..., 1:]
        cut = np.clip(y[..., None], left, right)
        middle = np.clip(at[..., None], before, after)
        below = (cut - left) * (before**2 + before * middle + middle**2)
        above = (right - cut) * ((1 - middle) ** 2 + (1 - middle) * (1 - after) + (1 - after) ** 2)
        outside = np.maximum(self.edges[..., 0] - y, 0) + np.maximum(y - self.edges[..., -1], 0)
        found: Floats = (below + above).sum(-1) / 3 + outside
        return found

    @staticmethod
    def _of(values: Floats, which: NDArray[np.intp]) -> Floats:
        whole = np.broadcast_to(values, (*which.shape, values.shape[-1]))
        return np.take_along_axis(whole, which[..., None], -1)[..., 0]

    def support(self) -> tuple[Floats, Floats]:
        """Return the outer edges."""
        return np.broadcast_to(self.edges[..., 0], self.shape), np.broadcast_to(self.edges[..., -1], self.shape)

    def affine(self, offset: Floats, factor: Floats) -> Binned:
        """Transform the edges; reverse the bins if the factor is negative."""
        edges = offset[..., None] + factor[..., None] * self.edges
        turned = factor[..., None] < 0
        return Binned(
            np.where(turned, edges[..., ::-1], edges),
            np.where(turned, self.probabilities[..., ::-1], self.probabilities),
        )

    def rows(self, chosen: NDArray[np.intp] | slice) -> Binned:
        """Return the forecast of some curves."""
        return Binned(self.edges[chosen], self.probabilities[chosen])

    def first(self, times: int) -> Binned:
        """Return the forecast at the first ``times`` times."""
        return Binned(self.edges[:, :times], self.probabilities[:, :times])

    def within(self, low: float, high: float) -> Binned:
        """Condition on values in [low, high]: bins are truncated, and the probabilities of the others are rescaled.

        Without it, a distant bin contains a thousandth of the probability and contributes half of the mean.
        """
        edges = np.clip(self.edges, low, high)
        width = np.diff(edges)
        before = np.diff(self.edges)  # 0 for a bin that was truncated before
        probabilities = self.probabilities * (width / np.where(before > 0, before, np.inf))
        total = probabilities.sum(-1, keepdims=True)
        if (total > 0).all():
            return Binned(edges, probabilities / total)
        uniform = width / (high - low)  # the whole forecast lies outside, so that nothing is known
        uniform = np.where(np.isnan(total), np.nan, uniform)
        return Binned(edges, np.where(total > 0, probabilities / np.where(total > 0, total, 1), uniform))


@dataclass(frozen=True)
class Normals(Forecast):
    """Mixtures of normal distributions.

    Attributes:
        weights: ``(curves, times, parts)``, with sum one.
        means: ``(curves, times, parts)``.
        spreads: standard deviations ``(curves, times, parts)``, positive.
    """

    weights: Floats
    means: Floats
    spreads: Floats

    @classmethod
    def single(cls, means: Floats, spreads: Floats) -> Normals:
        """Make one normal distribution each, from means and standard deviations ``(curves, times)``."""
        return cls(np.ones((*means.shape, 1)), means[..., None], np.broadcast_to(spreads, means.shape)[..., None])

    @property
    def shape(self) -> tuple[int, int]:
        """Curves and times."""
        return (self.means.shape[0], self.means.shape[1])

    def mean(self) -> Floats:
        """Return the weighted means."""
        found: Floats = (self.weights * self.means).sum(-1)
        return found

    def _z(self, values: Floats) -> Floats:
        y = np.broadcast_to(np.asarray(values, dtype=np.float64), self.shape)
        found: Floats = (y[..., None] - self.means) / self.spreads
        return found

    def cdf(self, values: Floats) -> Floats:
        """Return the weighted cumulative probabilities."""
        from scipy.special import ndtr

        found: Floats = (self.weights * ndtr(self._z(values))).sum(-1)
        return found

    def log_density(self, values: Floats) -> Floats:
        """Return the logarithm of the weighted densities, without overflow."""
        from scipy.special import logsumexp

        with np.errstate(divide="ignore"):
            each = -0.5 * self._z(values) ** 2 - np.log(self.spreads) - 0.5 * np.log(2 * np.pi)
            found: Floats = logsumexp(each, b=self.weights, axis=-1)
        return found

    def crps(self, values: Floats) -> Floats:
        """Return the score; for mixtures with few parts in closed form: E|X - y| - E|X - X'| / 2."""
        from scipy.special import ndtr

        if self.means.shape[-1] > _PAIRS:
            return super().crps(values)

        def distance(mean: Floats, spread: Floats) -> Floats:
            z = mean / spread
            found: Floats = 2 * spread * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) + mean * (2 * ndtr(z) - 1)
            return found

        y = np.broadcast_to(np.asarray(values, dtype=np.float64), self.shape)[..., None]
        total = (self.weights * distance(y - self.means, self.spreads)).sum(-1)
        weights = np.broadcast_to(self.weights, self.means.shape)
        for part in range(self.means.shape[-1]):
            one = slice(part, part + 1)
            spread = np.hypot(self.spreads, self.spreads[..., one])
            pairs = (weights * distance(self.means - self.means[..., one], spread)).sum(-1)
            total -= weights[..., part] * pairs / 2
        found: Floats = total
        return found

    def support(self) -> tuple[Floats, Floats]:
        """Return the bounds seven standard deviations beyond the outermost part."""
        return (self.means - 7 * self.spreads).min(-1), (self.means + 7 * self.spreads).max(-1)

    def affine(self, offset: Floats, factor: Floats) -> Normals:
        """Transform means and standard deviations."""
        moved = offset[..., None] + factor[..., None] * self.means
        return Normals(self.weights, moved, np.abs(factor[..., None]) * self.spreads)

    def rows(self, chosen: NDArray[np.intp] | slice) -> Normals:
        """Return the forecast of some curves."""
        return Normals(self.weights[chosen], self.means[chosen], self.spreads[chosen])

    def first(self, times: int) -> Normals:
        """Return the forecast at the first ``times`` times."""
        return Normals(self.weights[:, :times], self.means[:, :times], self.spreads[:, :times])


@dataclass(frozen=True)
class Mixture(Forecast):
    """A weighted mixture of other forecasts.

    Attributes:
        parts: forecasts of one shape.
        weights: ``(curves, parts)``, with sum one.
    """

    parts: Sequence[Forecast]
    weights: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Curves and times."""
        return self.parts[0].shape

    def _weighted(self, values: Sequence[Floats]) -> Floats:
        found: Floats = sum(
            (self.weights[:, [number]] * value for number, value in enumerate(values)), start=np.zeros(self.shape)
        )
        return found

    def mean(self) -> Floats:
        """Return the weighted means."""
        return self._weighted([part.mean() for part in self.parts])

    def cdf(self, values: Floats) -> Floats:
        """Return the weighted cumulative probabilities."""
        return self._weighted([part.cdf(values) for part in self.parts])

    def log_density(self, values: Floats) -> Floats:
        """Return the logarithm of the weighted densities."""
        from scipy.special import logsumexp

        each = np.stack([part.log_density(values) for part in self.parts], -1)
        found: Floats = logsumexp(each, b=self.weights[:, None], axis=-1)
        return found

    def crps(self, values: Floats) -> Floats:
        """Return the score; for binned parts in closed form.

        The score of a mixture is the weighted mean of its parts' scores minus, for each pair, the product of the
        weights times ∫ (F - G)² dx, because the square of a mean is the mean of squares minus the variance.
        """
        parts = [part for part in self.parts if isinstance(part, Binned)]
        if len(parts) < len(self.parts):
            return super().crps(values)
        total = self._weighted([part.crps(values) for part in parts])
        for one, other in itertools.combinations(range(len(parts)), 2):
            weights = self.weights[:, [one]] * self.weights[:, [other]]
            # If one part has the whole weight, there is nothing to compute.
            rows = np.flatnonzero(weights[:, 0] > 0)
            total[rows] -= weights[rows] * _apart(parts[one].rows(rows), parts[other].rows(rows))
        return total

    def support(self) -> tuple[Floats, Floats]:
        """Return the widest bounds of the parts."""
        bounds = [part.support() for part in self.parts]
        return np.min([low for low, _ in bounds], 0), np.max([high for _, high in bounds], 0)

    def affine(self, offset: Floats, factor: Floats) -> Mixture:
        """Transform each part."""
        return Mixture([part.affine(offset, factor) for part in self.parts], self.weights)

    def rows(self, chosen: NDArray[np.intp] | slice) -> Mixture:
        """Return the forecast of some curves."""
        return Mixture([part.rows(chosen) for part in self.parts], self.weights[chosen])

    def first(self, times: int) -> Mixture:
        """Return the forecast at the first ``times`` times."""
        return Mixture([part.first(times) for part in self.parts], self.weights)


def _apart(first: Binned, second: Binned) -> Floats:
    """Compute ∫ (F - G)² dx ``(curves, times)``; F and G are linear between the edges of both."""
    found = np.zeros(first.shape)
    edges = [np.broadcast_to(part.edges, (*part.shape, part.edges.shape[-1])) for part in (first, second)]
    below = [np.pad(part.probabilities.cumsum(-1), ((0, 0), (0, 0), (1, 0))) for part in (first, second)]
    for place in np.ndindex(first.shape):
        knots = np.sort(np.concatenate([edge[place] for edge in edges]))
        one, other = (np.interp(knots, edge[place], sums[place]) for edge, sums in zip(edges, below, strict=True))
        left, right = (one - other)[:-1], (one - other)[1:]
        found[place] = (np.diff(knots) * (left**2 + left * right + right**2)).sum() / 3
    return found
