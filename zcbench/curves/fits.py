"""Parametric fits by least squares: the best family, and an ensemble of all families."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast, Normals
from zcbench.curves._least_squares import BOUNDS, Curves, Fit, fit, inverses, slopes
from zcbench.curves._register import get_curve_predictor, register_curve_predictor
from zcbench.errors import InvalidInputError

#: prior standard deviation of residuals and its weight in points, so that noise-free curves have a spread, too
_NOISE, _POINTS = 0.005, 1.0
#: variance of the logistic distribution, which is that of coordinates of uniformly distributed parameters
_SPREAD = np.pi**2 / 3
#: largest standard deviation, in units, so that forecasts are not wider than the whole range
_WIDEST = 0.5
#: families are only approximately right: with this probability the spread is wider by this factor
_TAIL, _WIDER = 0.15, 4.0
#: number of last values whose mean is the reference for the forecast change
_LAST = 3
#: number of curves that are fitted at once
_AT_ONCE = 256


@dataclass(frozen=True)
class _Fits:
    """Fits of all families to curves.

    Attributes:
        means: at the requested times ``(curves, times, families)``.
        spreads: ``(curves, times, families)``.
        costs: twice the negative logarithm of each family's weight, up to a constant, inf if the curve has too few
            points ``(curves, families)``.
    """

    means: Floats
    spreads: Floats
    costs: Floats


def criterion(squares: Floats, points: Floats, parameters: int, kind: str) -> Floats:
    """Return AICc or BIC of least-squares fits with Gaussian noise ``(curves,)``; inf where AICc is not defined.

    The formula is n ln(RSS / n) + 2 k + 2 k (k + 1) / (n - k - 1), or n ln(RSS / n) + k ln n, where k includes the
    noise. RSS is increased by the prior residuals, so that the value for a perfect fit is finite.

    Source: K. P. Burnham and D. R. Anderson, "Multimodel Inference", Sociological Methods & Research 2004, sections 2
    and 4.

    Args:
        squares: sums of squared residuals.
        points: numbers of points.
        parameters: number of the family's parameters, without the noise.
        kind: "aicc" or "bic".
    """
    k, n = parameters + 1, points
    room = n - k - 1
    fitted = n * np.log((squares + _POINTS * _NOISE**2) / n)
    with np.errstate(divide="ignore"):
        penalty = 2 * k + 2 * k * (k + 1) / np.maximum(room, 1) if kind == "aicc" else k * np.log(n)
    found: Floats = np.where(room > 0, fitted + penalty, np.inf)
    return found


def forecast_of(fitted: Fit, curves: Curves, asked: Floats) -> tuple[Floats, Floats]:
    """Return means and variances ``(curves, times)`` of a fit's forecast, including noise.

    The noise is estimated from the residuals with n - p degrees of freedom, pooled with one point of standard deviation
    .005. The delta method adds the parameters' uncertainty, with the covariance (J'J / s² + P)⁻¹. P is the precision of
    parameters that are uniform between their bounds, so that no parameter is more uncertain than its bounds.
    """
    size = fitted.at.shape[1]
    freedom = np.maximum(curves.points - size, 0)
    noise = (fitted.squares + _POINTS * _NOISE**2) / (freedom + _POINTS)
    normal = np.einsum("bti,btj->bij", fitted.jacobian, fitted.jacobian) / noise[:, None, None]
    covariance = inverses(normal + np.eye(size) / _SPREAD)
    means, slope = slopes(fitted.family, fitted.at, asked)
    variance = np.einsum("bti,bij,btj->bt", slope, covariance, slope)
    return means, noise[:, None] + variance


class _Fitted(CurvePredictor):
    """The common part of both predictors that use fits."""

    least = 1
    ranges: ClassVar = {"starts": (1, 64), "doubt": (0.0, 10.0)}

    def __init__(self, families: str = "all", starts: int = 4, criterion: str = "aicc", doubt: float = 0.5) -> None:
        self.families = families
        self.starts = starts
        self.criterion = criterion
        self.doubt = doubt

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Return normal distributions or mixtures; around the last value for a curve too short for any family."""
        names = self._names()
        parts = [
            self._some(names, contexts[start : start + _AT_ONCE], asked[start : start + _AT_ONCE])
            for start in range(0, len(contexts), _AT_ONCE)
        ]
        return Normals(*(np.concatenate(every) for every in zip(*parts, strict=True)))

    def _names(self) -> list[str]:
        if self.criterion not in ("aicc", "bic"):
            raise InvalidInputError(f"criterion={self.criterion!r}: choose aicc or bic.")
        names = list(BOUNDS) if self.families == "all" else self.families.split("+")
        if unknown := [name for name in names if name not in BOUNDS]:
            raise InvalidInputError(
                f"families={self.families!r}: there is no family {unknown[0]!r}; choose all, or some of "
                f"{', '.join(BOUNDS)}, joined by +."
            )
        return names

    def _some(self, names: list[str], contexts: Sequence[Context], asked: Floats) -> tuple[Floats, Floats, Floats]:
        """Return weights, means and spreads ``(curves, times, parts)``."""
        curves = Curves.of(contexts)
        found = self._fits(names, curves, asked)
        simple = get_curve_predictor("last_value").predict(contexts, asked)
        assert isinstance(simple, Normals)
        known: NDArray[np.bool_] = np.isfinite(found.costs)
        short: NDArray[np.bool_] = ~np.asarray(known.any(1))
        costs = np.where(short[:, None], 0.0, found.costs)
        weights = self._weights(np.where(short[:, None], np.inf, costs - costs.min(1, keepdims=True)))
        weights = np.concatenate([weights, short[:, None].astype(float)], 1)
        means = np.concatenate([np.where(known[:, None], found.means, simple.means), simple.means], 2)
        spreads = np.concatenate([np.where(known[:, None], found.spreads, simple.spreads), simple.spreads], 2)
        # Tails only for fits, because the last value's spread was calibrated.
        tail = np.where(np.arange(means.shape[2]) < len(names), _TAIL, 0.0)
        weights = np.concatenate([(1 - tail) * weights, tail * weights], 1)
        means, spreads = np.tile(means, 2), np.concatenate([spreads, np.minimum(_WIDER * spreads, 2 * _WIDEST)], 2)
        return np.broadcast_to(weights[:, None], means.shape), means, spreads

    def _fits(self, names: list[str], curves: Curves, asked: Floats) -> _Fits:
        shape = (len(asked), asked.shape[1], len(names))
        means, spreads = np.zeros(shape), np.ones(shape)
        costs = np.full((len(asked), len(names)), np.inf)
        for number, name in enumerate(names):
            size = len(BOUNDS[name])
            rows: NDArray[np.intp] = np.flatnonzero(curves.points >= size + 3)
            if not len(rows):
                continue
            some = Curves(curves.times[rows], curves.values[rows], curves.real[rows])
            fitted = fit(name, some, self.starts)
            means[rows, :, number], variance = forecast_of(fitted, some, asked[rows])
            change = means[rows, :, number] - _last(some)[:, None]
            spreads[rows, :, number] = np.minimum(np.sqrt(variance + (self.doubt * change) ** 2), _WIDEST)
            good = np.isfinite(means[rows, :, number]).all(1) & np.isfinite(spreads[rows, :, number]).all(1)
            cost = criterion(fitted.squares, some.points, size, self.criterion)
            costs[rows, number] = np.where(good, cost, np.inf)
        return _Fits(means, spreads, costs)

    def _weights(self, costs: Floats) -> Floats:
        """Return weights ``(curves, families)`` from costs relative to the lowest; 0 for infinite costs."""
        raise NotImplementedError


def _last(curves: Curves) -> Floats:
    """Return means of each curve's last values ``(curves,)``."""
    recent = curves.real * (curves.real[:, ::-1].cumsum(1)[:, ::-1] <= _LAST)
    found: Floats = (recent * curves.values).sum(1) / recent.sum(1)
    return found


@register_curve_predictor(
    "best_fit",
    reference="families: T. Domhan et al., IJCAI 2015, table 1; choice: C. M. Hurvich and C.-L. Tsai, 'Regression and "
    "time series model selection in small samples', Biometrika 1989",
)
class BestFit(_Fitted):
    """Best parametric family by AICc, fitted by least squares from several starts.

    A curve of n points is fitted with families of at most n - 3 parameters; a curve of fewer than five points is
    forecast like last_value. The variance is the sum of those of residuals, of the parameters by the delta method, and
    of the forecast change. With a probability of .15 the spread is four times as wide.

    Args:
        families: "all" eleven, or names joined by "+".
        starts: number of local searches for each family.
        criterion: "aicc" or "bic".
        doubt: standard deviation of a forecast change, as a share of that change, because no family is exact. Its
            default and the tails were chosen on curves of both priors.
    """

    def _weights(self, costs: Floats) -> Floats:
        return np.where((np.arange(costs.shape[1]) == costs.argmin(1)[:, None]) & np.isfinite(costs), 1.0, 0.0)


@register_curve_predictor(
    "fits",
    reference="families: T. Domhan et al., IJCAI 2015, table 1; weights: H. Akaike's, as in K. P. Burnham and D. R. "
    "Anderson, Sociological Methods & Research 2004, section 3.2",
)
class Fits(_Fitted):
    """Ensemble of all parametric families, weighted by exp(-AICc / 2).

    Each family is fitted as in best_fit.

    Args:
        families: "all" eleven, or names joined by "+".
        starts: number of local searches for each family.
        criterion: "aicc" or "bic".
        doubt: standard deviation of a forecast change, as a share of that change.
    """

    def _weights(self, costs: Floats) -> Floats:
        raw = np.exp(-costs / 2)
        total = raw.sum(1, keepdims=True)
        found: Floats = raw / np.where(total > 0, total, 1.0)
        return found
