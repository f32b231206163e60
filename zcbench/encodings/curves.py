"""The beginning of a learning curve as features: what a network costs that is trained for a few epochs only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.encodings._base import Encoding
from zcbench.errors import InvalidInputError
from zcbench.types import Architecture, SearchSpace


class CurveEncoding(Encoding):
    """The first epochs of a metric's learning curve, and its differences.

    A row is y_1 … y_E, the E - 1 first differences, the E - 2 second differences (LcSVR's features). Curves come from a
    table (:meth:`remember`); what is in no table cannot be encoded.

    Args:
        metric: name of the curve, for messages.
        epochs: number of epochs that are seen.
    """

    told = True

    def __init__(self, metric: str, epochs: int) -> None:
        if epochs < 1:
            raise InvalidInputError(f"curve({metric}/{epochs}): choose at least one epoch.")
        super().__init__(f"curve({metric}/{epochs})", self._look_up)
        self.metric = metric
        self.epochs = epochs

    def remember(self, architectures: Sequence[Architecture], curves: NDArray[np.floating[Any]]) -> None:
        """Take curves ``(n, epochs)``; more epochs than are seen are cut off.

        Raises:
            InvalidInputError: curves are too short, or their number is not that of the architectures.
        """
        values = np.asarray(curves, np.float64)
        if values.ndim != 2 or len(values) != len(architectures):
            raise InvalidInputError(f"{self.name}: give curves of shape (architectures, epochs), not {values.shape}.")
        if values.shape[1] < self.epochs:
            raise InvalidInputError(f"{self.name}: the curves have only {values.shape[1]} epochs.")
        self._known.update(zip(architectures, values[:, : self.epochs], strict=True))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__  # what it knows cannot be found again

    def rows(self, architectures: Sequence[Architecture]) -> list[np.ndarray]:
        """Values, first and second differences."""
        return [np.concatenate([curve, np.diff(curve), np.diff(curve, n=2)]) for curve in super().rows(architectures)]

    def beginnings(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The curves themselves ``(n, epochs)``."""
        return np.stack(super().rows(architectures))

    def _look_up(self, space: SearchSpace, architecture: Architecture) -> np.ndarray:
        raise InvalidInputError(f"no learning curve of {architecture} is known: {self.name} cannot encode it.")
