"""Standard deviations of predictions, checked on rows that were held out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zcbench.runs._cross_validation import HeldOut, Ints

Floats = NDArray[np.float64]

#: half of a 95 % interval in standard deviations
HALF = 1.96


@dataclass(frozen=True)
class Deviations:
    """How predictions become values with standard deviations in the target's unit.

    Attributes:
        factor: of the predictor's own standard deviations; nan where ``constant`` is used.
        constant: one standard deviation for all; nan where ``factor`` is used.
        coverage: share of held-out rows within 1.96 standard deviations that other rows decided; nan if unknown.
        slope: of the line from predictions to values; 1 where predictions are in the target's unit.
        intercept: of that line.
    """

    factor: float
    constant: float
    coverage: float
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def own(self) -> bool:
        """Whether the predictor's own standard deviations are used."""
        return math.isfinite(self.factor)

    def of(self, predicted: Floats, deviation: Floats) -> tuple[Floats, Floats]:
        """Values and standard deviations ``(m,)`` of predictions and the predictor's own standard deviations."""
        values: Floats = self.intercept + self.slope * predicted
        return values, self.factor * deviation if self.own else np.full(len(values), self.constant)


def deviations(dealt: Ints, held_out: HeldOut, truth: Floats, *, calibrated: bool) -> Deviations:
    """Decide which standard deviations to give, on held-out rows.

    The predictor's own are multiplied by one factor, so that errors in units of them have a mean square of 1. Where
    they are missing, or one number for all rows gives held-out values a larger likelihood, that number is given.

    Args:
        dealt: the fold of each row ``(repeats, n)``.
        held_out: predictions of these rows.
        truth: ``(n,)``.
        calibrated: whether predictions are in the target's unit; if not, a line of least squares gives values.
    """
    predicted, slope, intercept = held_out.predicted, 1.0, 0.0
    if not calibrated:
        every = np.broadcast_to(truth, predicted.shape).ravel()
        centred = predicted.ravel() - predicted.mean()
        spread = float(centred @ centred)
        slope = max(0.0, float(centred @ every) / spread) if spread > 0 else 0.0
        intercept = float(truth.mean() - slope * predicted.mean())
        predicted = intercept + slope * predicted
    errors = np.abs(predicted - truth)
    sigma = held_out.deviation
    constant = _root(errors)
    known = bool(np.isfinite(sigma).all() and (sigma > 0).all())
    if known:
        factor = _root(errors / sigma)
        own = float(np.log(factor * sigma).mean())  # plus half, as for the constant
        known = own < math.log(constant) if constant > 0 else False
    covered = [
        errors[repeat, test] <= HALF * _scale(errors[repeat], sigma[repeat], ~test, own=known)[test]
        for repeat, division in enumerate(dealt)
        for test in (division == fold for fold in np.unique(division))
    ]
    coverage = float(np.concatenate(covered).mean())
    if known:
        return Deviations(factor, math.nan, coverage, slope, intercept)
    return Deviations(math.nan, constant, coverage, slope, intercept)


def _scale(errors: Floats, sigma: Floats, learned: NDArray[np.bool_], *, own: bool) -> Floats:
    """Return standard deviations ``(n,)`` that are determined by some of the rows."""
    if own:
        scaled: Floats = sigma * _root(errors[learned] / sigma[learned])
        return scaled
    return np.full(len(errors), _root(errors[learned]))


def _root(errors: Floats) -> float:
    return float(np.sqrt((errors**2).mean()))


__all__ = ["HALF", "Deviations", "deviations"]
