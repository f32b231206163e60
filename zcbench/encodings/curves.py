"""The beginning of a learning curve as features, at the cost of a training for a few epochs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from zcbench.encodings._base import Floats, Needs
from zcbench.encodings._feed import TRAINING, Feed, TableEncoding
from zcbench.encodings._register import register_encoding
from zcbench.errors import InvalidInputError
from zcbench.types import Architecture


@register_encoding("curve", arguments="valid_nll/3")
class CurveEncoding(TableEncoding):
    """The first epochs of a metric's learning curve, and their differences.

    A row is y_1 … y_E, the E - 1 first differences, the E - 2 second differences (LcSVR's features). An epoch without a
    value is interpolated between its neighbours among those E, or has the nearest value; a row without any value is
    nan.

    Args:
        metric: name of the curve.
        epochs: number of known epochs.
    """

    def __init__(self, metric: str, epochs: int) -> None:
        if epochs < 1:
            raise InvalidInputError(f"curve({metric}/{epochs}): choose at least one epoch.")
        super().__init__(f"curve({metric}/{epochs})")
        self.metric = metric
        self.epochs = epochs
        self.needs = Needs(curves=(metric,))

    @classmethod
    def read(cls, *arguments: str) -> CurveEncoding:
        """Read a metric and a number of epochs, "valid_nll/3"."""
        text = "+".join(arguments)
        metric, _, epochs = text.rpartition("/")
        if len(arguments) != 1 or not metric or not re.fullmatch("[0-9]{1,9}", epochs):
            raise InvalidInputError(f"curve({text}): write one metric and its epochs, such as curve(valid_nll/3).")
        return cls(metric, int(epochs))

    def look_up(self, feed: Feed) -> Floats:
        """Return the curves' first epochs ``(n, epochs)``."""
        curves = feed.curve(self.metric)
        if curves.shape[1] < self.epochs:
            raise InvalidInputError(f"{self.name}: the curves have only {curves.shape[1]} epochs.")
        return interpolated(curves[:, : self.epochs])

    def seconds(self, feed: Feed) -> dict[str, float]:
        """Return the cost of its epochs of training."""
        return {TRAINING: self.epochs * feed.epoch_seconds.get(self.metric, np.nan)}

    def rows(self, architectures: Sequence[Architecture]) -> list[Floats]:
        """Return values, first and second differences."""
        with np.errstate(invalid="ignore"):  # a training that diverged: differences of infinities are missing values
            return [np.concatenate([one, np.diff(one), np.diff(one, n=2)]) for one in super().rows(architectures)]

    def beginnings(self, architectures: Sequence[Architecture]) -> Floats:
        """Return the curves themselves ``(n, epochs)``."""
        return np.stack(super().rows(architectures))


def interpolated(curves: Floats) -> Floats:
    """Interpolate missing values of curves ``(n, epochs)``; rows without a finite value are not changed."""
    known = np.isfinite(curves)
    gaps = np.isnan(curves)
    found = curves.copy()
    for row in np.flatnonzero(gaps.any(1) & known.any(1)):
        found[row, gaps[row]] = np.interp(
            np.flatnonzero(gaps[row]), np.flatnonzero(known[row]), curves[row, known[row]]
        )
    return found
