"""What a curve predictor sees: beginnings of curves in common units, on a common time axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import InvalidInputError

Floats = NDArray[np.float64]

#: the time axis on which predictors work ends here; longer trainings are compressed to it
GRID = 100


@dataclass(frozen=True)
class Context:
    """The beginning of a learning curve: more is better, about [0, 1], times on the grid from 1 to 100.

    Attributes:
        times: strictly increasing ``(epochs,)``; epochs may be missing, and there may be none at all.
        values: what was observed ``(epochs,)``; finite.
        end: when the training ends, on the same axis.
        code: numbers that describe the configuration, or none ``(features,)``.
    """

    times: Floats
    values: Floats
    end: float
    code: Floats | None = None

    def __len__(self) -> int:
        return len(self.times)

    def until(self, time: float) -> Context:
        """Its beginning, up to and with that time."""
        seen = int(np.searchsorted(self.times, time, side="right"))
        return Context(self.times[:seen], self.values[:seen], self.end, self.code)


@dataclass(frozen=True)
class Axis:
    """Epochs of a training on the grid.

    Trainings of up to 100 epochs keep their epochs as times. Of longer ones epoch 1 stays at 1 and the last comes to
    100, in equal steps. An epoch 0, which is before training, counts as the first. Values that come several times an
    epoch lie a step apart, as predictors have learned it; then a step is a part of an epoch.

    Attributes:
        horizon: the last epoch.
        shift: 1 where epochs are counted from 0.
        step: epochs from one value to the next, at most 1.
    """

    horizon: float
    shift: float = 0.0
    step: float = 1.0

    @classmethod
    def of(cls, epochs: Floats, horizon: float) -> Axis:
        """The axis of a training of which values were observed at these epochs, increasing."""
        gap = float(np.median(np.diff(epochs))) if len(epochs) > 1 else float(epochs.min(initial=1.0)) or 1.0
        step = 1.0 if gap >= 1 else 1 / round(1 / max(gap, 1e-6))
        return cls(horizon, 1.0 if len(epochs) and epochs[0] < step * (1 - 1e-6) else 0.0, step)

    def times(self, epochs: Floats) -> Floats:
        """Times of epochs on the grid."""
        found: Floats = np.asarray(epochs, dtype=np.float64) / self.step + self.shift
        last = self.horizon / self.step + self.shift
        return found if last <= GRID else 1 + (found - 1) * (GRID - 1) / (last - 1)

    @property
    def end(self) -> float:
        """The last epoch's time."""
        return float(self.times(np.array([self.horizon]))[0])


def thinned(times: Floats, values: Floats, most: int = GRID) -> tuple[Floats, Floats]:
    """At most so many points: of the neighbours in equal parts of the time axis, the last one stays.

    Means of neighbours would have less noise than the single values that are forecast, and intervals would be too
    narrow by as much.

    Args:
        times: ``(epochs,)``, increasing.
        values: ``(epochs,)``.
        most: number of parts.

    Returns:
        Times and values of those that stay; the last point is one of them.
    """
    if len(times) <= most:
        return times, values
    part = np.minimum(((times - times[0]) / (times[-1] - times[0]) * most).astype(int), most - 1)
    kept = np.append(part[1:] != part[:-1], True)
    return times[kept], values[kept]


def checked(epochs: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Epochs and values, of which those that are nan are missing.

    Raises:
        InvalidInputError: an epoch is repeated, comes out of order, or is below 1; a value is infinite; lengths differ.
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
        raise InvalidInputError("epochs must be finite numbers from 0 on: leave out what was not observed.")
    if (np.diff(epochs) <= 0).any():
        where = int(np.flatnonzero(np.diff(epochs) <= 0)[0]) + 1
        kind = "is repeated" if epochs[where] == epochs[where - 1] else "comes after a later one"
        raise InvalidInputError(f"epoch {epochs[where]:g} {kind}: give each epoch once, in order.")
    if np.isinf(values).any():
        where = int(np.flatnonzero(np.isinf(values))[0])
        raise InvalidInputError(f"the value at epoch {epochs[where]:g} is {values[where]}: end the curve before it.")
    seen = ~np.isnan(values)
    return epochs[seen], values[seen]
