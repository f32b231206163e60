"""Sums of the curve so far: scores that rank curves without forecasting their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast, Normals
from zcbench.curves._register import register_curve_predictor

#: standard deviation of predictors without a meaningful spread
_NOMINAL = 0.1


class _Score(CurvePredictor):
    """A number computed from a curve, in its units, as forecast for every later time."""

    spread = False

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Return the number ``(curves, times)``, with a nominal spread of .1."""
        score = np.array([self._number(one.values) for one in contexts])[:, None]
        return Normals.single(np.broadcast_to(score, asked.shape), np.array(_NOMINAL))

    def _number(self, values: Floats) -> float:
        raise NotImplementedError


@register_curve_predictor(
    "sotl",
    reference="B. Ru et al., 'Speedy Performance Estimation for NAS', NeurIPS 2021, arXiv:2006.04492, equation 1",
)
class Sum(_Score):
    """Mean of all values so far, which ranks curves of equal length like their sum (SoTL).

    The paper sums training losses; here the given curve is summed, in units in which higher is better.
    """

    def _number(self, values: Floats) -> float:
        return float(values.mean())


@register_curve_predictor(
    "sotl_e",
    reference="B. Ru et al., 'Speedy Performance Estimation for NAS', NeurIPS 2021, arXiv:2006.04492, eq. 2 with E=1",
)
class LastSum(_Score):
    """Mean of the last values (SoTL-E); with one value, it ranks like last_value.

    Args:
        last: number of values.
    """

    ranges: ClassVar = {"last": (1, 10_000)}

    def __init__(self, last: int = 1) -> None:
        self.last = last

    def _number(self, values: Floats) -> float:
        return float(values[-self.last :].mean())


@register_curve_predictor(
    "sotl_ema",
    reference="B. Ru et al., 'Speedy Performance Estimation for NAS', NeurIPS 2021, arXiv:2006.04492, section 3 (EMA)",
)
class MovingAverage(_Score):
    """Exponential moving average of the values, by default .9 of the previous average and .1 of the new (SoTL-EMA).

    Args:
        memory: share of the previous average.
    """

    ranges: ClassVar = {"memory": (0.0, 1.0)}

    def __init__(self, memory: float = 0.9) -> None:
        self.memory = memory

    def _number(self, values: Floats) -> float:
        average = values[0]
        for value in values[1:]:
            average = self.memory * average + (1 - self.memory) * value
        return float(average)
