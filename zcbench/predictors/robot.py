"""RoBoT: a weighted sum of training-free metrics, its weights found by Bayesian optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from zcbench.predictors._base import STEPS, Predictor
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats
from zcbench.predictors._weightings import bounds, explore, normalised, scaled
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.encodings import Encoding


@register_predictor(
    "robot",
    reference="Z. He et al., 'Robustifying and Boosting Training-Free Neural Architecture Search', ICLR 2024, "
    "arXiv:2403.07591, algorithms 1 and 2",
)
class RoBoT(Predictor):
    """A weighted sum of training-free metrics whose weights Bayesian optimisation finds among the trained networks.

    As a predictor, the pool is the training set: the value of a weighting is the target of the trained network that it
    ranks first, and predictions are the weighted sums. The searcher of the same name trains only networks that a
    weighting ranks first.

    Args:
        encoding: the metrics: scores of proxies, or any numbers.
        steps: number of weightings to try.
        seed: determines all random numbers.
    """

    ranges: ClassVar = {"steps": STEPS}
    calibrated = False

    def __init__(
        self,
        encoding: str | Encoding = "proxies(params+flops+synflow_log+naswot+grad_norm+snip)",
        steps: int = 100,
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, seed)
        self.steps = steps

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        self.encoder_ = self._encoding.fit(architectures)
        metrics = self.encoder_.transform(architectures)
        self.bounds_ = bounds(metrics)
        scores = normalised(metrics)
        random = np.random.default_rng(self.seed)
        found = explore(scores, lambda row: float(targets[row]), self.steps or len(targets), random)
        self.weights_ = found.best

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        score: Floats = scaled(self.encoder_.transform(architectures), *self.bounds_) @ self.weights_
        return score
