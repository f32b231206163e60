"""A mixture of several predictors, weighted by their forecasts of the curve so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from zcbench._notation import parse_sum, unwrapped
from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast, Mixture
from zcbench.curves._register import get_curve_predictor, register_curve_predictor
from zcbench.errors import InvalidInputError

#: growth factor of the forecast beginnings, and largest number of requested values in each part
_GROWTH, _AHEAD = 1.5, 4
#: least counted log-density, so that one outlier does not dominate
_FLOOR = -10.0


def beginnings(length: int, least: int) -> list[tuple[int, int]]:
    """Divide a curve of ``length`` values into consecutive parts: (known values, end of the forecast values)."""
    found, seen = [], max(least, 1)
    while seen < length:
        until = min(length, max(seen + 1, int(seen * _GROWTH)))
        found.append((seen, until))
        seen = until
    return found


@register_curve_predictor(
    "evidence",
    reference="A. P. Dawid, 'Present Position and Potential Developments: Some Personal Views: Statistical Theory: The "
    "Prequential Approach', JRSS A 1984: models are compared by what they forecast one step after another",
    version=2,
)
class Evidence(CurvePredictor):
    """Mixture of other predictors, weighted by their log-densities of the curve so far.

    The curve is forecast from beginnings that grow by half: the 4th value after 3 values, the 5th and 6th after 4, and
    so on. At most four evenly spaced values of each of these parts are forecast, and represent the whole part. A
    predictor's weight is the product of its given weight and the exponential of the sum of its log-densities, raised to
    a power below one because neighbouring errors are correlated.

    Args:
        parts: curve predictors with weights, joined by "+": "lcpfn+0.5*(fits:criterion=bic)". Each must have a spread
            and must not learn from complete curves or use curves jointly.
        power: power of the evidence; 0 keeps the given weights.
    """

    ranges: ClassVar = {"power": (0.0, 1.0)}

    def __init__(self, parts: str = "(lcpfn+fits)", power: float = 0.5) -> None:
        self.parts = parts
        self.power = power

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Return mixtures of the parts' forecasts.

        Raises:
            InvalidInputError: a part cannot be weighted.
        """
        members, shares = self._members()
        evidence = np.stack([self.evidence(member, contexts) for member in members], 1)
        logs = np.log(shares) + self.power * evidence
        weights = np.exp(logs - logs.max(1, keepdims=True))
        forecasts = [member.predict(contexts, asked) for member in members]
        return Mixture(forecasts, weights / weights.sum(1, keepdims=True))

    def files(self) -> tuple[Path, ...]:
        """Return the files of the parts."""
        return tuple(file for member in self._members()[0] for file in member.files())

    def evidence(self, member: CurvePredictor, contexts: Sequence[Context]) -> Floats:
        """Return a predictor's sum of log-densities of each curve's values after the third ``(curves,)``."""
        rows, begun, times, values, shares = [], [], [], [], []
        for row, one in enumerate(contexts):
            for seen, until in beginnings(len(one), 3):
                picked = np.linspace(seen, until - 1, min(_AHEAD, until - seen)).astype(int)
                picked = np.concatenate([picked, np.repeat(picked[-1:], _AHEAD - len(picked))])
                rows.append(row)
                begun.append(Context(one.times[:seen], one.values[:seen], one.end, one.code))
                times.append(one.times[picked])
                values.append(one.values[picked])
                count = min(_AHEAD, until - seen)
                shares.append(np.where(np.arange(_AHEAD) < count, (until - seen) / count, 0.0))
        if not rows:
            return np.zeros(len(contexts))
        densities = member.predict(begun, np.array(times)).log_density(np.array(values))
        total = (np.array(shares) * np.maximum(densities, _FLOOR)).sum(1)
        found: Floats = np.bincount(rows, total, len(contexts)).astype(np.float64)
        return found

    def _members(self) -> tuple[list[CurvePredictor], Floats]:
        given = parse_sum(unwrapped(self.parts))
        members = [get_curve_predictor(label) for label in given.labels]
        for label, member in zip(given.labels, members, strict=True):
            if member.learns or member.joint or not member.spread:
                raise InvalidInputError(
                    f"parts={self.parts!r}: {label} cannot be weighted by its forecasts of one curve; choose parts "
                    "that need neither complete curves nor other curves, and have a spread."
                )
        return members, np.array(given.weights)
