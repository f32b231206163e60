"""What a predictor of learning curves is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast


class CurvePredictor:
    """Extrapolates beginnings of learning curves, in scikit-learn's manner: settings, ``fit``, ``predict``.

    A subclass declares what it needs and gives :meth:`predict`. Predictors see curves in common units and on a common
    time axis (:class:`Context`); :func:`zcbench.curves.extrapolate` brings curves there and forecasts back.

    Attributes:
        learns: whether :meth:`fit` takes complete curves of the same task, and predictions need it.
        joint: whether curves that are predicted together inform each other; such a predictor may look at complete
            curves, which :meth:`fit` takes, without needing them.
        spread: whether forecasts have a spread that means something; if not, only means and ranks are judged.
        least: points that a context must have.
        ranges: smallest and largest value of settings that are numbers.
    """

    learns: ClassVar[bool] = False
    joint: ClassVar[bool] = False
    spread: ClassVar[bool] = True
    least: ClassVar[int] = 1
    ranges: ClassVar[dict[str, tuple[float, float]]] = {}
    label_: str

    def fit(self, curves: Sequence[Context]) -> Self:
        """Learn from complete curves of the task; with neither ``learns`` nor ``joint`` nothing happens."""
        return self

    def files(self) -> tuple[Path, ...]:
        """Files whose content decides forecasts, such as weights that a setting names; results depend on it."""
        return ()

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Extrapolate.

        Args:
            contexts: beginnings of curves, each of ``least`` points at least.
            asked: times that are asked for ``(curves, times)``, on the contexts' axis.

        Returns:
            Distributions of what would be observed, noise included, of shape ``(curves, times)``.
        """
        raise NotImplementedError
