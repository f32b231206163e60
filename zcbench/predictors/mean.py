"""The mean of several predictors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import clone

from zcbench.predictors._base import Predictor, varied
from zcbench.predictors._register import get_predictor, member_labels, register_predictor
from zcbench.predictors._targets import Floats, Ranks
from zcbench.types import Architecture, SearchSpace

if TYPE_CHECKING:
    from zcbench.encodings import Encoding


@register_predictor(
    "mean", reference="T. Dietterich, 'Ensemble Methods in Machine Learning', MCS 2000; mean of standardised scores"
)
class Mean(Predictor):
    """The mean of several predictors' scores, each scaled to unit deviation over the training networks' targets.

    Members are fitted to the normal scores of the targets' ranks, so that their predictions are comparable; those that
    only rank are scaled by their predictions for the training networks.

    Args:
        members: labels of predictors, separated by "+", in brackets if they have settings:
            "mean:members=(gp+gcn:loss=hinge)"; or predictors.
        seed: seed of every member.
    """

    calibrated = False

    def __init__(self, members: str | Sequence[Predictor] = "gp+xgboost+lightgbm", seed: int = 0) -> None:
        self.members = members
        self.seed = seed

    def with_encodings(self, change: Callable[[Encoding], Encoding], space: SearchSpace | None = None) -> Self:
        """Replace the encodings of every member, as :meth:`Predictor.with_encodings` does."""
        self.members = tuple(member.with_encodings(change, space) for member in self.others())
        return self

    def encodings(self) -> list[Encoding]:
        """Return all encodings of all members."""
        return [encoding for member in self.others() for encoding in member.encodings()]

    def others(self) -> list[Predictor]:
        """Return the members, not fitted."""
        if not isinstance(self.members, str):
            return [clone(member).set_params(seed=self.seed) for member in self.members]
        labels = member_labels(self.members)
        return [get_predictor(label, seed=self.seed) for label in labels]

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        scores = Ranks(targets).forward(targets)
        self.members_ = [member.fit(architectures, scores) for member in self.others()]
        self._scale(architectures)

    def _cross(self, others: Sequence[Architecture], values: Floats, few: Sequence[Architecture], own: Floats) -> None:
        """Transfer every member with its own method."""
        self.constant_ = None if varied(others, values) else 0.0
        if self.constant_ is None:
            self.members_ = [member.fit_across(others, values, few, own) for member in self.others()]
            self._scale([*others, *few])

    def _scale(self, architectures: Sequence[Architecture]) -> None:
        self.units_ = [
            1.0 if member.calibrated else float(np.std(member.predict(architectures))) or 1.0
            for member in self.members_
        ]

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        parts = [m.predict(architectures) / unit for m, unit in zip(self.members_, self.units_, strict=True)]
        mean: Floats = np.mean(parts, axis=0)
        return mean
