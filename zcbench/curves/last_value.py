"""The last value, with a spread that is calibrated on a prior's curves: the baseline of all forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast, Normals
from zcbench.curves._register import register_curve_predictor
from zcbench.curves.priors import PRIORS, prior_named

#: number of curves from which the spread is measured, and their seed
_CURVES, _SEED = 5_000, 20_231_031


@cache
def _spreads(prior: str) -> Floats:
    """Return root mean squared differences between values at times 1 … 100 of a prior's curves ``(100, 100)``."""
    values = PRIORS[prior].sample(np.random.default_rng(_SEED), _CURVES).values.clip(-1, 2)
    later = values.shape[1]
    return np.array(
        [[np.sqrt(np.mean((values[:, j] - values[:, i]) ** 2)) for j in range(later)] for i in range(later)]
    )


@register_curve_predictor(
    "last_value",
    reference="the usual baseline; spread: S. Adriaensen et al., NeurIPS 2023, arXiv:2310.20447, compares with it",
)
class LastValue(CurvePredictor):
    """Last value with a normal distribution whose spread is that of changes in a prior's curves.

    The standard deviation for each pair of a last and a later time is the root mean squared change between them, over
    5,000 curves of a prior.

    Args:
        prior: name of the prior whose curves determine the spread.
    """

    def __init__(self, prior: str = "paper") -> None:
        self.prior = prior

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Forecast the last values ``(curves, times)``, with spreads by the distance in time."""
        spreads = _spreads(prior_named(self.prior).name)
        last = np.array([one.values[-1] for one in contexts])[:, None]
        known = np.array([one.times[-1] for one in contexts])[:, None]
        row, column = (np.clip(np.rint(times).astype(int) - 1, 0, 99) for times in (known, asked))
        return Normals.single(
            np.broadcast_to(last, asked.shape), np.maximum(spreads[row, np.maximum(column, row + (row < 99))], 1e-4)
        )
