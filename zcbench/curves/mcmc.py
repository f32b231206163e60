"""Markov chains over the paper's prior: slow, and the reference for faster approximations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast, Normals
from zcbench.curves._register import register_curve_predictor
from zcbench.errors import InvalidInputError, MissingDependencyError

_TIMES = np.arange(1, 101.0)
#: coordinates by name: a uniform distribution between two bounds, or a normal one with mean and standard deviation
COORDINATES: dict[str, tuple[str, float, float]] = {
    "pow3 weight": ("uniform", 0, 1),
    "ilog2 weight": ("uniform", 0, 1),
    "janoschek weight": ("uniform", 0, 1),
    "pow3 c": ("uniform", 0, 1.25),
    "pow3 a": ("uniform", -0.6, 0.6),
    "pow3 ln alpha": ("normal", 0, 2),
    "ilog2 c": ("uniform", 0, 1),
    "ilog2 a": ("uniform", -0.5, 0.5),
    "janoschek a": ("uniform", 0, 1),
    "janoschek b": ("uniform", 0, 2),
    "janoschek ln k": ("normal", -2, 1),
    "janoschek ln delta": ("normal", 0, 0.5),
    "ln sigma": ("normal", -4, 1),
}
_NORMAL = np.array([kind == "normal" for kind, _, _ in COORDINATES.values()])
_FIRST, _SECOND = (np.array([row[column] for row in COORDINATES.values()], dtype=float) for column in (1, 2))


def means(points: Floats, times: Floats) -> Floats:
    """Return curves without noise ``(count, times)`` of parameters ``(count, 13)``; overflow gives inf or nan."""
    w1, w2, w3, c, a, alpha, c2, a2, top, low, k, delta, _ = points.T[:, :, None]
    log = np.log(times)
    with np.errstate(all="ignore"):
        power = c - a * np.exp(-np.exp(alpha) * log)
        slow = c2 - a2 / np.log(times + 1)
        growth = top - (top - low) * np.exp(-np.exp(k + np.exp(delta) * log))
        found: Floats = w1 * power + w2 * slow + w3 * growth
    return found


def log_prior(points: Floats) -> Floats:
    """Return log-densities ``(count,)`` of parameters ``(count, 13)``, before curves are rejected."""
    outside = (~_NORMAL & ((points < _FIRST) | (points > _SECOND))).any(1)
    z = np.where(_NORMAL, (points - _FIRST) / _SECOND, 0.0)
    with np.errstate(over="ignore"):
        constant = np.where(_NORMAL, 0.5 * np.log(2 * np.pi) + np.log(_SECOND), np.log(_SECOND - _FIRST)).sum()
        found: Floats = np.where(outside, -np.inf, -0.5 * (z**2).sum(1) - constant)
    return found


def kept(curves: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which curves ``(count, 100)`` the prior accepts: within [0, 1], and higher at time 100 than at time 1."""
    with np.errstate(invalid="ignore"):
        good: np.ndarray[tuple[int], np.dtype[np.bool_]]
        good = (curves.min(1) >= 0) & (curves.max(1) <= 1) & (curves[:, -1] > curves[:, 0])  # always False for nan
    return good


def log_likelihood(curves: Floats, log_sigma: Floats, values: Floats) -> Floats:
    """Return log-densities ``(count,)`` of values ``(epochs,)``, for curves ``(count, epochs)`` with Gaussian noise."""
    with np.errstate(all="ignore"):
        z = (values - curves) * np.exp(-log_sigma)[:, None]
        found: Floats = -0.5 * (z**2).sum(1) - len(values) * (log_sigma + 0.5 * np.log(2 * np.pi))
    return found


def log_posterior(points: Floats, times: Floats, values: Floats) -> Floats:
    """Return log-densities ``(count,)`` of parameters, up to a constant; -inf for curves that the prior rejects."""
    found = log_prior(points)
    rows = np.flatnonzero(np.isfinite(found))
    curves = means(points[rows], np.concatenate([_TIMES, times]))
    fits = log_likelihood(curves[:, 100:], points[rows, -1], values)
    found[rows] = np.where(kept(curves[:, :100]) & np.isfinite(fits), found[rows] + fits, -np.inf)
    return found


@lru_cache(maxsize=2)
def draws(seed: int, count: int) -> Floats:
    """Draw parameters ``(count, 13)`` from the prior, with its rejection of curves."""
    rng = np.random.default_rng(seed)
    found: list[Floats] = []
    while sum(map(len, found)) < count:
        shape = (count * 3, len(COORDINATES))
        with np.errstate(invalid="ignore"):
            points = np.where(
                _NORMAL, _FIRST + _SECOND * rng.standard_normal(shape), _FIRST + (_SECOND - _FIRST) * rng.random(shape)
            )
        few = means(points, _TIMES[[0, 1, 4, 19, 99]])  # identifies most rejected curves
        points = points[kept(few)]
        found.append(points[kept(means(points, _TIMES))])
    return np.concatenate(found)[:count]


@register_curve_predictor(
    "mcmc",
    reference="T. Domhan et al., 'Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by "
    "Extrapolation of Learning Curves', IJCAI 2015, section 3; prior and settings: S. Adriaensen et al., NeurIPS 2023, "
    "arXiv:2310.20447, section 4; sampler: D. Foreman-Mackey et al., PASP 2013, arXiv:1202.3665",
    extra="mcmc",
)
class MCMC(CurvePredictor):
    """Markov chains over the 13 parameters of the paper's prior, by emcee.

    The forecast is a mixture of one normal distribution for each retained parameter vector. The chains start from the
    draws of the prior with the highest posterior density.

    Args:
        walkers: number of chains; even.
        steps: number of steps of each chain.
        burn: number of first steps to drop.
        thin: interval of the retained steps.
        starts: number of draws from the prior from which the chains' starts are chosen.
        parts: largest number of parameter vectors of a forecast, evenly spaced among the retained ones.
        seed: determines draws and chains; it is the same for every curve.
    """

    ranges: ClassVar = {
        "walkers": (26, 10_000),
        "steps": (1, 1_000_000),
        "burn": (0, 1_000_000),
        "thin": (1, 10_000),
        "starts": (26, 1_000_000),
        "parts": (1, 100_000),
        "seed": (0, 2**32 - 1),
    }
    least = 0

    def __init__(
        self,
        walkers: int = 100,
        steps: int = 2_000,
        burn: int = 500,
        thin: int = 10,
        starts: int = 4_000,
        parts: int = 1_500,
        seed: int = 0,
    ) -> None:
        self.walkers = walkers
        self.steps = steps
        self.burn = burn
        self.thin = thin
        self.starts = starts
        self.parts = parts
        self.seed = seed

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Run the chains for each curve, one after the other."""
        found = [self.posterior(one) for one in contexts]
        curves = np.stack([means(points, row).T for points, row in zip(found, asked, strict=True)])
        spreads = np.exp(np.stack([points[:, -1] for points in found]))[:, None]
        weights = np.broadcast_to(1 / curves.shape[-1], curves.shape)
        return Normals(weights, curves, np.broadcast_to(spreads, curves.shape))

    def posterior(self, context: Context) -> Floats:
        """Return parameters ``(parts, 13)`` from the posterior.

        Raises:
            InvalidInputError: the settings contradict each other.
            MissingDependencyError: emcee is not installed.
        """
        try:
            import emcee
        except ImportError:
            raise MissingDependencyError("emcee", "mcmc", "the curve predictor mcmc") from None
        self._check()
        known = draws(self.seed, self.starts)
        with np.errstate(invalid="ignore"):
            height = log_prior(known) + log_likelihood(means(known, context.times), known[:, -1], context.values)
        best = known[np.argsort(-height, kind="stable")[: self.walkers]]
        sampler = emcee.EnsembleSampler(
            self.walkers,
            len(COORDINATES),
            lambda points: log_posterior(points, context.times, context.values),
            vectorize=True,
        )
        sampler.random_state = np.random.RandomState(self.seed).get_state()
        # The best draws lie where few parameters matter, so that they need not be as independent as emcee requires.
        sampler.run_mcmc(best, self.steps, skip_initial_state_check=True)
        chain: Floats = sampler.get_chain(discard=self.burn, thin=self.thin, flat=True)
        found: Floats = chain[np.unique(np.linspace(0, len(chain) - 1, min(self.parts, len(chain))).astype(int))]
        return found

    def _check(self) -> None:
        if self.walkers % 2 or self.starts < self.walkers or self.burn + self.thin > self.steps:
            raise InvalidInputError(
                f"walkers={self.walkers}, steps={self.steps}, burn={self.burn}, thin={self.thin}, "
                f"starts={self.starts}: choose an even number of walkers, at least as many starts, and more steps "
                "than are dropped."
            )
