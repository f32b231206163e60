"""Predictors as scorers: they learn from trained networks and rank others."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import significant
from zcbench.errors import InvalidInputError
from zcbench.predictors import Predictor, get_predictor, predictor_info
from zcbench.scorers._base import Scorer, Scores
from zcbench.scorers._context import Context
from zcbench.scorers._register import is_registered, register_scorer
from zcbench.types import Architecture

#: number of architectures whose predictions identify a fitted predictor
_TOLD_BY = 16


@register_scorer("predictor", arguments="gp")
class PredictorScorer(Scorer):
    """A fitted predictor; its seconds are those of prediction, and of fitting if the predictor was given by name.

    Scores have a standard deviation where the predictor estimates one. Their direction is that of the targets.

    Args:
        predictor: a fitted predictor; or a name with settings, which is fitted on the context's ``trained``.
        higher_is_better: direction of the targets that it learned; None for that of the context's target.
        label: name of the scorer; default: the predictor's label.

    Raises:
        UnknownNameError: the predictor does not exist.
    """

    def __init__(self, predictor: Predictor | str, higher_is_better: bool | None = None, label: str = "") -> None:
        self.given = predictor
        self.predictor = get_predictor(predictor) if isinstance(predictor, str) else predictor
        if not isinstance(self.predictor, Predictor):
            raise InvalidInputError(
                f"{rules.shown(predictor)} is not a predictor: give a fitted one, or the name of one."
            )
        own = getattr(self.predictor, "label_", type(self.predictor).__name__.lower())
        named = f"predictor({own})" if is_registered(own.partition(":")[0]) else own
        self.label = rules.text("the label of a scorer", label) or named
        self._direction = higher_is_better
        self.higher_is_better = True if higher_is_better is None else rules.flag("higher is better", higher_is_better)
        self._fitting, self._said = 0.0, ""

    @classmethod
    def of(cls, predictor: Predictor, *, higher_is_better: bool, label: str = "") -> PredictorScorer:
        """Adapt a fitted predictor as a scorer."""
        return cls(predictor, higher_is_better, label)

    def begin(self, context: Context) -> None:
        """Fit a predictor that was given by name.

        Raises:
            InvalidInputError: it is not fitted and there is no training data; or it uses learning curves, which cost
                training.
        """
        super().begin(context)
        if any(encoding.needs.curves for encoding in self.predictor.encodings()):
            raise InvalidInputError(
                f"{self.label} uses learning curves, which cost training: choose a predictor that uses architectures "
                "only."
            )
        if self._direction is None and context.benchmark is not None:
            self.higher_is_better = context.benchmark.target(context.target).higher_is_better
        if not hasattr(self.predictor, "constant_"):
            if context.trained is None:
                raise InvalidInputError(
                    f"{self.label} is not fitted: give a fitted predictor, or trained=(architectures, targets)."
                )
            began = time.perf_counter()
            self.predictor.fit(*context.trained)
            self._fitting = time.perf_counter() - began
        self._said = self._told(context)

    def _told(self, context: Context) -> str:
        """Return a digest of some predictions, which distinguishes predictors of one label."""
        rng = np.random.default_rng(0)
        if context.benchmark is not None:
            rows = rng.integers(len(context.benchmark), size=_TOLD_BY).tolist()
            some = [context.benchmark.architectures[row] for row in rows]
        else:
            some = [context.space.sample(rng) for _ in range(_TOLD_BY)]
        values = [significant(value) for value in self.predictor.predict(some).tolist()]
        return hashlib.sha256(" ".join(values).encode()).hexdigest()[:12]

    @property
    def identifier(self) -> str:
        """Label, version, and digests of predictions and of user code."""
        name = getattr(self.predictor, "label_", "").partition(":")[0]
        version = f"@{predictor_info(name).version}" if name else ""
        code = self.predictor.code
        return f"{self.label}{version} fitted {self._said}" + (f" code {code}" if code else "")

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Predict targets; seconds are divided among the architectures.

        Raises:
            InvalidInputError: the predictor is not fitted.
        """
        if not architectures:
            return Scores(np.zeros(0), np.zeros(0))
        began = time.perf_counter()
        values = self.predictor.predict(architectures)
        std = self.predictor.predict_std(architectures) if hasattr(self.predictor, "predict_std") else None
        spent, self._fitting = time.perf_counter() - began + self._fitting, 0.0
        return Scores(np.asarray(values), np.full(len(architectures), spent / len(architectures)), {}, std)
