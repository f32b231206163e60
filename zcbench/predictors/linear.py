"""Linear regression."""

from __future__ import annotations

from zcbench.predictors._base import UncertainPredictor
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats


@register_predictor(
    "bayesian_ridge", reference="D. MacKay, 'Bayesian Interpolation', Neural Computation 4(3), 1992; scikit-learn's"
)
class BayesianRidge(UncertainPredictor):
    """Linear regression whose two precisions (weights, noise) maximise the evidence."""

    def _learn(self, x: Floats, y: Floats) -> None:
        from sklearn.linear_model import BayesianRidge as Model

        self.model_ = Model().fit(x, y)

    def _value_and_std(self, x: Floats) -> tuple[Floats, Floats]:
        mean, deviation = self.model_.predict(x, return_std=True)
        return mean, deviation
