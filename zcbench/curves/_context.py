"""The input of curve predictors: beginnings of curves in common units, on a common time axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import InvalidInputError

Floats = NDArray[np.float64]

#: end of the predictors' time axis, to which longer trainings are compressed
GRID = 100


@dataclass(frozen=True)
class Context:
    """The beginning of a learning curve, in units in which higher is better and the range is about [0, 1].

    Attributes:
        times: strictly increasing ``(epochs,)``, on the grid from 1 to 100; epochs may be missing, and there may be
            none.
        values: observed values ``(epochs,)``; finite.
        end: the end of the training, on the same axis.
        code: numbers that describe the configuration ``(features,)``, or None.
    """

    times: Floats
    values: Floats
    end: float
    code: Floats | None = None

    def __len__(self) -> int:
        return len(self.times)

    def until(self, time: float) -> Context:
        """Return the beginning of the curve up to and including a time."""
        seen = int(np.searchsorted(self.times, time, side="right"))
        return Context(self.times[:seen], self.values[:seen], self.end, self.code)


@dataclass(frozen=True)
class Axis:
    """The mapping from a training's epochs to the grid.

    For trainings of up to 100 epochs, times are epochs. For longer ones, epoch 1 is mapped to 1 and the last epoch to
    100, in equal steps. An epoch 0, before training, counts as the first. If there are several values in an epoch, they
    are one step apart, as in the predictors' training data; a step is then a part of an epoch.

    Attributes:
        horizon: the last epoch.
        shift: 1 if epochs are counted from 0.
        step: epochs from one value to the next, at most 1.
    """

    horizon: float
    shift: float = 0.0
    step: float = 1.0

    @classmethod
    def of(cls, epochs: Floats, horizon: float) -> Axis:
        """Make the axis of a training from its increasing observed epochs."""
        gap = float(np.median(np.diff(epochs))) if len(epochs) > 1 else float(epochs.min(initial=1.0)) or 1.0
        step = 1.0 if gap >= 1 else 1 / round(1 / max(gap, 1e-6))
        return cls(horizon, 1.0 if len(epochs) and epochs[0] < step * (1 - 1e-6) else 0.0, step)

    def times(self, epochs: Floats) -> Floats:
        """Return the times of epochs on the grid."""
        found: Floats = np.asarray(epochs, dtype=np.float64) / self.step + self.shift
        last = self.horizon / self.step + self.shift
        return found if last <= GRID else 1 + (found - 1) * (GRID - 1) / (last - 1)

    @property
    def end(self) -> float:
        """The time of the last epoch."""
        return float(self.times(np.array([self.horizon]))[0])


def thinned(times: Floats, values: Floats, most: int = GRID) -> tuple[Floats, Floats]:
    """Reduce the number of points to ``most``: the last point in each of equal parts of the time axis is kept.

    Means of neighbouring values would have less noise than the single values that are forecast, so that intervals would
    be too narrow.

    Args:
        times: ``(epochs,)``, increasing.
        values: ``(epochs,)``.
        most: number of parts.

    Returns:
        Times and values of the kept points, which include the last point.
    """
    if len(times) <= most:
        return times, values
    part = np.minimum(((times - times[0]) / (times[-1] - times[0]) * most).astype(int), most - 1)
    kept = np.append(part[1:] != part[:-1], True)
    return times[kept], values[kept]


def checked(epochs: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return checked epochs and values without those that are nan.

    Raises:
        InvalidInputError: an epoch is repeated, out of order, or negative; a value is infinite; lengths differ.
    """
    epochs, values = np.asarray(epochs, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if epochs.ndim != 1 or values.ndim != 1:
        raise InvalidInputError(
            f"values of shape {values.shape} at epochs of shape {epochs.shape}: give one list of each, equally long."
        )
    if len(epochs) != len(values):
        raise InvalidInputError(
            f"a curve has {len(values)} values at {len(epochs)} epochs: give one list of each, equally long."
        )
    if not np.isfinite(epochs).all() or (len(epochs) and epochs[0] < 0):
        raise InvalidInputError("epochs must be finite numbers from 0 on: omit epochs without observations.")
    if (np.diff(epochs) <= 0).any():
        where = int(np.flatnonzero(np.diff(epochs) <= 0)[0]) + 1
        kind = "is repeated" if epochs[where] == epochs[where - 1] else "comes after a later one"
        raise InvalidInputError(f"epoch {epochs[where]:g} {kind}: give each epoch once, in order.")
    if np.isinf(values).any():
        where = int(np.flatnonzero(np.isinf(values))[0])
        raise InvalidInputError(f"the value at epoch {epochs[where]:g} is {values[where]}: end the curve before it.")
    seen = ~np.isnan(values)
    return epochs[seen], values[seen]
