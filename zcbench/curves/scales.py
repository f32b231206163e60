"""Conversion of a metric to the predictors' units, in which higher is better and values lie in about [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zcbench import _arguments as rules
from zcbench.curves._context import Floats
from zcbench.errors import InvalidInputError

#: unit of the first value of a loss
_START = 0.1
#: advice for a metric outside [0, 1]
WANTED = "give bounds (0 and 100 for percent), or say that lower is better"
#: largest distance outside [0, 1] by rounding, for a mean of 32-bit numbers
_ROUNDING = 1e-6
#: smallest and largest range of a metric
_SIZES = (1e-290, 1e300)


@dataclass(frozen=True)
class Scale:
    """An affine map x = offset + factor · y, from a metric y to the unit x.

    Attributes:
        offset: x at y = 0.
        factor: negative if lower is better.
        bounded: whether the metric's smallest and largest possible values are known; they are mapped to 0 and 1.
    """

    offset: float
    factor: float
    bounded: bool = False

    def unit(self, values: Floats) -> Floats:
        """Convert the metric to units."""
        found: Floats = self.offset + self.factor * np.asarray(values, dtype=np.float64)
        return found

    def metric(self, unit: Floats) -> Floats:
        """Convert units to the metric."""
        found: Floats = (np.asarray(unit, dtype=np.float64) - self.offset) / self.factor
        return found


def scale_of(values: Floats, *, lower_is_better: bool = False, bounds: tuple[float, float] | None = None) -> Scale:
    """Return the scale of a curve, which depends only on its beginning.

    With ``bounds``, these are mapped to 0 and 1, the better one to 1. Without them, a metric that is better when higher
    must lie in [0, 1] and is unchanged. A metric that is better when lower must begin above 0, like losses, errors and
    perplexities: 0 is mapped to 1 and the first value to 0.1, so that a curve may get worse than its beginning and no
    bound needs to be known.

    Args:
        values: observed values, finite.
        lower_is_better: whether the metric is a loss.
        bounds: smallest and largest possible value of the metric.

    Returns:
        The map.

    Raises:
        InvalidInputError: bounds are not in order, or the metric needs them.
    """
    if bounds is not None:
        low, high = bounds_of(bounds)
        factor = (-1.0 if lower_is_better else 1.0) / (high - low)
        return Scale(-factor * (high if lower_is_better else low), factor, bounded=True)
    if not lower_is_better:
        if len(values) and (values.min() < -_ROUNDING or values.max() > 1 + _ROUNDING):
            low, high = values.min(), values.max()
            reach = f"values range from {low:.7g} to {high:.7g}" if low < high else f"a value is {low:.7g}"
            raise InvalidInputError(f"{reach}: {WANTED}.")
        return Scale(0.0, 1.0, bounded=True)
    if not len(values):
        raise InvalidInputError("an empty curve of a loss has no scale: give bounds.")
    if values[0] <= 0:
        raise InvalidInputError(f"the first value of a loss is {values[0]:g}: give bounds, or values above 0.")
    _check_size(float(values[0]))
    return Scale(1.0, -(1 - _START) / float(values[0]))


def bounds_of(bounds: object) -> tuple[float, float]:
    """Return bounds as two numbers, the smaller one first; raise InvalidInputError if they are not valid."""
    try:
        if isinstance(bounds, (str, bytes)):
            raise TypeError
        low, high = (rules.number("a bound", bound) for bound in bounds)  # type: ignore[attr-defined]
        if not low < high:
            raise ValueError
    except (TypeError, ValueError, InvalidInputError):
        raise InvalidInputError(
            f"bounds={rules.shown(bounds)}: give the smallest and the largest value, e.g. (0, 100)."
        ) from None
    _check_size(high - low)
    return low, high


def _check_size(size: float) -> None:
    """Raise InvalidInputError if forecasts, which extend far beyond the values, would overflow."""
    if not _SIZES[0] <= size <= _SIZES[1]:
        raise InvalidInputError(
            f"values of the size of {size:g} cannot be computed with: divide or multiply them by a constant."
        )
