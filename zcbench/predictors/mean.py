"""Several predictors at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zcbench._registry import split_outside
from zcbench.errors import InvalidInputError
from zcbench.predictors._base import Predictor
from zcbench.predictors._register import get_predictor, register_predictor
from zcbench.predictors._targets import Floats, Ranks
from zcbench.types import Architecture


@register_predictor(
    "mean", reference="T. Dietterich, 'Ensemble Methods in Machine Learning', MCS 2000; mean of standardised scores"
)
class Mean(Predictor):
    """The mean of several predictors' scores, each scaled to unit deviation over the training networks' targets.

    Members learn the normal scores of the targets' ranks, so that their predictions are of one kind; those that only
    rank are scaled by what they say of the training networks.

    Args:
        members: labels of predictors, separated by "+"; in brackets if they have settings:
            "mean:members=(gp+gcn:loss=hinge)".
        seed: goes to every member.
    """

    calibrated = False

    def __init__(self, members: str = "gp+xgboost+lightgbm", seed: int = 0) -> None:
        self.members = members
        self.seed = seed

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        labels = split_outside(self.members.removeprefix("(").removesuffix(")"), "+")
        if not all(labels):
            raise InvalidInputError(f"members={self.members!r}: write labels of predictors joined by '+'.")
        scores = Ranks(targets).forward(targets)
        self.members_ = [get_predictor(label, seed=self.seed).fit(architectures, scores) for label in labels]
        self.units_ = [
            1.0 if member.calibrated else float(np.std(member.predict(architectures))) or 1.0
            for member in self.members_
        ]

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        parts = [m.predict(architectures) / unit for m, unit in zip(self.members_, self.units_, strict=True)]
        mean: Floats = np.mean(parts, axis=0)
        return mean
