"""Scales of targets for fits."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import InvalidInputError

Floats: TypeAlias = NDArray[np.float64]


class TargetScale(Protocol):
    """A strictly increasing map of targets."""

    def forward(self, values: Floats) -> Floats:
        """Convert targets to the scale of the fit."""

    def backward(self, values: Floats) -> Floats:
        """Convert predictions to the targets' units."""


class Standard:
    """Zero mean, unit standard deviation."""

    def __init__(self, targets: Floats) -> None:
        self.mean, self.deviation = float(targets.mean()), float(targets.std()) or 1.0

    def forward(self, values: Floats) -> Floats:
        """Convert targets to the scale of the fit."""
        scaled: Floats = (values - self.mean) / self.deviation
        return scaled

    def backward(self, values: Floats) -> Floats:
        """Convert predictions to the targets' units."""
        original: Floats = values * self.deviation + self.mean
        return original


class Ranks:
    """Normal scores: the target of mean rank r among n becomes the normal quantile of (r - 1/2) / n (Blom's kind).

    Between targets, and beyond the outermost, the map is linear, so it is strictly increasing and predictions can be
    mapped back without ties. Accuracies are skewed: otherwise a few broken networks would determine every fit.
    """

    def __init__(self, targets: Floats) -> None:
        from scipy.stats import norm, rankdata

        self.values, first = np.unique(targets, return_index=True)
        self.scores: Floats = norm.ppf((rankdata(targets)[first] - 0.5) / len(targets))

    def forward(self, values: Floats) -> Floats:
        """Convert targets to the scale of the fit."""
        return _linear(values, self.values, self.scores)

    def backward(self, values: Floats) -> Floats:
        """Convert predictions to the targets' units."""
        return _linear(values, self.scores, self.values)


def _linear(x: Floats, knots: Floats, images: Floats) -> Floats:
    """Interpolate; beyond the ends extrapolate with the mean slope of the outer tenth of the knots."""
    inside: Floats = np.interp(x, knots, images)
    if len(knots) < 2:
        return np.asarray(inside + (x - knots[0]))
    tenth = max(1, len(knots) // 10)
    low = (images[tenth] - images[0]) / (knots[tenth] - knots[0])
    high = (images[-1] - images[-1 - tenth]) / (knots[-1] - knots[-1 - tenth])
    return np.asarray(inside + low * np.minimum(x - knots[0], 0) + high * np.maximum(x - knots[-1], 0))


def target_scale(name: str, targets: Floats) -> TargetScale:
    """Return the scale with this name, fitted to targets."""
    kinds: dict[str, type[Standard] | type[Ranks]] = {"standard": Standard, "ranks": Ranks}
    if name not in kinds:
        raise InvalidInputError(f"targets={name!r}: choose one of {', '.join(kinds)}.")
    return kinds[name](targets)
