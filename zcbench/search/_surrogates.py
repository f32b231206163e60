"""Predictions of several objectives, and the architectures that are worth predicting."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import numpy as np

from zcbench.errors import InvalidInputError
from zcbench.predictors import Predictor
from zcbench.search._base import Floats
from zcbench.search._problem import Problem
from zcbench.search.nsga2 import Offspring, survivors
from zcbench.types import Architecture


class Surrogates:
    """A predictor for each objective that has to be evaluated; the other objectives are known.

    Args:
        problem: the search.
        predictor: name and settings of a predictor, of which each objective has its own.
        sure: whether predictions need a standard deviation.
    """

    def __init__(self, problem: Problem, predictor: str, *, sure: bool = False) -> None:
        self.problem = problem
        known = problem.foreseen
        self.models: dict[int, Predictor] = {
            place: problem.surrogate(predictor) for place in range(len(problem.objectives)) if place not in known
        }
        for model in self.models.values():
            if sure and not hasattr(model, "predict_std"):
                raise InvalidInputError(f"{predictor} does not tell how sure it is: choose another, such as gp.")

    def fit(self) -> None:
        """Learn from all complete evaluations, of which there must be one."""
        rows = self.problem.history.complete
        architectures = [self.problem.history.architectures[row] for row in rows.tolist()]
        for place, model in self.models.items():
            model.fit(architectures, self.problem.history.good[rows, place])

    def mean(self, architectures: Sequence[Architecture]) -> Floats:
        """Predicted or known objectives ``(n, objectives)``, turned so that high is good."""
        found = self.problem.foresee(architectures)
        for place, model in self.models.items():
            found[:, place] = model.predict(architectures)
        return found

    def std(self, architectures: Sequence[Architecture]) -> Floats:
        """Standard deviations ``(n, objectives)`` of :meth:`mean`; 0 for what is known."""
        found = np.zeros((len(architectures), len(self.problem.objectives)))
        for place, model in self.models.items():
            found[:, place] = np.nan_to_num(model.predict_std(architectures))  # type: ignore[attr-defined]
        return found


class Pool:
    """Architectures among which a surrogate chooses: all of a small domain, of a large one what an evolution visits.

    Args:
        problem: the search.
        size: how many there are at most.
    """

    def __init__(self, problem: Problem, size: int) -> None:
        self.problem, self.size = problem, size
        every = problem.domain.everything()
        self.every: dict[str, Architecture] | None = None
        if every is not None and len(every) <= size:
            self.every = {problem.domain.key(one): one for one in every}

    def new(self, value: Callable[[Sequence[Architecture]], Floats], seen: Container[str]) -> dict[str, Architecture]:
        """Architectures by key that were not seen.

        Args:
            value: predicted objectives ``(n, objectives)``, high is good; the evolution goes towards their front.
            seen: keys to leave out.
        """
        if self.every is not None:
            return {key: one for key, one in self.every.items() if key not in seen}
        return {key: one for key, one in self._evolved(value).items() if key not in seen}

    def _evolved(self, value: Callable[[Sequence[Architecture]], Floats]) -> dict[str, Architecture]:
        """NSGA-II on predictions, from the front that is known and as many random architectures."""
        domain, rng, history = self.problem.domain, self.problem.rng, self.problem.history
        half = max(1, self.size // 40)
        best = survivors(history.good, half)
        start = [history.architectures[row] for row in best.tolist()] + domain.sample(rng, half)
        found = {domain.key(one): one for one in start}
        keys = list(found)
        good = value(list(found.values()))
        make = Offspring(domain, rng, 0.9, 0.9)
        while len(found) < self.size:
            parents = [found[key] for key in keys]
            children = make.new(parents, good, min(2 * half, self.size - len(found)), found)
            if not children:
                break
            found.update(children)
            keys += children
            good = np.concatenate([good, value(list(children.values()))])
            rows = survivors(good, 2 * half)
            keys, good = [keys[row] for row in rows.tolist()], good[rows]
        return found
