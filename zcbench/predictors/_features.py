"""Scaling of an encoding's columns for methods that measure distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zcbench.predictors._targets import Floats

#: A column whose largest number is this many times its median is replaced by its magnitude (products over layers).
_HEAVY = 100.0
_HUGE = 1e30


def within_float32(x: Floats) -> Floats:
    """Return numbers in the same order for trees of single precision: beyond 1e30 they increase by magnitude."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.minimum(np.abs(x), np.finfo(np.float64).max)
        return np.where(size > _HUGE, np.sign(x) * _HUGE * (1 + np.log10(size / _HUGE)), x)


class Scaling:
    """Fill missing values, compress heavy tails, remove constant columns, scale to zero mean and unit deviation.

    All parameters are computed from the training rows. A missing value (a proxy without a score) becomes the median.

    Args:
        x: ``(n, columns)``; nan marks missing values.
        groups: number of the part that each column belongs to.

    Attributes:
        groups: groups of the remaining columns.
    """

    def __init__(self, x: Floats, groups: NDArray[np.int_]) -> None:
        finite = np.isfinite(x)
        self.median = np.array([np.median(c[ok]) if ok.any() else 0.0 for c, ok in zip(x.T, finite.T, strict=True)])
        filled = np.where(finite, x, self.median)
        size = np.abs(filled)
        unit = np.array([np.quantile(c[c > 0], 0.05) if (c > 0).any() else 1.0 for c in size.T])
        typical = np.array([np.median(c[c > 0]) if (c > 0).any() else 1.0 for c in size.T])
        self.unit = np.where(size.max(0, initial=0.0) > _HEAVY * typical, unit, np.nan)
        tamed = self._tamed(filled, self.unit)
        self.mean, deviation = tamed.mean(0), tamed.std(0)
        self.kept = deviation > 1e-12 * np.maximum(1.0, np.abs(self.mean))
        self.deviation = np.where(self.kept, deviation, 1.0)
        self.groups = groups[self.kept]

    def __call__(self, x: Floats) -> Floats:
        """Convert ``(m, columns)`` to ``(m, remaining columns)``."""
        kept = x[:, self.kept]
        tamed = self._tamed(np.where(np.isfinite(kept), kept, self.median[self.kept]), self.unit[self.kept])
        scaled: Floats = (tamed - self.mean[self.kept]) / self.deviation[self.kept]
        return scaled

    @staticmethod
    def _tamed(x: Floats, unit: Floats) -> Floats:
        heavy = np.isfinite(unit)
        tamed = x.copy()
        tamed[:, heavy] = np.sign(x[:, heavy]) * np.log1p(np.abs(x[:, heavy]) / unit[heavy])
        return tamed
