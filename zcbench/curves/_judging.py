"""Evaluates forecasts when the rest of each curve is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zcbench.curves._context import Floats
from zcbench.curves._forecast import Forecast

#: shares of the probability for which the coverage of central intervals is computed
SHARES = (0.5, 0.9)


@dataclass(frozen=True)
class Judged:
    """Scores of each curve: means over its later observed values, in the metric's units.

    Attributes:
        log_density: nats per value ``(curves,)``; -inf if a value had the density 0.
        impossible: number of values with the density 0 ``(curves,)``.
        squared: squared error of the mean ``(curves,)``.
        crps: continuous ranked probability score ``(curves,)``.
        covered: by share, fraction of the values in the central interval ``(curves,)``.
        predicted: predicted mean of the last observed value ``(curves,)``.
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
    """Compare forecasts with observations.

    Args:
        forecast: of shape ``(curves, times)``.
        observed: ``(curves, times)``, nan where there is no observation; each row has a value.
        spread: whether distributions are evaluated; if not, only means are, and the other scores are nan.

    Returns:
        Scores; if one is nan in spite of ``spread``, the forecast was nan.
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
