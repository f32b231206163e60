"""Forecasts of another predictor, recalibrated on complete curves of the same task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from zcbench._notation import unwrapped
from zcbench.curves._base import CurvePredictor
from zcbench.curves._complete import need_fit
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Binned, Forecast, Normals
from zcbench.curves._register import get_curve_predictor, register_curve_predictor

#: number of lengths of beginnings for calibration, and of compared later values of a curve
_ENDS, _LATER = 16, 8
#: neighbouring errors of a curve are correlated, so that all of them together count as this many values
_WORTH = 2.0
#: probability of the wide part, and its relative width
_OUTLIERS, _WIDE = 0.05, 3.0
#: standard deviations of the priors of shift, its slope, log spread, its slope
_PRIOR = np.array([1.0, 0.5, 1.0, 0.5])
#: below this probability, and above its complement, probabilities are mapped linearly: tails keep their form, and added
#: probability is not moved to the farthest bins, where a thousandth changes a mean by more than curves differ
_TAIL = 1e-3
#: limit of normal scores
_FARTHEST = 30.0
#: number of folds in which a predictor that learns is calibrated on curves that it was not fitted to
_FOLDS = 5
#: number of bins for a forecast without bins
_BINS = 400


@register_curve_predictor(
    "recalibrated",
    reference="V. Kuleshov, N. Fenner and S. Ermon, 'Accurate Uncertainties for Deep Learning Using Calibrated "
    "Regression', ICML 2018, arXiv:1807.00263: a map of probabilities; here of normal scores, with a prior",
    version=2,
)
class Recalibrated(CurvePredictor):
    """Another predictor with probabilities that are recalibrated on complete curves of the task.

    Complete curves are truncated at the end of a context, and forecast. If F is a forecast's distribution function and
    y the observed value, the scores z = Φ⁻¹(F(y)) of a calibrated predictor are standard normal. A normal distribution
    N(μ, s²) is fitted to them, with a wider part for one value in twenty. μ and ln s are linear in the logarithm of the
    forecast distance, with a normal prior around 0, which leaves the predictor unchanged. Forecasts become R(F(y)),
    with R the distribution function of Φ(z). R is a bijection of [0, 1] with a density, so that densities integrate to
    one. A predictor that learns is calibrated in five folds. A predictor without a spread gets one.

    Args:
        of: the predictor, with its settings in brackets: "(lcpfn:prior=paper)".
    """

    learns = True
    ranges: ClassVar = {}

    def __init__(self, of: str = "lcpfn") -> None:
        self.of = of
        base = self._base()
        # The class of a predictor declares its requirements; those of this one are those of the other predictor.
        vars(self).update(joint=base.joint, least=base.least)

    def _base(self) -> CurvePredictor:
        return get_curve_predictor(unwrapped(self.of))

    def files(self) -> tuple[Path, ...]:
        """Return the files of the other predictor."""
        return self._base().files()

    def fit(self, curves: Sequence[Context]) -> Self:
        """Store complete curves, and fit the predictor to them if it learns.

        Raises:
            InvalidInputError: there is none, or the predictor needs more.
        """
        self.curves_ = need_fit("recalibrated", curves, 1)
        self.base_ = self._base()
        if self.base_.learns or self.base_.joint:
            self.base_.fit(self.curves_)
        self.ends_ = _ends(self.curves_)
        self.maps_: dict[int, Floats] = {}
        return self

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Return the predictor's forecasts after the map: normal distributions remain normal, others become bins.

        Raises:
            InvalidInputError: the predictor is not fitted.
        """
        need_fit("recalibrated", getattr(self, "curves_", ()), 1)
        forecast = self.base_.predict(contexts, asked)
        last = np.array([one.times[-1] if len(one) else 0.0 for one in contexts])
        nearest = np.abs(np.log1p(last)[:, None] - np.log1p(self.ends_)).argmin(1)
        maps = np.array([self._map(number) for number in nearest]).reshape(len(contexts), 4)
        ahead = np.array([_ahead(one, times) for one, times in zip(contexts, asked, strict=True)])
        ahead = ahead.reshape(asked.shape)
        return mapped(forecast, maps[:, [0]] + maps[:, [1]] * ahead, np.exp(maps[:, [2]] + maps[:, [3]] * ahead))

    def _map(self, number: int) -> Floats:
        """Return shift, its slope, log spread, and its slope, at one of the lengths ``(4,)``; computed once."""
        if number not in self.maps_:
            end = float(self.ends_[number])
            pairs = [(one, one.until(end)) for one in self.curves_]
            pairs = [(one, begun) for one, begun in pairs if self.least <= len(begun) < len(one)]
            self.maps_[number] = self._fitted(pairs) if pairs else np.zeros(4)
        return self.maps_[number]

    def _fitted(self, pairs: Sequence[tuple[Context, Context]]) -> Floats:
        picked = [
            np.linspace(len(begun), len(one) - 1, min(_LATER, len(one) - len(begun))).astype(int)
            for one, begun in pairs
        ]
        shares = np.array([min(1.0, _WORTH / len(rows)) * (np.arange(_LATER) < len(rows)) for rows in picked])
        picked = [np.concatenate([rows, np.repeat(rows[-1:], _LATER - len(rows))]) for rows in picked]
        times = np.array([one.times[rows] for (one, _), rows in zip(pairs, picked, strict=True)])
        values = np.array([one.values[rows] for (one, _), rows in zip(pairs, picked, strict=True)])
        begun = [beginning for _, beginning in pairs]
        ahead = np.array([_ahead(one, row) for one, row in zip(begun, times, strict=True)])
        scores = np.empty(values.shape)
        for base, rows in self._held_out(pairs):
            scores[rows] = normal_scores(base.predict([begun[row] for row in rows], times[rows]), values[rows])
        good = (shares > 0) & np.isfinite(scores)
        return _fit_map(scores[good], ahead[good], shares[good])

    def _held_out(self, pairs: Sequence[tuple[Context, Context]]) -> list[tuple[CurvePredictor, NDArray[np.intp]]]:
        """Return predictors with the curves that they were not fitted to."""
        every = np.arange(len(pairs))
        if not (self.base_.learns or self.base_.joint):
            return [(self.base_, every)]
        found = []
        for fold in range(min(_FOLDS, len(pairs))):
            rows = every[every % _FOLDS == fold]
            held = {id(pairs[row][0]) for row in rows}
            found.append((self._base().fit([one for one in self.curves_ if id(one) not in held]), rows))
        return found


def _ends(curves: Sequence[Context]) -> Floats:
    """Return times at which contexts may end: all times, or some that are closer to each other early on."""
    times = np.unique(np.concatenate([one.times for one in curves]))
    if len(times) <= _ENDS:
        return times
    wanted = np.exp(np.linspace(np.log1p(times[0]), np.log1p(times[-1]), _ENDS)) - 1
    places = np.abs(times - wanted[:, None]).argmin(1)
    found: Floats = times[np.unique(places)]
    return found


def _ahead(context: Context, times: Floats) -> Floats:
    """Return the logarithm of the distance of times, as a share of the rest of the training; 0 at its end."""
    last = context.times[-1] if len(context) else 0.0
    left = max(context.end - last, float(times.max()) - last, 1e-9)
    found: Floats = np.log(np.clip((times - last) / left, 1e-3, 1.0))
    return found


def normal_scores(forecast: Forecast, values: Floats) -> Floats:
    """Return Φ⁻¹ of the probability of at most the values ``(curves, times)``."""
    from scipy.special import ndtri

    if isinstance(forecast, Normals) and forecast.means.shape[-1] == 1:
        z = (values - forecast.means[..., 0]) / forecast.spreads[..., 0]
        return np.clip(z, -_FARTHEST, _FARTHEST)
    found: Floats = ndtri(np.clip(forecast.cdf(values), _TAIL, 1 - _TAIL))
    return found


def _fit_map(scores: Floats, ahead: Floats, shares: Floats) -> Floats:
    """Return the map with the largest posterior probability."""
    from scipy.optimize import minimize

    design = np.stack([np.ones(len(ahead)), ahead], 1)

    def loss(free: Floats) -> tuple[float, Floats]:
        theta = free * _PRIOR
        spread = np.exp(design @ theta[2:])
        z = (scores - design @ theta[:2]) / spread
        near = np.log(1 - _OUTLIERS) - 0.5 * z**2
        far = np.log(_OUTLIERS / _WIDE) - 0.5 * (z / _WIDE) ** 2
        logs = np.logaddexp(near, far)
        # derivative of -log density by z
        pull = z * (np.exp(near - logs) + np.exp(far - logs) / _WIDE**2)
        total = 0.5 * (free**2).sum() - (shares * (logs - np.log(spread))).sum()
        slope = np.concatenate([-design.T @ (shares * pull / spread), design.T @ (shares * (1 - pull * z))])
        return float(total), free + slope * _PRIOR

    found = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=[(-6.0, 6.0)] * 4)
    result: Floats = found.x * _PRIOR
    return result


def mapped(forecast: Forecast, shift: Floats, spread: Floats) -> Forecast:
    """Return a forecast after the map N(shift, spread²) of normal scores; a normal one gets a wide part for outliers.

    Args:
        forecast: of shape ``(curves, times)``.
        shift: μ ``(curves, times)``.
        spread: s ``(curves, times)``, positive.
    """
    if isinstance(forecast, Normals) and forecast.means.shape[-1] == 1:
        means = forecast.means + forecast.spreads * shift[..., None]
        spreads = forecast.spreads * spread[..., None] * np.array([1.0, _WIDE])
        weights = np.broadcast_to([1 - _OUTLIERS, _OUTLIERS], spreads.shape)
        return Normals(weights, np.broadcast_to(means, spreads.shape), spreads)
    if isinstance(forecast, Binned):
        below = np.concatenate([np.zeros((*forecast.shape, 1)), forecast.probabilities.cumsum(-1)], -1)
        below /= below[..., -1:]
        edges = np.broadcast_to(forecast.edges, below.shape)
    else:
        edges = _edges(forecast)
        inner = [forecast.cdf(edges[..., place]) for place in range(1, edges.shape[-1] - 1)]
        below = np.stack([np.zeros(forecast.shape), *inner, np.ones(forecast.shape)], -1)
        below = np.maximum.accumulate(np.clip(below, 0, 1), -1)
    return Binned(edges, np.diff(probabilities(below, shift[..., None], spread[..., None]), axis=-1))


def probabilities(below: Floats, shift: Floats, spread: Floats) -> Floats:
    """Return R, the map of probabilities, which increases from 0 to 1."""
    from scipy.special import ndtr, ndtri

    def inner(u: Floats) -> Floats:
        z = (ndtri(u) - shift) / spread
        found: Floats = ndtr(z)
        return found

    low, high = inner(np.array(_TAIL)), inner(np.array(1 - _TAIL))
    middle = inner(np.clip(below, _TAIL, 1 - _TAIL))
    first, last = low * below / _TAIL, 1 - (1 - high) * (1 - below) / _TAIL
    found: Floats = np.where(below < _TAIL, first, np.where(below > 1 - _TAIL, last, middle))
    return found


def _edges(forecast: Forecast) -> Floats:
    """Return edges of bins that are narrow around the median and cover the support ``(curves, times, edges)``."""
    low, high = forecast.support()
    lower, middle, upper = (forecast.quantile(level) for level in (0.1, 0.5, 0.9))
    width = np.maximum((upper - lower) / 2, (high - low) * 1e-6)[..., None]
    ends = [np.arcsinh((bound - middle)[..., None] / width) for bound in (low, high)]
    shares = np.linspace(0, 1, _BINS + 1)
    found: Floats = middle[..., None] + width * np.sinh(ends[0] + (ends[1] - ends[0]) * shares)
    found[..., 0], found[..., -1] = low, high
    return found
