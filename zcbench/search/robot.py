"""RoBoT: explores weightings of training-free metrics, then evaluates the ranking of the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from zcbench._arguments import shown
from zcbench.errors import InvalidInputError
from zcbench.predictors._weightings import Weightings, explore, normalised
from zcbench.search._base import Answer, Floats, Proposal, Searcher
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture

#: uninformative weightings in one call (with a pending or failed first choice) before the ranking is evaluated
_WAITING = 10


@dataclass(frozen=True)
class RobotSearch:
    """The result of :func:`robot_search`.

    Attributes:
        best: row of the best evaluated architecture.
        queried: rows in the order of their evaluation.
        values: their values, high is good.
        weights: the weights of the metrics whose first choice was the best.
    """

    best: int
    queried: tuple[int, ...]
    values: tuple[float, ...]
    weights: Floats


def robot_search(
    metrics: Floats, evaluate: Callable[[int], float], budget: int, *, exploring: int = 0, seed: int = 0
) -> RobotSearch:
    """Run RoBoT, algorithm 1, on a matrix: explore weights of the metrics, then evaluate the ranking of the best ones.

    The value of a weighting w in [-1, 1]^m is that of its first choice, argmax_i Σ_m w_m s_im. The next w has the
    highest upper confidence bound of a Gaussian process over those tried. First choices that were evaluated before cost
    nothing. The rest of the budget is spent on the highest ranked architectures of the best weighting.

    Args:
        metrics: scores ``(n, m)`` of training-free metrics over the pool, high is good; nan where there is none.
        evaluate: returns the value of a row, high is good. It is called once per row.
        budget: number of evaluations.
        exploring: largest number of weightings to try; default the budget.
        seed: determines everything random.

    Raises:
        InvalidInputError: the pool is empty or the budget is below one.

    Source: Z. He et al., "Robustifying and Boosting Training-Free Neural Architecture Search", ICLR 2024,
    arXiv:2403.07591, algorithms 1 and 2.
    """
    if not np.size(metrics) or budget < 1:
        raise InvalidInputError("RoBoT needs a pool, metrics and a budget of at least one evaluation.")
    scores = normalised(np.asarray(metrics, np.float64))
    known: dict[int, float] = {}

    def worth(row: int) -> float | None:
        if row not in known:
            if len(known) == budget:
                return None
            known[row] = float(evaluate(row))
        return known[row]

    best = explore(scores, worth, exploring or budget, np.random.default_rng(seed)).best
    for row in np.argsort(-(scores @ best), kind="stable").tolist():
        if len(known) >= min(budget, len(scores)):
            break
        worth(row)
    rows = tuple(known)
    return RobotSearch(max(rows, key=lambda row: known[row]), rows, tuple(known.values()), best)


@register_searcher(
    "robot",
    reference="Z. He et al., 'Robustifying and Boosting Training-Free Neural Architecture Search', ICLR 2024, "
    "arXiv:2403.07591, algorithms 1 and 2",
)
class Robot(Searcher):
    """RoBoT: Bayesian optimisation of the weights of scorers, then the ranking by the best weights.

    The value of weights is that of their first choice. The metrics are the scorers with the role "feature", or the
    parts of a scorer that is composed of others. They score the whole pool before the first evaluation.

    Args:
        rounds: number of weightings to try, including free ones whose first choice was evaluated before. With two or
            three metrics, few networks are the first choice of any weighting.
        pool: number of random networks to score; 0 for all. It is required for a space that cannot be enumerated.
    """

    ranges: ClassVar = {"rounds": (1, 10**6), "pool": (0, 10**6)}

    def __init__(self, rounds: int = 100, pool: int = 0) -> None:
        self.rounds = rounds
        self.pool = pool

    def begin(self, problem: Problem) -> None:
        """Receive the problem; its features are the metrics.

        Raises:
            InvalidInputError: there are none, or the space is too large to be scored completely.
        """
        super().begin(problem)
        if not problem.features:
            raise InvalidInputError(
                "robot needs scorers to weight, and there are none: give some with the role 'feature', as  "
                "scorer='mean_rank(params+naswot)', role='feature'."
            )
        if not self.pool and problem.domain.everything() is None:
            raise InvalidInputError(
                f"{shown(problem.domain.space.name)} is too large to be scored completely: give the number of networks "
                "to score, as  robot:pool=10000."
            )
        self._pool: list[Architecture] = []
        self._keys: list[str] = []
        self._scores: Floats | None = None
        self._metrics = [leaf for scorer in problem.features for leaf in scorer.leaves()]
        self._weightings = Weightings(len(self._metrics))
        self._waiting: dict[str, list[Floats]] = {}  # weightings by the key of their first choice
        self._out = Outstanding()

    def _score(self) -> Floats:
        """Return the pool's scores ``(n, metrics)`` on one scale; they are measured once."""
        if self._scores is None:
            domain = self.problem.domain
            if not self._pool:
                every = domain.everything()
                if every is None or 0 < self.pool < len(every):
                    every = domain.sample(self.problem.rng, self.pool)
                self._pool = every
            self._keys = [domain.key(one) for one in self._pool]
            columns = [metric.good(self._pool) for metric in self._metrics]
            self._scores = normalised(np.stack(columns, 1)) if self._pool else np.zeros((0, len(columns)))
        return self._scores

    def ask(self, count: int) -> list[Proposal]:
        """Propose first choices of new weightings, then the ranking of the best."""
        scores = self._score()
        found: dict[str, Architecture] = {}
        if len(scores):
            self._explore(scores, count, found)
            self._descend(scores, count, found)
        self._out.propose(found)
        return [Proposal(one) for one in found.values()]

    def _explore(self, scores: Floats, count: int, found: dict[str, Architecture]) -> None:
        repeats = 0
        while len(found) < count and repeats < _WAITING and self._drawn < self.rounds:
            weights = self._weightings.draw(self.problem.rng)
            first = int(np.argmax(scores @ weights))
            key = self._keys[first]
            if (row := self.problem.history.row(key)) is not None:
                repeats += not self._learn(weights, float(self.problem.history.good[row, 0]))
                continue
            if key in found or key in self._out:
                repeats += 1
            else:
                found[key] = self._pool[first]
            self._waiting.setdefault(key, []).append(weights)

    @property
    def _drawn(self) -> int:
        return len(self._weightings.tried) + sum(map(len, self._waiting.values()))

    def _descend(self, scores: Floats, count: int, found: dict[str, Architecture]) -> None:
        if len(found) >= count:
            return
        known = self._weightings
        weights = known.best if known.tried else known.draw(self.problem.rng)
        for row in np.argsort(-(scores @ weights), kind="stable").tolist():
            key = self._keys[row]
            if key not in self.problem.history and key not in self._out and key not in found:
                found[key] = self._pool[row]
                if len(found) == count:
                    return

    def _learn(self, weights: Floats, worth: float) -> bool:
        """Record a weighting's value, the worst so far if its first choice failed; return whether it is known."""
        if not np.isfinite(worth):
            if not self._weightings.worth:
                return False
            worth = min(self._weightings.worth)
        self._weightings.learn(weights, worth)
        return True

    def tell(self, answers: Sequence[Answer]) -> None:
        """Record the values of weightings whose first choices were evaluated."""
        keys = [self.problem.domain.key(answer.architecture) for answer in answers]
        for key, answer in zip(keys, answers, strict=True):
            for weights in self._waiting.pop(key, ()):
                self._learn(weights, answer.good[0])
        self._out.told(keys)
        self._waiting = {key: several for key, several in self._waiting.items() if key in self._out}

    def state(self) -> dict[str, Any]:
        """Return weightings, pending first choices, and the pool if it was drawn."""
        drawn = bool(self._pool) and self.pool > 0
        return {
            "pool": [one.key for one in self._pool] if drawn else [],
            "tried": [weights.tolist() for weights in self._weightings.tried],
            "worth": list(self._weightings.worth),
            "waiting": [[key, [w.tolist() for w in several]] for key, several in self._waiting.items()],
            "out": self._out.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        name = self.problem.domain.space.name
        self._pool = [Architecture(name, key) for key in state["pool"]]
        self._scores = None
        tried = [np.array(weights) for weights in state["tried"]]
        self._weightings = Weightings(len(self._metrics), tried, list(state["worth"]))
        self._waiting = {key: [np.array(w) for w in several] for key, several in state["waiting"]}
        self._out.restore(state["out"])
