"""The best single column: a baseline for predictors on many columns."""

from __future__ import annotations

import numpy as np

from zcbench.predictors._base import UncertainPredictor
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats


@register_predictor("one_column", reference="zcbench; least squares on the column of the largest |Spearman's rho|")
class OneColumn(UncertainPredictor):
    """A line on the one column that ranks the training networks best, such as their parameters.

    Columns are compared by |Spearman's rho|; of equal ones the first counts. The standard deviation is that of
    predictions by least squares: it grows with the distance from the mean of the training networks.
    """

    def _learn(self, x: Floats, y: Floats) -> None:
        self.column_ = int(np.argmax(np.abs(_rho(x, y)).round(12)))
        one = x[:, self.column_]
        self.center_, self.mean_ = float(one.mean()), float(y.mean())
        self.spread_ = float(((one - self.center_) ** 2).sum())
        self.slope_ = float((one - self.center_) @ (y - self.mean_)) / self.spread_
        rest = y - self.mean_ - self.slope_ * (one - self.center_)
        self.noise_ = float(np.sqrt((rest**2).sum() / max(1, len(y) - 2)))
        self.rows_ = len(y)

    def _value_and_std(self, x: Floats) -> tuple[Floats, Floats]:
        distance = x[:, self.column_] - self.center_
        deviation = self.noise_ * np.sqrt(1 + 1 / self.rows_ + distance**2 / self.spread_)
        return self.mean_ + self.slope_ * distance, np.maximum(deviation, 1e-9)


def _rho(x: Floats, y: Floats) -> Floats:
    """Compute Spearman's rho of every column ``(n, columns)`` with ``(n,)``; 0 where it is not defined."""
    from scipy.stats import rankdata

    a, b = rankdata(x, axis=0), rankdata(y)
    a, b = a - a.mean(0), b - b.mean()
    scale = np.sqrt((a**2).sum(0) * (b**2).sum())
    rho: Floats = np.divide(a.T @ b, scale, out=np.zeros(a.shape[1]), where=scale > 0)
    return rho
