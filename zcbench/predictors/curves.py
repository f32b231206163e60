"""Predictors on the beginning of a learning curve: its sum, its last value, a regression on it, and OMNI."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from zcbench.encodings import get_encoding
from zcbench.predictors._base import COUNT, Predictor, VectorPredictor
from zcbench.predictors._register import get_predictor, register_predictor
from zcbench.predictors._targets import Floats
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.encodings import Encoding

#: the default encoding: three epochs of the validation loss
DEFAULT = "curve(valid_nll/3)"


#: the value of a training that diverged
_HUGE = 1e300


class _CurveScore(Predictor):
    """A number from the beginning of a curve; the training set determines the sign of its relation to the target.

    A curve without any value counts as the median of the training set, and one that diverged as the worst.
    """

    calibrated = False

    def __init__(self, encoding: str | Encoding = DEFAULT, seed: int = 0) -> None:
        super().__init__(encoding, seed)

    def _number(self, curves: Floats) -> Floats:
        raise NotImplementedError

    def _score(self, architectures: Sequence[Architecture]) -> Floats:
        return self._number(self._encoding.beginnings(architectures))

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        from scipy.stats import kendalltau

        score = self._score(architectures)
        known = ~np.isnan(score)
        self.middle_ = float(np.median(score[known])) if known.any() else 0.0
        score = self._whole(score)
        tau = kendalltau(score, targets).statistic if np.ptp(score) > 0 else 1.0
        self.sign_ = -1.0 if tau < 0 else 1.0

    def _whole(self, score: Floats) -> Floats:
        return np.clip(np.where(np.isnan(score), self.middle_, score), -_HUGE, _HUGE)

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        return self.sign_ * self._whole(self._score(architectures))


@register_predictor(
    "sotl",
    reference="B. Ru et al., 'Speedy Performance Estimation for NAS', NeurIPS 2021, arXiv:2006.04492, equation 1",
)
class SoTL(_CurveScore):
    """Sum of the losses so far (SoTL; of the validation loss: SoVL).

    Args:
        encoding: a learning curve.
        seed: nothing is random.
    """

    def _number(self, curves: Floats) -> Floats:
        total: Floats = curves.sum(1)
        return total


@register_predictor(
    "sotl_e",
    reference="B. Ru et al., 'Speedy Performance Estimation for NAS', NeurIPS 2021, arXiv:2006.04492, eq. 2 with E=1",
)
class SoTLE(_CurveScore):
    """The loss of the last known epoch (SoTL-E).

    Args:
        encoding: a learning curve.
        seed: nothing is random.
    """

    def _number(self, curves: Floats) -> Floats:
        last: Floats = curves[:, -1]
        return last


@register_predictor(
    "sotl_ema",
    reference="B. Ru et al., 'Speedy Performance Estimation for NAS', NeurIPS 2021, arXiv:2006.04492, section 3 (EMA)",
)
class SoTLEMA(_CurveScore):
    """Exponential moving average of the losses, .9 of the old and .1 of the new.

    Args:
        encoding: a learning curve.
        seed: nothing is random.
    """

    def _number(self, curves: Floats) -> Floats:
        average: Floats = curves[:, 0].copy()
        for values in curves.T[1:]:
            average = 0.9 * average + 0.1 * values
        return average


@register_predictor(
    "lcsvr",
    version=2,
    reference="B. Baker et al., 'Accelerating Neural Architecture Search using Performance Prediction', ICLR Workshop "
    "2018, arXiv:1705.10823, section 3; hyper-parameters by random search as in White et al., arXiv:2104.01177",
)
class LcSVR(VectorPredictor):
    """ν-support-vector regression on a curve's beginning and its first and second differences.

    Args:
        encoding: a learning curve, alone or joined with other vectors.
        draws: number of hyper-parameters that are tried, by three-fold cross-validation.
        targets: "standard" or "ranks" (normal scores of ranks; a few failed trainings do not affect the fit much).
        seed: determines the draws.
    """

    ranges: ClassVar = {"draws": COUNT}

    def __init__(
        self, encoding: str | Encoding = DEFAULT, draws: int = 100, targets: str = "ranks", seed: int = 0
    ) -> None:
        super().__init__(encoding, targets, seed)
        self.draws = draws

    def _learn(self, x: Floats, y: Floats) -> None:
        from scipy.stats import loguniform, uniform
        from sklearn.model_selection import KFold, RandomizedSearchCV
        from sklearn.svm import NuSVR

        if len(y) < 6:  # too few to choose by cross-validation
            self.model_ = NuSVR(C=1.0, nu=0.5).fit(x, y)
            return
        space = {"C": loguniform(1e-2, 1e3), "nu": uniform(0.05, 0.9), "gamma": loguniform(1e-4, 1e1)}
        folds = KFold(3, shuffle=True, random_state=self.seed)
        search = RandomizedSearchCV(
            NuSVR(max_iter=20000), space, n_iter=self.draws, cv=folds, random_state=self.seed, scoring="r2"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some draws do not converge: cross-validation skips them
            self.model_ = search.fit(x, y).best_estimator_

    def _value(self, x: Floats) -> Floats:
        value: Floats = self.model_.predict(x)
        return value


@register_predictor(
    "omni",
    reference="C. White et al., 'How Powerful are Performance Predictors in NAS?', NeurIPS 2021, "
    "arXiv:2104.01177, section 5",
    extra="predictors",
)
class OMNI(Predictor):
    """Encoding, a training-free proxy and the beginning of the learning curve, together in one regressor.

    Args:
        encoding: vectors: the architecture, the authors' proxy, epochs of a curve.
        regressor: label of the predictor on these vectors; the authors' is "ngboost", an optional package.
        seed: seed of the regressor.
    """

    def __init__(
        self,
        encoding: str | Encoding = f"onehot+proxies(jacov)+{DEFAULT}",
        regressor: str = "xgboost",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, seed)
        self.regressor = regressor

    def others(self) -> list[Predictor]:
        """Return the regressor."""
        return [get_predictor(self.regressor)]

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        given = get_encoding(self.encoding)
        self.regressor_ = get_predictor(self.regressor, encoding=given, seed=self.seed).fit(architectures, targets)

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        return self.regressor_.predict(architectures)
