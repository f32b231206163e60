"""How good forecasts were, once the rest of each curve is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zcbench.curves._context import Floats
from zcbench.curves._forecast import Forecast

#: shares of the probability whose central intervals are counted
SHARES = (0.5, 0.9)


@dataclass(frozen=True)
class Judged:
    """Figures of each curve, means over its later values that were observed, in the metric's units.

    Attributes:
        log_density: nats a value ``(curves,)``; -inf where a value was held to be impossible.
        impossible: how many values were ``(curves,)``.
        squared: squared error of the mean ``(curves,)``.
        crps: continuous ranked probability score ``(curves,)``.
        covered: by share, how many of the values the central interval held ``(curves,)``.
        predicted: mean for the last observed value ``(curves,)``.
        true: that value ``(curves,)``.
    """

    log_density: Floats
    impossible: Floats
    squared: Floats
    crps: Floats
    covered: dict[float, Floats]
    predicted: Floats
    true: Floats


def judged(forecast: Forecast, observed: Floats, *, spread: bool = True) -> Judged:
    """Compare forecasts with what was observed.

    Args:
        forecast: of shape ``(curves, times)``.
        observed: ``(curves, times)``, nan where nothing was; each row has a value.
        spread: whether distributions are judged; if not, means alone are, and the others are nan.

    Returns:
        Figures; one that is nan in spite of ``spread`` comes of a forecast that is.
    """
    there = np.isfinite(observed)
    count = there.sum(1)
    mean = forecast.mean()
    values = np.where(there, observed, np.where(np.isfinite(mean), mean, 0.0))

    def averaged(each: Floats) -> Floats:
        found: Floats = np.where(there, each, 0.0).sum(1) / count
        return found

    last = observed.shape[1] - 1 - there[:, ::-1].argmax(1)
    rows = np.arange(len(observed))
    nothing = np.full(len(observed), np.nan)
    density, impossible, crps, covered = nothing, nothing, nothing, dict.fromkeys(SHARES, nothing)
    if spread:
        logs, below = forecast.log_density(values), forecast.cdf(values)
        density, impossible = averaged(logs), (there & np.isneginf(logs)).sum(1).astype(np.float64)
        crps = averaged(forecast.crps(values))
        inside = {share: np.where(np.isnan(below), np.nan, np.abs(below - 0.5) <= share / 2) for share in SHARES}
        covered = {share: averaged(each) for share, each in inside.items()}
    return Judged(
        density, impossible, averaged((mean - values) ** 2), crps, covered, mean[rows, last], observed[rows, last]
    )
