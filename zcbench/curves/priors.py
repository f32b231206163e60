"""Distributions of learning curves, on which a network is trained and which other methods assume.

Curves increase in [0, 1], like accuracy; :mod:`zcbench.curves.scales` converts others to this range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from zcbench.curves.families import FAMILIES, Floats
from zcbench.errors import InvalidInputError


@dataclass(frozen=True)
class Sample:
    """Curves drawn from a prior.

    Attributes:
        times: epochs ``(epochs,)``, from 1 on.
        values: observations ``(count, epochs)``; noise may leave [0, 1].
        means: the observations without noise.
        noise: standard deviation of the noise ``(count, epochs)``.
    """

    times: Floats
    values: Floats
    means: Floats
    noise: Floats


class Prior(Protocol):
    """A distribution of learning curves."""

    name: str

    def sample(self, rng: np.random.Generator, count: int, epochs: int = 100) -> Sample:
        """Draw ``count`` curves of ``epochs`` epochs."""
        ...


def _rejected(means: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which curves leave [0, 1], are not finite, or do not end above their beginning."""
    with np.errstate(invalid="ignore"):
        good: np.ndarray[tuple[int], np.dtype[np.bool_]]
        good = (means.min(1) >= 0) & (means.max(1) <= 1) & (means[:, -1] > means[:, 0])  # always False for nan
    return ~good


class PaperPrior:
    """The prior of LC-PFN: weighted sums of pow3, ilog2 and janoschek.

    f(t) = Σ w_k f_k(t) with w_k uniform in [0, 1] and not normalised. Curves that leave [0, 1] or do not rise from
    epoch 1 to epoch 100 are drawn again, independent of the requested number of epochs. Observations have Gaussian
    noise with ln σ ~ N(-4, 1), as in the authors' code (the text of the paper differs, as their README says).

    Source: S. Adriaensen et al., "Efficient Bayesian Learning Curve Extrapolation using Prior-Data Fitted Networks",
    NeurIPS 2023, arXiv:2310.20447, section 3.1.
    """

    name = "paper"
    families = ("pow3", "ilog2", "janoschek")

    def sample(self, rng: np.random.Generator, count: int, epochs: int = 100) -> Sample:
        """Draw curves.

        Args:
            rng: random numbers.
            count: number of curves.
            epochs: number of times 1 … epochs.

        Returns:
            ``count`` curves.
        """
        times, ends = np.arange(1, epochs + 1.0), np.array([1.0, 2.0, 5.0, 20.0, 100.0])
        kept: list[Floats] = []
        missing = count
        while missing > 0:
            drawn = int(missing * 5.5) + 16  # one in five is kept
            weights = rng.uniform(0, 1, (drawn, len(self.families)))
            parameters = [FAMILIES[name].draw(rng, drawn) for name in self.families]
            # A few epochs identify most rejected curves; whole curves are computed only for the others.
            few = self._means(ends, weights, parameters)
            good = np.flatnonzero(~_rejected(few))
            means = self._means(np.arange(1, max(epochs, 100) + 1.0), weights[good], [one[good] for one in parameters])
            found = means[~_rejected(means[:, :100])][:missing, :epochs]
            kept.append(found)
            missing -= len(found)
        means = np.concatenate(kept)
        noise = np.broadcast_to(np.exp(rng.normal(-4, 1, (count, 1))), means.shape)
        return Sample(times, means + noise * rng.standard_normal(means.shape), means, noise)

    def _means(self, times: Floats, weights: Floats, parameters: list[Floats]) -> Floats:
        with np.errstate(all="ignore"):
            parts = [
                weights[:, [column]] * FAMILIES[name](times, parameters[column])
                for column, name in enumerate(self.families)
            ]
            total: Floats = np.sum(parts, axis=0)
        return total


class ExtendedPrior:
    """A wider prior for real curves: eleven families, learning-rate schedules, several kinds of noise, irregularities.

    A curve is a convex combination of one to three families, each with its own pace (κ log-uniform in [0.1, 10] at
    times 1 + κ (t - 1)). Half of the curves are stretched to begin in [0, 0.5] and to end anywhere above. A quarter are
    compressed to a part of [0, 1], of at least a twentieth. Half follow a learning rate r that decreases as a cosine,
    linearly, or in one to three steps until the training ends. They gain a share of the remaining range, uniform in
    [0, 1], as 1 - r^γ with γ log-uniform in [0.3, 3], and often the noise decreases, too. Noise has ln σ ~ N(-5, 1.3),
    multiplied by the part of [0, 1] that the curve covers; some of it is correlated in time or has heavy tails. One
    curve in eight declines at the end (overfitting), one in forty is flat, one in forty collapses. Curves need not
    rise.

    Source: the families are those of T. Domhan et al., "Speeding Up Automatic Hyperparameter Optimization of Deep
        Neural Networks by Extrapolation of Learning Curves", IJCAI 2015, with the parameters' distributions of
        arXiv:2310.20447; everything else is defined by this project.
    """

    name = "extended"

    def sample(self, rng: np.random.Generator, count: int, epochs: int = 100) -> Sample:
        """Draw curves of trainings that end at their last epoch.

        Args:
            rng: random numbers.
            count: number of curves.
            epochs: number of times 1 … epochs.

        Returns:
            ``count`` curves.
        """
        times = np.arange(1, epochs + 1.0)
        means = self._sums(rng, count, times)
        means, part = _placed(rng, means)
        rate = _rates(rng, count, times / epochs)
        gain, bend = rng.uniform(0, 1, (count, 1)) * part, np.exp(rng.uniform(np.log(0.3), np.log(3), (count, 1)))
        means = means + gain * (1 - means) * (1 - rate**bend)
        means = _mishaps(rng, means, times / epochs, part)
        quiet = np.where(rng.random((count, 1)) < 0.6, rng.uniform(0.02, 1, (count, 1)), 1.0)
        size = part**0.7 * np.exp(rng.normal(-5, 1.3, (count, 1)))
        noise = size * (quiet + (1 - quiet) * rate)
        return Sample(times, means + noise * _shocks(rng, means.shape), means, noise)

    def _sums(self, rng: np.random.Generator, count: int, times: Floats) -> Floats:
        """Return convex combinations of families, all within [0, 1]."""
        names = list(FAMILIES)
        terms = rng.integers(1, 4, count)
        owner = np.repeat(np.arange(count), terms)
        weights = rng.exponential(1.0, len(owner))
        weights /= np.bincount(owner, weights, count)[owner]
        family = rng.integers(0, len(names), len(owner))
        values = np.empty((len(owner), len(times)))
        for number, name in enumerate(names):
            rows = np.flatnonzero(family == number)
            values[rows] = _accepted(rng, name, np.broadcast_to(times, (len(rows), len(times))), (0.1, 10))
        sums = np.zeros((count, len(times)))
        np.add.at(sums, owner, weights[:, None] * values)
        return sums


class SizesPrior:
    """Curves over the size of a training set that grows by a constant factor from point to point.

    The last size is 4 to 10^5 times the first, log-uniformly. Two thirds of the curves are a family of the extended
    prior at times 1 + κ (n / n_1 - 1), κ log-uniform in [0.001, 1]; a sixth rise as a logistic function of log n at any
    place; a sixth are the sum of both in equal parts. They are placed in [0, 1] like those of the extended prior. One
    in five has a dip of any depth and place (the peak of errors where a model begins to interpolate), one in twelve
    declines, one in fifteen is flat. Noise has ln σ ~ N(-4.5, 1.2) and decreases as n^-γ with γ uniform in [0, 0.5]. It
    is correlated from point to point on two curves of three, as in experiments in which smaller training sets are parts
    of larger ones.

    Source: this project. Shapes of curves over sizes: T. Viering and M. Loog, "The Shape of Learning Curves: A Review",
        TPAMI 2023, arXiv:2103.10948, sections 3 and 6.
    """

    name = "sizes"

    def sample(self, rng: np.random.Generator, count: int, epochs: int = 100) -> Sample:
        """Draw curves that end at their last point.

        Args:
            rng: random numbers.
            count: number of curves.
            epochs: number of sizes.

        Returns:
            ``count`` curves.
        """
        progress = np.arange(epochs) / max(1, epochs - 1)
        grown = np.exp(rng.uniform(np.log(4), np.log(1e5), (count, 1)) * progress)  # n / n_1
        names = list(FAMILIES)
        family = rng.integers(0, len(names), count)
        means = np.empty((count, epochs))
        for number, name in enumerate(names):
            means[family == number] = _accepted(rng, name, grown[family == number], (1e-3, 1.0))
        steps = 1 / (1 + np.exp(-(progress - rng.uniform(0, 1, (count, 1))) / rng.uniform(0.02, 0.3, (count, 1))))
        kind = rng.random((count, 1))
        means = np.where(kind < 2 / 3, means, np.where(kind < 5 / 6, steps, (means + steps) / 2))
        means, part = _placed(rng, means)
        kind = rng.random((count, 1))
        width = np.exp(rng.uniform(np.log(0.02), np.log(0.2), (count, 1)))
        dip = np.exp(-0.5 * ((progress - rng.uniform(0, 1, (count, 1))) / width) ** 2)
        means = np.where(kind < 0.2, means - rng.uniform(0, 0.6, (count, 1)) * part * dip, means)
        fall = means[:, :1] - rng.uniform(0, 1, (count, 1)) * (means - means[:, :1])
        means = np.where((kind > 0.85) & (kind < 0.933), fall, np.where(kind > 0.933, means[:, :1], means))
        means = np.clip(means, 0, 1)
        noise = part**0.5 * np.exp(rng.normal(-4.5, 1.2, (count, 1))) * grown ** -rng.uniform(0, 0.5, (count, 1))
        memory = np.where(rng.random(count) < 2 / 3, rng.uniform(0, 0.95, count), 0.0)
        return Sample(
            np.arange(1, epochs + 1.0),
            means + noise * _remembered(rng.standard_normal(means.shape), memory),
            means,
            noise,
        )


def _accepted(rng: np.random.Generator, name: str, grown: Floats, paces: tuple[float, float]) -> Floats:
    """Draw curves of a family within [0, 1] that do not end below their beginning.

    Args:
        rng: random numbers for parameters and paces; those of rejected curves are drawn again.
        name: name of the family.
        grown: times of each curve, from 1 on ``(curves, epochs)``.
        paces: smallest and largest κ of times 1 + κ (grown - 1), log-uniform.
    """
    found = np.empty_like(grown)
    rows = np.arange(len(grown))
    low, high = np.log(paces)
    while len(rows):
        pace = np.exp(rng.uniform(low, high, (len(rows), 1)))
        drawn = FAMILIES[name](1 + pace * (grown[rows] - 1), FAMILIES[name].draw(rng, len(rows)))
        with np.errstate(invalid="ignore"):
            good = (drawn.min(1) >= 0) & (drawn.max(1) <= 1) & (drawn[:, -1] >= drawn[:, 0])
        found[rows[good]] = drawn[good]
        rows = rows[~good]
    return found


def _placed(rng: np.random.Generator, means: Floats) -> tuple[Floats, Floats]:
    """Stretch half of the curves and compress a quarter; return also the part of [0, 1] of each ``(count, 1)``."""
    count = len(means)
    kind = rng.random((count, 1))
    part = np.where(kind < 0.25, np.exp(rng.uniform(np.log(0.05), 0, (count, 1))), 1.0)
    squeezed = rng.uniform(0, 1, (count, 1)) * (1 - part) + part * means
    low = rng.uniform(0, 0.5, (count, 1))
    high = rng.uniform(low, 1)
    rise = means[:, -1:] - means[:, :1]
    with np.errstate(all="ignore"):
        stretched = low + (high - low) * (means - means[:, :1]) / rise
        fits = (
            (kind > 0.5)
            & (rise > 1e-3)
            & (stretched.min(1, keepdims=True) >= 0)
            & (stretched.max(1, keepdims=True) <= 1)
        )
    return np.where(fits, stretched, squeezed), np.where(fits, high - low, part)


def _rates(rng: np.random.Generator, count: int, progress: Floats) -> Floats:
    """Return learning rates as a share of their first one ``(count, epochs)``; half of them are constant."""
    kind = rng.integers(0, 6, count)
    rate = np.ones((count, len(progress)))
    rate[kind == 0] = (1 + np.cos(np.pi * progress)) / 2
    rate[kind == 1] = 1 - progress
    steps = np.flatnonzero(kind == 2)
    for _ in range(3):
        when = rng.uniform(0.2, 1.4, (len(steps), 1))  # above 1, there is no such step
        rate[steps] *= np.where(progress >= when, rng.uniform(0.1, 0.5, (len(steps), 1)), 1.0)
    return rate


def _mishaps(rng: np.random.Generator, means: Floats, progress: Floats, part: Floats) -> Floats:
    """Make some curves decline at the end, flat, or collapse."""
    count = len(means)
    kind = rng.random((count, 1))
    since = np.maximum(0, progress - rng.uniform(0.1, 1, (count, 1)))
    means = np.where(kind < 0.125, means - part * rng.uniform(0, 0.6, (count, 1)) * since, means)
    means = np.where((kind > 0.95) & (kind < 0.975), means[:, :1], means)
    fallen = (progress >= rng.uniform(0, 1, (count, 1))) & (kind >= 0.975)
    return np.clip(np.where(fallen, rng.uniform(0, 0.2, (count, 1)) * means[:, :1], means), 0, 1)


def _shocks(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw noise of unit variance, correlated in time for some curves, with heavy tails for others."""
    shocks = rng.standard_normal(shape)
    kind = rng.random((shape[0], 1))
    tails = rng.standard_normal(shape) / np.sqrt(rng.chisquare(4, shape) / 4) / np.sqrt(2)  # Student's t, 4 degrees
    shocks = np.where(kind < 0.15, tails, shocks)
    return _remembered(shocks, np.where(kind > 0.7, rng.uniform(0, 0.9, (shape[0], 1)), 0.0)[:, 0])


def _remembered(shocks: Floats, memory: Floats) -> Floats:
    """Correlate shocks of unit variance with those before them by ``memory`` ``(curves,)``, in place."""
    fresh = np.sqrt(1 - memory**2)
    for epoch in range(1, shocks.shape[1]):
        shocks[:, epoch] = memory * shocks[:, epoch - 1] + fresh * shocks[:, epoch]
    return shocks


#: in the order of the network's prior numbers
PRIORS: Mapping[str, Prior] = {prior.name: prior for prior in (PaperPrior(), ExtendedPrior(), SizesPrior())}


def prior_named(name: str) -> Prior:
    """Return the prior of a name.

    Raises:
        InvalidInputError: there is none.
    """
    if name not in PRIORS:
        raise InvalidInputError(f"there is no prior {name!r}: choose one of {', '.join(PRIORS)}.")
    return PRIORS[name]
