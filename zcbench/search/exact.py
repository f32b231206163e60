"""Exact search: finds the best architectures in order, by a score and under budgets that are sums over choices.

If score and budgets are sums over choices, no search by trial is needed: :func:`best_additive` finds the best of 10^19
architectures, and those that follow it, in milliseconds. The searcher evaluates them in this order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import brief, many
from zcbench.errors import InvalidInputError
from zcbench.scorers import Context, Scorer
from zcbench.search._additive import TOLERANCE, Additive, NotAdditiveError, Values
from zcbench.search._base import Answer, Floats, Proposal, Searcher
from zcbench.search._best_first import best_first
from zcbench.search._constraints import Constraints
from zcbench.search._outstanding import Outstanding
from zcbench.search._parts import Parts, parts_of
from zcbench.search._problem import Problem
from zcbench.search._quantities import quantity
from zcbench.search._reach import bounded, check_reachable
from zcbench.search._register import register_searcher
from zcbench.types import Architecture, SearchSpace

#: choices in a row that other constraints exclude, or that were proposed before, after which the search ends
_TRIES = 20_000


@dataclass(frozen=True, eq=False, repr=False)
class BestAdditive:
    """The best architectures by a sum over choices.

    Attributes:
        architectures: the best first; fewer than requested if there are no more.
        values: ``(n,)`` their scores, computed by the score itself.
        score: the score as a sum.
        bounded: by label, ``(n,)`` the constrained quantities.
    """

    architectures: tuple[Architecture, ...]
    values: Floats
    score: Additive
    bounded: Mapping[str, Floats] = field(default_factory=dict)

    def __repr__(self) -> str:
        return brief(f"<The best {many(len(self), 'architecture')} of {self.score.parts.space!r}>")

    def __len__(self) -> int:
        return len(self.architectures)


def best_additive(
    space: SearchSpace,
    score: Additive | Scorer | str | Callable[[Architecture], Any],
    constraints: Any = None,
    *,
    k: int = 1,
    higher_is_better: bool | None = None,
    sample: int = 100,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> BestAdditive:
    """Find the best architectures by a score that is a sum over choices, exactly and without enumerating the space.

    A few evaluations determine whether score and constraints are sums (:meth:`Additive.fit`), and every returned
    architecture is scored itself.

    Args:
        space: a space of independent choices.
        score: a sum whose contributions are known, a scorer, the name of a proxy, or a function of an architecture.
        constraints: as for :func:`zcbench.search`; each quantity has to be a sum over choices.
        k: number of architectures.
        higher_is_better: direction; default a scorer's own direction, otherwise True.
        sample: number of architectures on which the sums are checked.
        seed: determines these architectures.
        tolerance: largest difference, relative to the spread of all values, with which a function counts as a sum.

    Raises:
        NotAdditiveError: score or a constrained quantity is not a sum; the message gives the difference.
        InvalidInputError: nothing satisfies the constraints; the message gives the reachable values.

    Example:
        >>> import zcbench
        >>> space = zcbench.get_space("nasbenchmacro")
        >>> zcbench.search.best_additive(space, lambda a: a.key.count("2"), lambda a: a.key[0] == "1").architectures[0]
        Architecture(space='nasbenchmacro', key='12222222')
    """
    k = rules.whole("k", k, 1, 10**6)
    asked = score
    true: Values
    if isinstance(score, Additive):
        sums, true = score, score.values
    else:
        one = quantity(score, Context(space, batch_size=16))
        true = one.true
        sums = Additive.fit(space, true, name=one.label, sample=sample, seed=seed, tolerance=tolerance)
    if higher_is_better is None:
        higher_is_better = asked.higher_is_better if isinstance(asked, Scorer) else True
    sign = 1.0 if higher_is_better else -1.0
    limits = Constraints(constraints, space)
    bounds = []
    for each, low, high in zip(limits.quantities, limits.low.tolist(), limits.high.tolist(), strict=True):
        if (found := each.as_sum(space)) is None:
            Additive.fit(space, each.true, name=each.label, sample=sample, seed=seed, tolerance=tolerance)
            raise NotAdditiveError(f"{each.label} is not a sum over the choices of {space.name}.")
        bounds.append(bounded(found, low, high))
    check_reachable(limits, None, np.random.default_rng(seed))
    architectures: list[Architecture] = []
    values: list[float] = []
    low_high = sums.reach
    for value, numbers in best_first([sign * part for part in sums.contributions], bounds):
        architecture = sums.parts.architecture(numbers)
        if bounds and not limits.keeps(architecture):
            continue  # because of rounding at a bound
        found_value = float(true([architecture])[0])
        if not abs(found_value - (sign * value + sums.constant)) <= 10 * tolerance * max(
            low_high[1] - low_high[0], 1e-300
        ):
            raise NotAdditiveError(
                f"the score of {architecture} is {found_value:.6g} but the sum over its choices is "
                f"{sign * value + sums.constant:.6g}: it is not a sum. Raise  sample  to detect this earlier."
            )
        architectures.append(architecture)
        values.append(found_value)
        if len(architectures) == k:
            break
    numbers_of = {one.label: one.true(architectures) for one in limits.quantities}
    return BestAdditive(tuple(architectures), np.array(values), sums, numbers_of)


@register_searcher(
    "exact",
    reference="best-first search with Lagrangian bounds, see D. Pisinger, 'A minimal algorithm for the multiple-choice "
    "knapsack problem', EJOR 83, 1995; scores as sums over choices",
)
class Exact(Searcher):
    """Exact search: the best by the scorer in order, or without a scorer, the best by a sum that is fitted.

    With a scorer (of the role "warm-start", or else "feature") whose score is a sum over choices, the sum is identified
    from few scores, and architectures are proposed from the best on, for any size of the space. If scores are not sums,
    all architectures of a table or of a small space are scored. Without a scorer, contributions of choices are fitted
    to the evaluations by ridge regression before every proposal.

    Args:
        initial: without a scorer, random evaluations before the first fit.
        explore: without a scorer, the share of later proposals that are random.
        ridge: penalty of the regression.
    """

    ranges: ClassVar = {"initial": (1, 10**6), "explore": (0.0, 1.0), "ridge": (1e-9, 1e9)}

    def __init__(self, initial: int = 20, explore: float = 0.1, ridge: float = 0.1) -> None:
        self.initial = initial
        self.explore = explore
        self.ridge = ridge

    def begin(self, problem: Problem) -> None:
        """Receive the problem.

        Raises:
            InvalidInputError: there is no scorer and the space's choices depend on one another, or there is one and the
                space has no independent choices and cannot be enumerated.
        """
        super().begin(problem)
        self._scorer = problem.warm_start or next(iter(problem.features), None)
        self._parts = parts_of(problem.domain.space)
        self._order: _Order | None = None
        self._out = Outstanding()
        if self._parts is None:
            if self._scorer is None:
                raise InvalidInputError(
                    f"the choices of {problem.domain.space.name} depend on one another, so that no sum over them can "
                    "be fitted: give a scorer, or choose another searcher."
                )
            self._everything(f"the choices of {problem.domain.space.name} depend on one another")

    def ask(self, count: int) -> list[Proposal]:
        """Propose the next best."""
        if self._scorer is not None:
            if self._order is None:
                self._order = self._by_scorer(self._scorer)
            return [Proposal(one) for one in self._order.take(count)]
        found = list(self._by_sum(count))
        self._out.propose(map(self.problem.domain.key, found))
        return [Proposal(one) for one in found]

    def tell(self, answers: Sequence[Answer]) -> None:
        """Forget pending proposals that have a result."""
        self._out.told([self.problem.domain.key(answer.architecture) for answer in answers])

    def state(self) -> dict[str, Any]:
        """Return the pending proposals and the order of architectures."""
        return {"out": self._out.state(), "order": None if self._order is None else self._order.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue after the proposals of the state."""
        self._out.restore(state["out"])
        if (order := state["order"]) is not None:
            if order["values"] is not None:
                values = np.array([np.nan if one is None else one for one in order["values"]], np.float64)
                self._order = _Order(self.problem, values=values)
            else:
                assert self._parts is not None  # there was a sum
                parts = tuple(np.array(part) for part in order["contributions"])
                self._order = _Order(self.problem, sums=Additive(self._parts, parts))
            self._order.skip(order["taken"])

    def _everything(self, because: str) -> list[Architecture]:
        every = self.problem.domain.everything()
        if every is None:
            raise InvalidInputError(f"{because}, and the space is too large to enumerate: choose another searcher.")
        return every

    def _by_scorer(self, scorer: Scorer) -> _Order:
        because = f"the choices of {self.problem.domain.space.name} depend on one another"
        if self._parts is not None and self.problem.domain.candidates is None:
            try:
                sums = Additive.fit(self.problem.domain.space, scorer.good, name=scorer.label)
                return _Order(self.problem, sums=sums)
            except NotAdditiveError as error:
                because = str(error).rstrip(".")
        return _Order(self.problem, values=scorer.good(self._everything(because)))

    def _by_sum(self, count: int) -> Iterator[Architecture]:
        """Yield new architectures: random ones first and sometimes later, otherwise the best by the fitted sum."""
        history, domain, rng = self.problem.history, self.problem.domain, self.problem.rng
        taken = _Taken(history, self._out)
        rows = history.complete
        waiting = max(0, self.initial - len(history))
        drawn = count if waiting else sum(rng.random() < self.explore for _ in range(count))
        drawn = count if not len(rows) else min(drawn, count)
        first = self.problem.initial(drawn) if waiting and not len(history) else domain.sample(rng, drawn, taken)
        fresh = {domain.key(one): one for one in first}
        if len(fresh) < count and len(rows):
            sums = self._learned([history.architectures[row] for row in rows.tolist()], history.good[rows, 0])
            for one in _Order(self.problem, sums=sums).all_of():
                if len(fresh) == count:
                    break
                if (key := domain.key(one)) not in taken:
                    fresh.setdefault(key, one)
        yield from fresh.values()

    def _learned(self, architectures: Sequence[Architecture], good: Floats) -> Additive:
        """Fit contributions of choices by ridge regression on centred targets of unit spread."""
        parts = self._parts
        assert parts is not None  # refused in begin
        numbers = parts.numbers(architectures)
        designs = [_features(parts, part) for part in range(len(parts))]
        x = np.concatenate([design[numbers[:, part]] for part, design in enumerate(designs)], 1)
        x = x - x.mean(0)
        y = (good - good.mean()) / (good.std() or 1.0)
        # The dual form if there are fewer evaluations than options.
        if len(x) < x.shape[1]:
            weights = x.T @ np.linalg.solve(x @ x.T + self.ridge * np.eye(len(x)), y)
        else:
            weights = np.linalg.solve(x.T @ x + self.ridge * np.eye(x.shape[1]), x.T @ y)
        ends = np.cumsum([design.shape[1] for design in designs])[:-1]
        each = np.split(weights, ends)
        return Additive(parts, tuple(design @ w for design, w in zip(designs, each, strict=True)))


def _features(parts: Parts, part: int) -> Floats:
    return np.eye(len(parts.options[part])) if parts.features is None else parts.features[part]


class _Taken:
    """The keys of evaluated and pending architectures."""

    def __init__(self, *of: Any) -> None:
        self._of = of

    def __contains__(self, key: object) -> bool:
        return any(key in one for one in self._of)


class _Order:
    """Allowed architectures, the best first, by a sum over choices or by scores of all architectures."""

    def __init__(self, problem: Problem, *, sums: Additive | None = None, values: Floats | None = None) -> None:
        self._domain, self._sums, self._values = problem.domain, sums, values
        self._taken = 0
        self._stream = self.all_of()

    def all_of(self) -> Iterator[Architecture]:
        """Yield all architectures in order; end early if no new one is found for long."""
        every = self._domain.everything()
        if every is not None:
            values = self._values
            if values is None:
                assert self._sums is not None  # one of the two is given
                values = self._sums.values(every)
            order = np.argsort(-values, kind="stable")  # nan is last
            yield from (every[row] for row in order.tolist() if np.isfinite(values[row]))
            return
        assert self._sums is not None  # otherwise refused before
        limits, bounds = self._domain.constraints, []
        if limits is not None:
            for each, low, high in zip(limits.quantities, limits.low.tolist(), limits.high.tolist(), strict=True):
                if (found := each.as_sum(self._domain.space)) is not None:
                    bounds.append(bounded(found, low, high))
        failed = 0
        for _, numbers in best_first(self._sums.contributions, bounds):
            one = self._sums.parts.architecture(numbers)
            failed += 1
            if failed > _TRIES:
                return
            if self._domain.allows(one):
                failed = 0
                yield one

    def take(self, count: int) -> list[Architecture]:
        """Return the next architectures."""
        found = list(itertools.islice(self._stream, count))
        self._taken += len(found)
        return found

    def skip(self, count: int) -> None:
        """Skip architectures that were returned before."""
        self.take(count)

    def state(self) -> dict[str, Any]:
        """Return the scores, and how many architectures were returned, as JSON-compatible values."""
        values = self._values
        return {
            "taken": self._taken,
            "values": None if values is None else [one if np.isfinite(one) else None for one in values.tolist()],
            "contributions": None if self._sums is None else [part.tolist() for part in self._sums.contributions],
        }
