"""RoBoT: a weighted sum of training-free metrics, its weights found by Bayesian optimisation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from zcbench.errors import InvalidInputError
from zcbench.predictors._base import STEPS, Predictor
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.encodings import Encoding

#: Random weights among which the next is chosen, and weight of the deviation in the upper confidence bound.
_CANDIDATES, _KAPPA = 2000, 2.576


@dataclass(frozen=True)
class RobotSearch:
    """What :func:`robot_search` found.

    Attributes:
        best: row of the best architecture that was evaluated.
        queried: rows in the order in which they were evaluated.
        values: their values, high is good.
        weights: of the metrics, those whose first choice was the best.
    """

    best: int
    queried: tuple[int, ...]
    values: tuple[float, ...]
    weights: Floats


def normalised(metrics: Floats) -> Floats:
    """Each column ``(n, m)`` scaled to [0, 1] over the pool; a missing score counts as the average one.

    The authors skip networks without a score; here the whole pool is to be ranked, and no weight, whatever its sign,
    makes a gap the best.
    """
    return _scaled(metrics, *_bounds(metrics))


def _bounds(metrics: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each column the least finite value, the distance to the highest (1 if that is none) and the mean."""
    finite = np.isfinite(metrics)
    count = finite.sum(0)
    low = np.min(metrics, axis=0, where=finite, initial=np.inf)
    high = np.max(metrics, axis=0, where=finite, initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    low = np.where(count > 0, low, 0.0)
    mean = np.sum((metrics - low) / span, axis=0, where=finite) / np.maximum(count, 1)
    return low, span, mean


def _scaled(metrics: Floats, low: Floats, span: Floats, mean: Floats) -> Floats:
    return np.where(np.isfinite(metrics), (metrics - low) / span, mean)


def robot_search(
    metrics: Floats, evaluate: Callable[[int], float], budget: int, *, exploring: int = 0, seed: int = 0
) -> RobotSearch:
    """RoBoT, algorithm 1: explore weights of the metrics, then go down the ranking of the best weights.

    A weighting w in [-1, 1]^m is worth what its first choice, argmax_i Σ_m w_m s_im, is worth; the next w is the one
    with the highest upper confidence bound of a Gaussian process over those tried. First choices that were evaluated
    before cost nothing. What is left of the budget goes to the highest ranked of the best weighting.

    Args:
        metrics: scores ``(n, m)`` of training-free metrics over the pool, high is good; nan where there is none.
        evaluate: the value of a row, high is good. It is asked once per row.
        budget: number of evaluations.
        exploring: weightings to try at most; default the budget.
        seed: decides everything random.

    Raises:
        InvalidInputError: the pool is empty or the budget is below one.

    Source: Z. He et al., "Robustifying and Boosting Training-Free Neural Architecture Search", ICLR 2024,
    arXiv:2403.07591, algorithms 1 and 2.
    """
    if not np.size(metrics) or budget < 1:
        raise InvalidInputError("RoBoT needs a pool, metrics and a budget of at least one evaluation.")
    scores = normalised(np.asarray(metrics, np.float64))
    random = np.random.default_rng(seed)
    known: dict[int, float] = {}
    tried: list[Floats] = []
    worth: list[float] = []
    for _ in range(exploring or budget):
        weights = _next_weights(np.array(tried), np.array(worth), scores.shape[1], random)
        first = int(np.argmax(scores @ weights))
        if first not in known:
            if len(known) == budget:
                break
            known[first] = float(evaluate(first))
        tried.append(weights)
        worth.append(known[first])
    best = tried[int(np.argmax(worth))]
    for row in np.argsort(-(scores @ best), kind="stable").tolist():
        if len(known) >= min(budget, len(scores)):
            break
        if row not in known:
            known[row] = float(evaluate(row))
    rows = tuple(known)
    return RobotSearch(max(rows, key=lambda row: known[row]), rows, tuple(known.values()), best)


def _next_weights(tried: Floats, worth: Floats, metrics: int, random: np.random.Generator) -> Floats:
    candidates: Floats = random.uniform(-1, 1, (_CANDIDATES, metrics))
    if len(tried) < 2 or np.ptp(worth) == 0:
        first: Floats = candidates[0]
        return first
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern

    kernel = Matern(nu=2.5, length_scale_bounds=(0.05, 10.0))
    process = GaussianProcessRegressor(kernel, alpha=1e-6, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length scale at its bound is as good as any
        mean, deviation = process.fit(tried, worth).predict(candidates, return_std=True)
    choice: Floats = candidates[int(np.argmax(mean + _KAPPA * deviation))]
    return choice


@register_predictor(
    "robot",
    reference="Z. He et al., 'Robustifying and Boosting Training-Free Neural Architecture Search', ICLR 2024, "
    "arXiv:2403.07591, algorithms 1 and 2",
)
class RoBoT(Predictor):
    """A weighted sum of training-free metrics whose weights Bayesian optimisation finds among the trained networks.

    As a predictor: the pool of :func:`robot_search` is the training set, so a weighting is worth the target of the
    trained network that it ranks first; predictions are the weighted sums. To search, call :func:`robot_search` with
    the whole pool: then networks are trained only where a weighting asks for them.

    Args:
        encoding: the metrics: scores of proxies, or any numbers.
        steps: weightings to try.
        seed: decides everything random.
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
        self.bounds_ = _bounds(metrics)
        found = robot_search(
            metrics, lambda row: float(targets[row]), len(targets), exploring=self.steps, seed=self.seed
        )
        self.weights_ = found.weights

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        score: Floats = _scaled(self.encoder_.transform(architectures), *self.bounds_) @ self.weights_
        return score
