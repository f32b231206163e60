"""The base class of learning-curve predictors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast


class CurvePredictor:
    """Extrapolates beginnings of learning curves, with scikit-learn's interface: settings, ``fit``, ``predict``.

    A subclass declares its requirements and implements :meth:`predict`. Predictors receive curves in common units and
    on a common time axis (:class:`Context`); :func:`zcbench.curves.extrapolate` converts curves and forecasts.

    Attributes:
        learns: whether predictions need complete curves of the same task, which :meth:`fit` takes.
        joint: whether curves that are predicted together inform each other; such a predictor can also use complete
            curves, which :meth:`fit` takes, without needing them.
        spread: whether forecasts have a meaningful spread; if not, only means and ranks are evaluated.
        least: least number of points of a context.
        ranges: smallest and largest value of numeric settings.
    """

    learns: ClassVar[bool] = False
    joint: ClassVar[bool] = False
    spread: ClassVar[bool] = True
    least: ClassVar[int] = 1
    ranges: ClassVar[dict[str, tuple[float, float]]] = {}
    label_: str

    def fit(self, curves: Sequence[Context]) -> Self:
        """Learn from complete curves of the task; without ``learns`` and ``joint`` this does nothing."""
        return self

    def files(self) -> tuple[Path, ...]:
        """Return files whose content determines forecasts, such as weights that a setting names."""
        return ()

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Extrapolate curves.

        Args:
            contexts: beginnings of curves, each with at least ``least`` points.
            asked: requested times ``(curves, times)``, on the contexts' axis.

        Returns:
            Distributions of future observations, including noise, of shape ``(curves, times)``.
        """
        raise NotImplementedError
