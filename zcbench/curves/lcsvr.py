"""Support-vector regression on the beginning of a curve, fitted to complete curves of the task."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from zcbench.curves._base import CurvePredictor
from zcbench.curves._complete import at_times, need_fit
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast, Normals
from zcbench.curves._register import register_curve_predictor

#: least number of complete curves, folds of cross-validation, and number of times with a regression
_LEAST, _FOLDS, _ANCHORS = 6, 5, 6
#: least standard deviation, in units
_NARROW = 1e-3


@register_curve_predictor(
    "lcsvr",
    reference="B. Baker et al., 'Accelerating Neural Architecture Search using Performance Prediction', ICLR Workshop "
    "2018, arXiv:1705.10823, section 3; hyper-parameters by random search as in White et al., arXiv:2104.01177",
)
class LcSVR(CurvePredictor):
    """ν-support-vector regression of later values on the values so far and their first and second differences.

    The target is the change from the last value, at six of the requested times; it is interpolated between them.
    Numbers that describe the configuration are features, too, if every curve has them. The spread is the root mean
    square of residuals in five-fold cross-validation. Hyper-parameters are chosen once for each different beginning, at
    the last requested time.

    Args:
        draws: number of hyper-parameter settings to try.
        seed: determines draws and folds.
    """

    learns = True
    ranges: ClassVar = {"draws": (1, 10_000), "seed": (0, 2**32 - 1)}

    def __init__(self, draws: int = 30, seed: int = 0) -> None:
        self.draws = draws
        self.seed = seed

    def fit(self, curves: Sequence[Context]) -> Self:
        """Store complete curves.

        Raises:
            InvalidInputError: there are fewer than six.
        """
        self.curves_ = need_fit("lcsvr", curves, _LEAST)
        return self

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Return normal distributions; contexts with equal times and equal requested times share one regression.

        Raises:
            InvalidInputError: the predictor is not fitted.
        """
        curves = need_fit("lcsvr", getattr(self, "curves_", ()), _LEAST)
        means, spreads = np.empty(asked.shape), np.empty(asked.shape)
        groups: dict[tuple[bytes, bytes, int], list[int]] = {}
        for row, one in enumerate(contexts):
            width = -1 if one.code is None else len(one.code)
            groups.setdefault((one.times.tobytes(), asked[row].tobytes(), width), []).append(row)
        for rows in groups.values():
            found = self._group(curves, [contexts[row] for row in rows], asked[rows[0]])
            means[rows], spreads[rows] = found
        return Normals.single(means, spreads)

    def _group(self, curves: list[Context], contexts: list[Context], asked: Floats) -> tuple[Floats, Floats]:
        """Return means ``(contexts, times)`` and spreads ``(times,)``."""
        times = contexts[0].times
        anchors = np.unique(np.linspace(0, len(asked) - 1, min(_ANCHORS, len(asked))).astype(int))
        known = at_times(curves, times)
        changes = at_times(curves, asked[anchors]) - known[:, -1:]
        coded = contexts[0].code is not None and all(
            one.code is not None and len(one.code) == len(contexts[0].code) for one in curves
        )
        x = features(known, [one.code for one in curves] if coded else None)
        values = np.array([one.values for one in contexts])
        query = features(values, [one.code for one in contexts] if coded else None)
        centre, scale = x.mean(0), np.where(x.std(0) > 1e-12, x.std(0), 1.0)
        x, query = (x - centre) / scale, (query - centre) / scale
        chosen = self._chosen(x, changes[:, -1])
        found = [self._learned(chosen, x, change, query) for change in changes.T]
        gains, spreads = (np.array(part) for part in zip(*found, strict=True))
        at = np.concatenate([times[-1:], asked[anchors]])
        gains = np.concatenate([np.zeros((1, len(contexts))), gains])
        means = values[:, -1:] + np.array([np.interp(asked, at, gain) for gain in gains.T])
        wide = np.interp(asked, asked[anchors], spreads)
        return means, wide

    def _folds(self) -> Any:
        from sklearn.model_selection import KFold

        return KFold(_FOLDS, shuffle=True, random_state=self.seed)

    def _chosen(self, x: Floats, change: Floats) -> dict[str, float]:
        """Return the hyper-parameters with the smallest cross-validated error, for targets of unit variance."""
        rng = np.random.default_rng(self.seed)
        best, least = {"C": 1.0, "nu": 0.5, "gamma": 1 / x.shape[1]}, np.inf
        for number in range(self.draws):
            tried = dict(best)
            if number:
                tried = {
                    "C": float(np.exp(rng.uniform(np.log(1e-2), np.log(1e2)))),
                    "nu": float(rng.uniform(0.1, 0.9)),
                    "gamma": float(np.exp(rng.uniform(np.log(1e-4), np.log(1e1)))),
                }
            error = float(((self._held_out(tried, x, change) - change) ** 2).mean())
            if error < least:
                best, least = tried, error
        return best

    def _learned(self, chosen: dict[str, float], x: Floats, change: Floats, query: Floats) -> tuple[Floats, float]:
        """Return changes of the queries, and the root mean square of cross-validated residuals."""
        residual = self._held_out(chosen, x, change) - change
        return _regressed(chosen, x, change, query), max(float(np.sqrt((residual**2).mean())), _NARROW)

    def _held_out(self, chosen: dict[str, float], x: Floats, change: Floats) -> Floats:
        found = np.empty(len(x))
        for train, test in self._folds().split(x):
            found[test] = _regressed(chosen, x[train], change[train], x[test])
        return found


def features(values: Floats, codes: Sequence[Floats | None] | None) -> Floats:
    """Return values, first and second differences, and codes ``(curves, features)``, of values ``(curves, epochs)``."""
    parts = [values, np.diff(values), np.diff(values, 2) if values.shape[1] > 1 else values[:, :0]]
    if codes is not None:
        parts.append(np.array(codes, dtype=np.float64))
    return np.concatenate(parts, 1)


def _regressed(chosen: dict[str, float], x: Floats, y: Floats, query: Floats) -> Floats:
    """Return the regression's values; targets are standardised for the fit."""
    from sklearn.svm import NuSVR

    centre, scale = y.mean(), y.std()
    if scale < 1e-12:
        return np.full(len(query), centre)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # draws that do not converge have a large error and are not chosen
        model = NuSVR(**chosen, max_iter=20_000)
        model.random_state = 0  # it draws an unused number, which would otherwise come from the global generator
        model.fit(x, (y - centre) / scale)
    found: Floats = centre + scale * model.predict(query)
    return found
