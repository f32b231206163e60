"""The last value, with a spread from complete curves of the same task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from zcbench.curves._base import CurvePredictor
from zcbench.curves._complete import at_times, need_fit
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast, Normals
from zcbench.curves._register import get_curve_predictor, register_curve_predictor

#: least standard deviation, in units
_LEAST = 1e-4


@register_curve_predictor(
    "calibrated_last_value",
    reference="the usual baseline; S. Adriaensen et al., NeurIPS 2023, arXiv:2310.20447, compare with the last value",
)
class CalibratedLastValue(CurvePredictor):
    """Last value with a normal distribution whose spread is that of changes in complete curves of the task.

    The variance is the mean squared change between the two times over the complete curves, pooled with that of
    last_value.

    Args:
        pooled: number of curves to which the spread of last_value is equivalent.
    """

    learns = True
    ranges: ClassVar = {"pooled": (0.0, 1_000.0)}

    def __init__(self, pooled: float = 2.0) -> None:
        self.pooled = pooled

    def fit(self, curves: Sequence[Context]) -> Self:
        """Store complete curves.

        Raises:
            InvalidInputError: there is none.
        """
        self.curves_ = need_fit("calibrated_last_value", curves, 1)
        return self

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Forecast the last values ``(curves, times)``, with spreads that depend on both times.

        Raises:
            InvalidInputError: the predictor is not fitted.
        """
        curves = need_fit("calibrated_last_value", getattr(self, "curves_", ()), 1)
        simple = get_curve_predictor("last_value").predict(contexts, asked)
        assert isinstance(simple, Normals)
        spreads = np.empty(asked.shape)
        for row, (one, times) in enumerate(zip(contexts, asked, strict=True)):
            known = at_times(curves, np.concatenate([one.times[-1:], times]))
            squares = ((known[:, 1:] - known[:, :1]) ** 2).sum(0)
            total = squares + self.pooled * simple.spreads[row, :, 0] ** 2
            spreads[row] = np.sqrt(total / (len(curves) + self.pooled))
        return Normals.single(simple.means[..., 0], np.maximum(spreads, _LEAST))
