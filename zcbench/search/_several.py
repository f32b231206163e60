"""Common parts of searchers that predict several objectives: models, candidates, and proposals in batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from zcbench._notation import unwrapped
from zcbench.errors import InvalidInputError
from zcbench.predictors import Predictor
from zcbench.search._base import Answer, Floats, Proposal, Searcher
from zcbench.search._offspring import Either, Offspring, survivors
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.types import Architecture

Value = Callable[[Sequence[Architecture]], Floats]


class Models:
    """A predictor for each objective that has to be evaluated; the other objectives are known.

    Args:
        problem: the problem of the search.
        predictor: name and settings of a predictor; each objective has a separate one.
        sure: whether predictions need a standard deviation.

    Raises:
        UnknownNameError: there is no such predictor.
        InvalidInputError: it does not predict a standard deviation, and one is needed.
    """

    def __init__(self, problem: Problem, predictor: str, *, sure: bool = False) -> None:
        self.problem = problem
        known = problem.foreseen
        places = [place for place in range(len(problem.objectives)) if place not in known]
        self._models: dict[int, Predictor] = {place: problem.surrogate(unwrapped(predictor)) for place in places}
        for model in self._models.values():
            if sure and not hasattr(model, "predict_std"):
                raise InvalidInputError(
                    f"{predictor} predicts no standard deviation: choose one that does, such as gp or random_forest."
                )
            if sure and not model.calibrated:
                raise InvalidInputError(
                    f"{predictor} does not predict in units of the target: choose one that does, such as gp."
                )

    def fit(self) -> None:
        """Fit to all full evaluations, of which there must be at least one."""
        history = self.problem.history
        rows = history.complete
        architectures = [history.architectures[row] for row in rows.tolist()]
        for place, model in self._models.items():
            model.fit(architectures, history.good[rows, place])

    def mean(self, architectures: Sequence[Architecture]) -> Floats:
        """Return predicted or known objectives ``(n, objectives)``, with signs such that high is good."""
        found = self.problem.foresee(architectures)
        for place, model in self._models.items():
            found[:, place] = model.predict(architectures)
        return found

    def std(self, architectures: Sequence[Architecture]) -> Floats:
        """Return standard deviations ``(n, objectives)`` of :meth:`mean`; 0 for known or constant objectives."""
        found = np.zeros((len(architectures), len(self.problem.objectives)))
        for place, model in self._models.items():
            found[:, place] = np.nan_to_num(_deviations(model, architectures))
        return found


def _deviations(model: Any, architectures: Sequence[Architecture]) -> Floats:
    """Return a predictor's standard deviations ``(n,)``; nan if all targets were the same."""
    return np.asarray(model.predict_std(architectures), np.float64)


class Pool:
    """The candidates: all architectures of a small domain, or those that an evolution on predictions visits.

    Args:
        problem: the problem of the search.
        whole: largest size of a small domain.
        visits: number of architectures that an evolution visits.
    """

    def __init__(self, problem: Problem, whole: int, visits: int) -> None:
        self.problem, self.visits = problem, visits
        every = problem.domain.everything()
        self.every: dict[str, Architecture] | None = None
        if every is not None and len(every) <= whole:
            self.every = {problem.domain.key(one): one for one in every}

    def new(self, value: Value, seen: Container[str]) -> list[Architecture]:
        """Return candidates that are not in ``seen``, in random order.

        Args:
            value: predicted objectives ``(n, objectives)``, high is good; the evolution moves towards their front.
            seen: keys to exclude.
        """
        found = self._evolved(value) if self.every is None else self.every
        left = [one for key, one in found.items() if key not in seen]
        return [left[row] for row in self.problem.rng.permutation(len(left)).tolist()]

    def _evolved(self, value: Value) -> dict[str, Architecture]:
        """Run NSGA-II on predictions, from the known front and as many random architectures; return all it visits."""
        domain, rng, history = self.problem.domain, self.problem.rng, self.problem.history
        half = max(1, self.visits // 40)
        best = [history.architectures[row] for row in survivors(history.good, half).tolist()]
        found = {domain.key(one): one for one in [*best, *domain.sample(rng, half)]}
        members = list(found.values())
        good = value(members)
        make = Offspring(domain, rng, 0.9, 0.9)
        while len(found) < self.visits:
            children = make.new(members, good, min(2 * half, self.visits - len(found)), found)
            if not children:
                break
            found.update(children)
            members += children.values()
            good = np.concatenate([good, value(list(children.values()))])
            rows = survivors(good, 2 * half)
            if not len(rows):  # no prediction is a number, so that nothing can be selected
                break
            members, good = [members[row] for row in rows.tolist()], good[rows]
        return found


class Predicting(Searcher):
    """A searcher that fits models to the evaluations and chooses a few architectures at a time by their predictions.

    A subclass defines defaults of the settings below in its own constructor, and implements :meth:`choose`.

    Args:
        predictor: name and settings of a predictor, in brackets if it has settings: "(gp:encoding=onehot)".
        initial: evaluations before the first fit.
        every: least number of architectures that are chosen with one fit.
        explore: share of them that are random.
        pool: largest size of a domain of which all architectures are candidates.
        visits: number of candidates in larger domains.
    """

    several = True
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "initial": (1, 10**6),
        "every": (1, 10**6),
        "explore": (0, 1),
        "pool": (0, 10**6),
        "visits": (10, 10**6),
    }
    #: whether predictions need a standard deviation
    sure: ClassVar[bool] = False
    #: whether the first architectures include the lowest and the highest of each known objective, such as FLOPs
    from_ends: ClassVar[bool] = False

    def __init__(self, predictor: str, initial: int, every: int, explore: float, pool: int, visits: int) -> None:
        self.predictor = predictor
        self.initial = initial
        self.every = every
        self.explore = explore
        self.pool = pool
        self.visits = visits

    @abstractmethod
    def choose(self, candidates: Sequence[Architecture], mean: Floats, count: int) -> list[int]:
        """Return the rows of the ``count`` candidates to propose, best first.

        Args:
            candidates: ``n`` in random order.
            mean: ``(n, objectives)`` their predictions, high is good, all finite.
            count: at most ``n``.
        """

    def begin(self, problem: Problem) -> None:
        """Receive the problem.

        Raises:
            UnknownNameError: there is no such predictor.
            InvalidInputError: it does not predict a standard deviation, and one is needed.
        """
        super().begin(problem)
        self.models = Models(problem, self.predictor, sure=self.sure)
        self._candidates: Pool | None = None
        self._drawn = False
        self._queue: list[Architecture] = []
        self._out = Outstanding()

    def ask(self, count: int) -> list[Proposal]:
        """Propose the first architectures, then those that are chosen by predictions."""
        history = self.problem.history
        if not self._drawn:
            self._queue, self._drawn = self.first(), True
        if not self._queue:
            learned = len(history.complete) and len(history) + len(self._out) >= self.initial
            self._queue = self._predicted(max(count, self.every)) if learned else self._random(count)
        found, self._queue = self._queue[:count], self._queue[count:]
        self._out.propose(map(self.problem.domain.key, found))
        return [Proposal(one) for one in found]

    def first(self) -> list[Architecture]:
        """Return the first architectures: by warm start, or random and possibly the ends of known objectives."""
        problem = self.problem
        ends = problem.ends(self.pool)[: self.initial] if self.from_ends and problem.warm_start is None else []
        found = {problem.domain.key(one): one for one in [*ends, *problem.initial(self.initial)]}
        return list(found.values())[: self.initial]

    def _random(self, count: int, but: Sequence[Architecture] = ()) -> list[Architecture]:
        domain = self.problem.domain
        taken = frozenset(map(domain.key, but))
        return domain.sample(self.problem.rng, count, Either(self.problem.history, self._out, taken))

    def _predicted(self, count: int) -> list[Architecture]:
        rng = self.problem.rng
        wanted = count - int(rng.binomial(count, self.explore)) if self.explore else count
        self.models.fit()
        candidates = self.candidates_now(Either(self.problem.history, self._out))
        mean = self.models.mean(candidates)
        known = np.asarray(np.isfinite(mean).all(1))
        candidates = [one for one, may in zip(candidates, known.tolist(), strict=True) if may]
        wanted = min(wanted, len(candidates))
        rows = self.choose(candidates, mean[known], wanted) if wanted else []
        chosen = [candidates[row] for row in rows]
        return chosen + self._random(count - len(chosen), chosen)

    def candidates_now(self, seen: Container[str]) -> list[Architecture]:
        """Return candidates for :meth:`choose` in random order, without those whose keys are in ``seen``."""
        if self._candidates is None:
            self._candidates = Pool(self.problem, self.pool, self.visits)
        return self._candidates.new(self.models.mean, seen)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Forget pending proposals; the history contains the results."""
        self._out.told(self.problem.domain.key(answer.architecture) for answer in answers)

    def state(self) -> dict[str, Any]:
        """Return the architectures that are still to be proposed, and the pending proposals."""
        return {"drawn": self._drawn, "queue": [one.key for one in self._queue], "out": self._out.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        space = self.problem.domain.space.name
        self._drawn, self._queue = state["drawn"], [Architecture(space, key) for key in state["queue"]]
        self._out.restore(state["out"])
