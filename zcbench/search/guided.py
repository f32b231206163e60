"""Guided search: a predictor is fitted to the evaluations and chooses the next ones."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from zcbench.errors import InvalidInputError
from zcbench.predictors._targets import Floats
from zcbench.search._acquisition import RULES, value_of
from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._domain import COUNTABLE
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.search._surrogate import Surrogate
from zcbench.types import Architecture


@register_searcher(
    "guided",
    reference="C. White et al., 'BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture "
    "Search', AAAI 2021, arXiv:1910.11858, section 4, with any predictor; 'later' as in H. Ji et al., 'Loss Functions "
    "for Predictor-based Neural Architecture Search' (PWLNAS), ICCV 2025, arXiv:2506.05869",
)
class Guided(Searcher):
    """Predictor-guided search: a predictor is fitted to the evaluations and chooses the architectures to evaluate next.

    The first architectures are random, or the best by the warm-start scorer. Candidates are all architectures if they
    can be enumerated, otherwise neighbours of the best and random ones. Scores of scorers with the role "feature" are
    added to the predictor's encoding. The fit ignores failed evaluations.

    Args:
        predictor: name and settings of a predictor, in brackets if it has settings:
            "guided:predictor=(gp:encoding=onehot)".
        acquisition: "ei" (expected improvement), "ucb" (upper confidence bound), "ts" (independent Thompson sampling)
            or "top" (the highest prediction); "auto" is "ei" if the predictor has standard deviations, otherwise "top".
        initial: evaluations before the first fit.
        every: evaluations between two fits.
        explore: with "top", the share of proposals that are random.
        kappa: weight of the deviation in "ucb".
        targets: "ranks" (normal scores of ranks) or "values": the targets of the fit.
        whole: largest number of networks of which all are candidates.
        candidates: number of candidates in larger domains; half of them are neighbours of the best.
        parents: number of best architectures whose neighbours are candidates.
        later: another predictor that is used after ``switch`` evaluations; "" for none. The first predictor can be one
            that ranks all architectures from few evaluations, the later one can be one that ranks the best.
        switch: see ``later``.
    """

    ranges: ClassVar = {
        "initial": (1, 10**6),
        "every": (1, 10**6),
        "explore": (0.0, 1.0),
        "kappa": (0.0, 1e6),
        "whole": (0, COUNTABLE),
        "candidates": (1, 10**6),
        "parents": (1, 10**6),
        "switch": (0, 10**9),
    }

    def __init__(
        self,
        predictor: str = "gp",
        acquisition: str = "auto",
        initial: int = 10,
        every: int = 1,
        explore: float = 0.1,
        kappa: float = 2.0,
        targets: str = "ranks",
        whole: int = 50_000,
        candidates: int = 1_000,
        parents: int = 10,
        later: str = "",
        switch: int = 0,
    ) -> None:
        self.predictor = predictor
        self.acquisition = acquisition
        self.initial = initial
        self.every = every
        self.explore = explore
        self.kappa = kappa
        self.targets = targets
        self.whole = whole
        self.candidates = candidates
        self.parents = parents
        self.later = later
        self.switch = switch

    def begin(self, problem: Problem) -> None:
        """Receive the problem.

        Raises:
            InvalidInputError: the acquisition rule needs standard deviations that the predictor does not have, a
                setting is not one of its choices, or the predictor takes no features.
            UnknownNameError: there is no such predictor.
        """
        super().begin(problem)
        for name, value, choices in (
            ("acquisition", self.acquisition, ("auto", *RULES)),
            ("targets", self.targets, ("ranks", "values")),
        ):
            if value not in choices:
                raise InvalidInputError(f"{name}={value!r}: choose one of {', '.join(choices)}.")
        self._surrogates: dict[str, Surrogate] = {}
        for label in filter(None, (self.predictor, self.later)):
            if not Surrogate(problem, label).uncertain and self.acquisition not in ("auto", "top"):
                raise InvalidInputError(
                    f"acquisition={self.acquisition} needs standard deviations and {label} has none: choose "
                    "acquisition=top, or a predictor such as gp or random_forest."
                )
        self._drawn = False
        self._queue: list[Architecture] = []
        self._out = Outstanding()
        self._fitted = 0  # rows of the history when the predictor was fitted
        self._fit: tuple[int, Surrogate] | None = None
        self._known: tuple[Floats, Floats] | None = None  # predictions for all candidates, until the next fit
        self.__dict__.pop("_every", None)

    @functools.cached_property
    def _every(self) -> dict[str, Architecture] | None:
        """All networks that can be proposed, by key; None if there are too many."""
        every = self.problem.domain.everything()
        if every is None or len(every) > self.whole:
            return None
        return {self.problem.domain.key(one): one for one in every}

    # -- ask -----------------------------------------------------------------------------------

    def ask(self, count: int) -> list[Proposal]:
        """Propose the first architectures, then those that the predictor ranks highest."""
        if not self._drawn:
            self._queue, self._drawn = self.problem.initial(self.initial), True
        found = self._queue[:count]
        del self._queue[:count]
        if not found:
            found = self._chosen(count) if self._learnable() else self._random(count)
        self._out.propose(map(self.problem.domain.key, found))
        return [Proposal(one) for one in found]

    def _learnable(self) -> bool:
        """Return whether enough evaluations are done or pending, and their values differ."""
        history = self.problem.history
        if len(history) + len(self._out) < self.initial:
            return False
        values = history.good[history.complete, 0]
        return bool(len(values) and np.ptp(values) > 0)

    def _random(self, count: int, but: Sequence[Architecture] = ()) -> list[Architecture]:
        seen = {self.problem.domain.key(one) for one in but}
        return self.problem.domain.sample(self.problem.rng, count, _Either(self.problem.history, self._out, seen))

    def _chosen(self, count: int) -> list[Architecture]:
        rng = self.problem.rng
        surrogate = self._surrogate()
        every = self._every
        if every is None:
            candidates = self._around()
            mean, deviation = surrogate.predict(candidates)
        else:
            if self._known is None:
                self._known = surrogate.predict(list(every.values()))
            history, out = self.problem.history, self._out
            free = [
                row
                for row, (key, one) in enumerate(every.items())
                if key not in history and key not in out and self._may(one)
            ]
            listed = list(every.values())
            candidates = [listed[row] for row in free]
            mean, deviation = self._known[0][free], self._known[1][free]
        if not candidates:
            return self._random(count)
        rule = self.acquisition
        if rule == "auto":
            rule = "ei" if surrogate.uncertain else "top"
        count = min(count, len(candidates))
        values = value_of(rule, mean, deviation, surrogate.best, self.kappa, count, rng)
        rows = _best_rows(values, count, self.explore if rule == "top" else 0.0, rng)
        return [candidates[row] for row in rows]

    def _may(self, architecture: Architecture) -> bool:
        """Return whether an architecture is a candidate; a subclass excludes some."""
        return True

    def _surrogate(self) -> Surrogate:
        """Return the fitted predictor, after a new fit if the last one is ``every`` evaluations ago."""
        history = self.problem.history
        if not self._fitted or len(history) - self._fitted >= self.every:
            self._fitted = len(history)
        if self._fit is None or self._fit[0] != self._fitted:
            rows = history.complete
            rows = rows[rows < self._fitted]
            label = self.later if self.later and len(rows) >= self.switch else self.predictor
            if label not in self._surrogates:
                made = Surrogate(self.problem, label, self.targets)
                self._surrogates[label] = made if self._every is None else made.over(list(self._every.values()))
            learned = [history.architectures[row] for row in rows]
            self._learn(learned, history.good[rows, 0])
            self._surrogates[label].fit(learned, history.good[rows, 0])
            self._fit, self._known = (self._fitted, self._surrogates[label]), None
        return self._fit[1]

    def _learn(self, architectures: Sequence[Architecture], good: Floats) -> None:
        """Learn something in addition to the predictor, in a subclass."""

    def _around(self) -> list[Architecture]:
        """Return candidates in a space that cannot be enumerated: neighbours of the best, and random ones."""
        history, domain, rng = self.problem.history, self.problem.domain, self.problem.rng
        rows = history.complete
        best = rows[np.argsort(-history.good[rows, 0], kind="stable")[: self.parents]]
        near: dict[str, Architecture] = {}
        for row in best.tolist():
            for one in domain.neighbors(history.architectures[row]):
                key = domain.key(one)
                if key not in history and key not in self._out and self._may(one):
                    near.setdefault(key, one)
        listed = list(near.values())
        some = [listed[row] for row in rng.permutation(len(listed))[: -(-self.candidates // 2)].tolist()]
        far = self._random(self.candidates - len(some), some)
        return [*some, *far]

    # -- tell ----------------------------------------------------------------------------------

    def tell(self, answers: Sequence[Answer]) -> None:
        """Forget pending proposals; the history contains the results."""
        self._out.told(self.problem.domain.key(answer.architecture) for answer in answers)

    def state(self) -> dict[str, Any]:
        """Return the remaining first architectures, the pending proposals, and the size of the last fit."""
        return {
            "drawn": self._drawn,
            "queue": [one.key for one in self._queue],
            "out": self._out.state(),
            "fitted": self._fitted,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`; the predictor is fitted to the same evaluations again."""
        name = self.problem.domain.space.name
        self._drawn = state["drawn"]
        self._queue = [Architecture(name, key) for key in state["queue"]]
        self._out.restore(state["out"])
        self._fitted, self._fit, self._known = state["fitted"], None, None


class _Either:
    """The union of containers."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def __contains__(self, key: object) -> bool:
        return any(key in part for part in self._parts)


def _best_rows(values: Floats, count: int, explore: float, rng: np.random.Generator) -> list[int]:
    """Return the rows of the candidates for ``count`` proposals, all different; equal values in random order.

    Args:
        values: ``(count or 1, m)`` the value of each of ``m`` candidates for each proposal.
        count: at most ``m``.
        explore: share of proposals that are random.
        rng: random numbers.
    """
    mixed = rng.permutation(values.shape[1])
    orders = [mixed[np.argsort(-row[mixed], kind="stable")] for row in values]
    taken: dict[int, None] = {}
    places = [0] * len(orders)
    for proposal in range(count):
        which = proposal % len(orders)
        order = orders[which]
        if explore and rng.random() < explore:
            left = [row for row in mixed.tolist() if row not in taken]
            taken[left[int(rng.integers(len(left)))]] = None
            continue
        while int(order[places[which]]) in taken:
            places[which] += 1
        taken[int(order[places[which]])] = None
    return list(taken)
