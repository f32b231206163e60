"""Several predictors in one, weighted by how well each has forecast the curve so far."""

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

#: a beginning is so many times as long as the one before, and how many values it is asked for
_GROWTH, _AHEAD = 1.5, 4
#: a log-density counts as this at least: one outlier does not decide
_FLOOR = -10.0


def beginnings(length: int, least: int) -> list[tuple[int, int]]:
    """Parts of a curve of ``length`` values: (values seen, values until which it is forecast), one after another."""
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
    """A mixture of other predictors, weighted by their log-densities of the curve so far.

    The curve is forecast from beginnings that grow by half: after 3 values the 4th, after 4 the 5th and 6th, and so on.
    Of each of these parts four values at most, evenly spaced, are asked for, and stand for all of it. A predictor's
    weight is its own times the exponential of the sum of their log-densities, times a power below one because
    neighbouring errors are alike.

    Args:
        parts: curve predictors with weights, joined by "+": "lcpfn+0.5*(fits:criterion=bic)". None may learn from
            complete curves, need others beside it, or lack a spread.
        power: of the evidence; 0 leaves the weights that were given.
    """

    ranges: ClassVar = {"power": (0.0, 1.0)}

    def __init__(self, parts: str = "(lcpfn+fits)", power: float = 0.5) -> None:
        self.parts = parts
        self.power = power

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Mixtures of the parts' forecasts.

        Raises:
            InvalidInputError: a part cannot be weighed.
        """
        members, shares = self._members()
        evidence = np.stack([self.evidence(member, contexts) for member in members], 1)
        logs = np.log(shares) + self.power * evidence
        weights = np.exp(logs - logs.max(1, keepdims=True))
        forecasts = [member.predict(contexts, asked) for member in members]
        return Mixture(forecasts, weights / weights.sum(1, keepdims=True))

    def files(self) -> tuple[Path, ...]:
        """Those of the parts."""
        return tuple(file for member in self._members()[0] for file in member.files())

    def evidence(self, member: CurvePredictor, contexts: Sequence[Context]) -> Floats:
        """Sum of log-densities of each curve's values after the third, forecast by a predictor ``(curves,)``."""
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
                    f"parts={self.parts!r}: {label} cannot be weighed by its forecasts of one curve; choose parts that "
                    "need neither complete curves nor others, and have a spread."
                )
        return members, np.array(given.weights)
