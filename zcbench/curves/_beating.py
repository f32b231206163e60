"""The probability that a training will beat another one: what stops it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Context, Floats
from zcbench.curves._extrapolate import REACH, check_finite, forecast_units, prepare

#: later epochs that are looked at, at most
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
    """The probability that a training will be better than an incumbent.

    Args:
        incumbent: the value to beat.
        epochs: where values were observed, before the horizon.
        values: what was observed; nan where nothing was.
        horizon: the training's last epoch.
        predictor: forecasts, of observed values with their noise.
        lower_is_better: whether the metric is a loss.
        bounds: least and greatest value of the metric.
        later: False for the probability of a better value at the horizon. True for the largest of the probabilities of
            a better value at each later epoch, of at most 100 in equal steps. Forecasts are of each epoch by itself,
            so that this is a lower bound of the probability of a better value at any later epoch.
        others: complete curves of the same task, for predictors that see curves jointly.

    Returns:
        A probability; 0 for a training that diverges, whose last value is far worse than its first.

    Raises:
        InvalidInputError: the curve cannot be used, see :func:`zcbench.curves.extrapolate`.
    """
    one = prepare(epochs, values, horizon, lower_is_better=lower_is_better, bounds=bounds)
    if len(one.context) and one.context.values[-1] < REACH[0]:
        return 0.0
    seen = epochs[~np.isnan(values)]
    last = float(seen[-1]) if len(seen) else 0.0
    count = int(min(LATER, max(1, horizon - last))) if later else 1
    asked = np.unique(np.linspace(last, horizon, count + 1)[1:].round() if count > 1 else np.array([float(horizon)]))
    times = one.later(asked)
    beside = others if predictor.joint else ()
    forecast = forecast_units(predictor, [one], np.tile(times, (1 + len(beside), 1)), beside)
    check_finite(forecast)
    # In units more is better, whatever the metric.
    above = 1 - forecast.cdf(np.full(forecast.shape, float(one.scale.unit(np.array(incumbent)))))[0]
    return float(np.clip(above.max(), 0.0, 1.0))
