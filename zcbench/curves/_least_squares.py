"""Least squares for many curves at once: Levenberg-Marquardt within bounds, from several starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from zcbench.curves._context import GRID, Context, Floats
from zcbench.curves.families import FAMILIES

#: number of candidates for starts, in as many groups as there are starts, and their seed
_CANDIDATES, _SEED = 512, 20_150_725
#: largest number of steps, first damping, and largest change of a coordinate that counts as none
_STEPS, _DAMPING, _STILL = 60, 1e-2, 1e-5
#: limit of coordinates, at which a parameter is within 1/3000 of its range of a bound
_EDGE = 8.0
#: residuals that are not finite are replaced by this
_FAR = 1e3

_ASYMPTOTE, _VALUE, _RATE, _SHAPE = (-0.25, 1.25, False), (-2.0, 2.0, False), (-7.0, 3.0, True), (-1.5, 1.5, True)
#: bounds of each family's parameters, or of their logarithms if the last entry is true
BOUNDS: Mapping[str, tuple[tuple[float, float, bool], ...]] = {
    "pow3": (_ASYMPTOTE, _VALUE, (-5.0, 2.0, True)),
    "ilog2": ((-0.5, 2.0, False), (-1.5, 1.5, False)),
    "janoschek": (_ASYMPTOTE, _VALUE, _RATE, _SHAPE),
    "log_power": ((0.0, 1.5, False), (-6.0, 8.0, False), (-4.0, 1.0, False)),
    "weibull": (_ASYMPTOTE, _VALUE, _RATE, _SHAPE),
    "mmf": (_ASYMPTOTE, _VALUE, _RATE, _SHAPE),
    "vap": ((-6.0, 0.7, False), (-8.0, 2.0, False), (-0.5, 1.0, False)),
    "loglog_linear": ((-8.0, 1.0, True), (0.6, 2.8, False)),
    "exp4": (_ASYMPTOTE, _RATE, _SHAPE, (-5.0, 3.0, False)),
    "pow4": (_ASYMPTOTE, (-10.0, 3.0, True), (-4.0, 2.0, True), (-1.0, 3.0, True)),
    "hill": ((0.0, 1.5, False), (-2.0, 2.0, True), (-4.0, 6.0, True)),
}


@dataclass(frozen=True)
class Curves:
    """Contexts as arrays; shorter ones are padded with points of weight 0.

    Attributes:
        times: ``(curves, epochs)``.
        values: ``(curves, epochs)``.
        real: 1 for a point, 0 for padding ``(curves, epochs)``.
    """

    times: Floats
    values: Floats
    real: Floats

    @classmethod
    def of(cls, contexts: Sequence[Context]) -> Curves:
        """Make the arrays of contexts, each with at least one point."""
        shape = (len(contexts), max(len(one) for one in contexts))
        times, values, real = np.ones(shape), np.zeros(shape), np.zeros(shape)
        for row, one in enumerate(contexts):
            times[row, : len(one)], values[row, : len(one)], real[row, : len(one)] = one.times, one.values, 1
        return cls(times, values, real)

    @property
    def points(self) -> Floats:
        """Number of points of each curve ``(curves,)``."""
        found: Floats = self.real.sum(1)
        return found


@dataclass(frozen=True)
class Fit:
    """One family, fitted to curves.

    Attributes:
        family: its name.
        at: coordinates of the parameters ``(curves, parameters)``; see :func:`parameters`.
        squares: sums of squared residuals ``(curves,)``.
        jacobian: derivatives of the values by coordinates ``(curves, epochs, parameters)``, 0 for padding.
    """

    family: str
    at: Floats
    squares: Floats
    jacobian: Floats


def parameters(family: str, at: Floats) -> Floats:
    """Return a family's parameters ``(count, p)`` from unbounded coordinates.

    A coordinate x maps a parameter, or its logarithm, to the fraction 1 / (1 + exp(-x)) between its bounds.
    """
    low, high = (np.array([bound[column] for bound in BOUNDS[family]]) for column in (0, 1))
    log = np.array([bound[2] for bound in BOUNDS[family]])
    found = low + (high - low) / (1 + np.exp(-at))
    return np.where(log, np.exp(np.where(log, found, 0.0)), found)


def curves_of(family: str, at: Floats, times: Floats) -> Floats:
    """Return values ``(count, epochs)`` at coordinates ``(count, p)`` and times ``(count, epochs)``."""
    return FAMILIES[family](times, parameters(family, at))


def slopes(family: str, at: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Return values ``(count, epochs)`` and their derivatives ``(count, epochs, p)``, by finite differences."""
    count, dimension = at.shape
    step = 1e-6
    moved = at[:, None] + np.concatenate([np.zeros((1, dimension)), step * np.eye(dimension)])
    every = curves_of(family, moved.reshape(-1, dimension), np.repeat(times, dimension + 1, 0))
    every = every.reshape(count, dimension + 1, -1)
    with np.errstate(invalid="ignore"):
        change = (every[:, 1:] - every[:, :1]) / step
    return every[:, 0], np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0).transpose(0, 2, 1)


@cache
def _candidates(family: str) -> tuple[Floats, Floats]:
    """Return coordinates of possible starts ``(candidates, p)``, and their curves at times 1 … 100."""
    rng = np.random.default_rng([_SEED, list(BOUNDS).index(family)])
    share = rng.uniform(0.02, 0.98, (_CANDIDATES, len(BOUNDS[family])))
    at = np.log(share / (1 - share))
    values = curves_of(family, at, np.broadcast_to(np.arange(1, GRID + 1.0), (_CANDIDATES, GRID)))
    return at, np.clip(np.nan_to_num(values, nan=_FAR), -_FAR, _FAR)


def _begin(family: str, curves: Curves, starts: int) -> Floats:
    """Return from each group of candidates the one nearest to a curve ``(curves, starts, p)``."""
    at, values = _candidates(family)
    column = np.clip(np.rint(curves.times).astype(int) - 1, 0, GRID - 1)
    weight, total = np.zeros((len(column), GRID)), np.zeros((len(column), GRID))
    row = np.arange(len(column))[:, None]
    np.add.at(weight, (row, column), curves.real)
    np.add.at(total, (row, column), curves.real * curves.values)
    distance = weight @ (values**2).T - 2 * total @ values.T  # without Σ y², which is the same for all of them
    size = _CANDIDATES // starts
    groups = distance[:, : starts * size].reshape(len(column), starts, size)
    found: Floats = at[groups.argmin(2) + np.arange(starts) * size]
    return found


def _minimum(family: str, at: Floats, curves: Curves) -> tuple[Floats, Floats]:
    """Return coordinates of a local minimum of the sum of squares from each start, and that sum.

    It is Levenberg-Marquardt with Marquardt's scaling; a start stops when a step hardly moves it.

    Source: D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
    """
    at = at.copy()
    damping = np.full(len(at), _DAMPING)
    squares = np.full(len(at), np.inf)
    active = np.arange(len(at))
    for _ in range(_STEPS):
        times, values, real = curves.times[active], curves.values[active], curves.real[active]
        found, slope = slopes(family, at[active], times)
        residual = _residual(values, found, real)
        squares[active] = (residual**2).sum(1)
        slope *= real[..., None]
        normal = np.einsum("bti,btj->bij", slope, slope)
        size = np.maximum(np.einsum("bii->bi", normal), 1e-12)
        right = np.einsum("bti,bt->bi", slope, residual)
        # Three dampings are tried at once, so that most steps need no second trial.
        best, gain = at[active], squares[active]
        factor = np.ones(len(active))
        for trial in (0.1, 1.0, 10.0):
            each = normal + np.eye(normal.shape[1]) * (trial * damping[active, None] * size)[:, None]
            step = np.einsum("bij,bj->bi", inverses(each), right)
            moved = np.clip(at[active] + np.clip(step, -2, 2), -_EDGE, _EDGE)
            reached = (_residual(values, curves_of(family, moved, times), real) ** 2).sum(1)
            better = reached < gain
            best, gain = np.where(better[:, None], moved, best), np.where(better, reached, gain)
            factor = np.where(better, trial, factor)
        lower = gain < squares[active]
        change = np.abs(best - at[active]).max(1)
        at[active], before = best, squares[active]
        squares[active] = gain
        damping[active] *= np.where(lower, factor * 0.5, 30.0)
        going = np.where(lower, (change > _STILL) & (gain < before * (1 - 1e-7)), damping[active] < 1e6)
        active = active[going]
        if not len(active):
            break
    return at, squares


def _residual(values: Floats, found: Floats, real: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        residual = np.clip(np.nan_to_num(values - found, nan=_FAR), -_FAR, _FAR)
    return residual * real


def inverses(matrices: Floats) -> Floats:
    """Return inverses of symmetric matrices ``(n, p, p)``; the pseudo-inverse of a singular one.

    A diverging curve, or a curve that does not depend on a parameter, makes singular normal equations.
    """
    try:
        found = np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        found = np.linalg.pinv(np.nan_to_num(matrices, posinf=1e300, neginf=-1e300), hermitian=True)
    inverse: Floats = found.astype(np.float64)
    return inverse


def fit(family: str, curves: Curves, starts: int) -> Fit:
    """Fit a family to every curve from several starts each, and keep the best minimum.

    Args:
        family: its name.
        curves: the curves.
        starts: number of local searches.
    """
    count, dimension = len(curves.times), len(BOUNDS[family])
    begin = _begin(family, curves, starts).reshape(-1, dimension)
    several = Curves(*(np.repeat(part, starts, 0) for part in (curves.times, curves.values, curves.real)))
    at, squares = _minimum(family, begin, several)
    best = squares.reshape(count, starts).argmin(1) + np.arange(count) * starts
    slope = slopes(family, at[best], curves.times)[1] * curves.real[..., None]
    return Fit(family, at[best], squares[best], slope)
