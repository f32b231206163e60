"""The probability that trainings will beat a given value, for early stopping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Context, Floats
from zcbench.curves._extrapolate import REACH, Prepared, check_finite, forecast_units, prepare

#: largest number of later epochs that are considered
LATER = 100


def probability_of_beating(
    incumbent: float,
    epochs: Floats,
    values: Floats,
    horizon: float,
    predictor: CurvePredictor,
    *,
    lower_is_better: bool = False,
    bounds: tuple[float, float] | None = None,
    later: bool = False,
    others: Sequence[Context] = (),
) -> float:
    """Return the probability that a training will be better than an incumbent.

    Args:
        incumbent: the value to beat.
        epochs: epochs of observed values, before the horizon.
        values: observed values; nan where there is none.
        horizon: the training's last epoch.
        predictor: predictor whose forecasts include the noise of observed values.
        lower_is_better: whether the metric is a loss.
        bounds: smallest and largest possible value of the metric.
        later: False for the probability of a better value at the horizon. True for the largest of the probabilities of
            a better value at each later epoch, for at most 100 epochs in equal steps. Each epoch is forecast
            separately, so that this is a lower bound of the probability of a better value at any later epoch.
        others: complete curves of the same task, for predictors that use curves jointly.

    Returns:
        A probability; 0 for a diverging training, whose last value is far worse than its first.

    Raises:
        InvalidInputError: the curve cannot be used, see :func:`zcbench.curves.extrapolate`.
    """
    one = prepare(epochs, values, horizon, lower_is_better=lower_is_better, bounds=bounds)
    seen = epochs[~np.isnan(values)]
    last = float(seen[-1]) if len(seen) else 0.0
    count = int(min(LATER, max(1, horizon - last))) if later else 1
    asked = np.unique(np.linspace(last, horizon, count + 1)[1:].round() if count > 1 else np.array([float(horizon)]))
    return float(_chances(incumbent, [one], one.later(asked)[None], predictor, others)[0])


def chances_of_beating(
    incumbent: float,
    curves: Sequence[tuple[Floats, Floats]],
    horizon: float,
    predictor: CurvePredictor,
    *,
    lower_is_better: bool = False,
    bounds: tuple[float, float] | None = None,
    others: Sequence[Context] = (),
) -> Floats:
    """Return the probability of each training to end better than an incumbent, from one call of the predictor.

    Predictors that use curves jointly are called for each training separately, with the complete curves, so that a
    training's probability does not depend on the other trainings in the call.

    Args:
        incumbent: the value to beat.
        curves: epochs and values of each training so far.
        horizon: the last epoch of all trainings.
        predictor: the predictor.
        lower_is_better: whether the metric is a loss.
        bounds: smallest and largest possible value of the metric.
        others: complete curves of the same task, for predictors that use curves jointly.

    Returns:
        Probabilities ``(trainings,)``; 0 for a diverging training.

    Raises:
        InvalidInputError: a curve cannot be used, see :func:`zcbench.curves.extrapolate`.
    """
    several = [prepare(*one, horizon, lower_is_better=lower_is_better, bounds=bounds) for one in curves]
    asked = np.array([one.later(np.array([float(horizon)])) for one in several]).reshape(-1, 1)
    if not predictor.joint:
        return _chances(incumbent, several, asked, predictor, others)
    found = [
        _chances(incumbent, [one], times[None], predictor, others) for one, times in zip(several, asked, strict=True)
    ]
    return np.concatenate([np.empty(0), *found])


def _chances(
    incumbent: float, several: Sequence[Prepared], asked: Floats, predictor: CurvePredictor, others: Sequence[Context]
) -> Floats:
    """Return for each training the largest of the probabilities at the requested times ``(trainings, times)``."""
    found = np.zeros(len(several))
    alive = [row for row, one in enumerate(several) if not len(one.context) or one.context.values[-1] >= REACH[0]]
    if not alive:
        return found
    beside = list(others) if predictor.joint else []
    times = np.concatenate([asked[alive], np.tile(asked[alive[0]], (len(beside), 1))])
    # In common units higher is better for every metric.
    units = np.array([[float(several[row].scale.unit(np.array(incumbent)))] for row in alive] + [[0.0]] * len(beside))
    forecast = forecast_units(predictor, [several[row] for row in alive], times, beside)
    check_finite(forecast)
    above = 1 - forecast.cdf(np.broadcast_to(units, times.shape))
    found[alive] = above[: len(alive)].max(1).clip(0.0, 1.0)
    return found
