"""Stops trainings whose learning curves are not among the best."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from zcbench.errors import InvalidInputError
from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._outlook import AFTER, Course, Outlook
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture

#: number of networks drawn at once
_AHEAD = 20
#: largest number of trainings whose next part is pending; beyond it the oldest are dropped
_OUT = 64


@register_searcher(
    "stopping",
    version=2,
    reference="D. Golovin et al., 'Google Vizier: A Service for Black-Box Optimization', KDD 2017, section 3.2 (median "
    "stopping); sum: B. Ru et al., 'Speedy Performance Estimation for NAS', NeurIPS 2021, arXiv:2006.04492, eq. 1; "
    "curve: T. Domhan et al., IJCAI 2015, section 3.3, and S. Adriaensen et al., NeurIPS 2023, arXiv:2310.20447",
)
class CurveStopping(Searcher):
    """Random search with early stopping: trainings stop when their learning curves are worse than those of others.

    It needs learning curves, or a function with an argument ``epochs``. A continued training costs only the remaining
    epochs. The networks are random, or the best of many by the warm-start scorer. All trainings continue until there
    are ``first`` curves for comparison.

    Args:
        rule: "median": stop if the best value so far is worse than the median, over fully trained networks, of the mean
            of their values up to the same epoch. "last": continue if the last value is among the best ``share`` of all
            values after that epoch. "sum": the same with the sum of the values so far. "curve": stop if the probability
            that the training ends better than the best full training so far is below ``threshold``, by a forecast of
            its learning curve.
        share: share of the networks that continue at each check, with "last" and "sum".
        every: epochs between two checks.
        first: required number of curves for comparison; with "curve", of full trainings. 0 means 1 with "curve" and 5
            with the other rules.
        predictor: learning-curve predictor, with "curve"; one that learns is fitted to the full trainings so far.
        threshold: smallest probability, with "curve".
        after: number of checks before a training may be stopped, with "curve".

    Forecasts need the range of the metric. Positive losses are divided by their first value. A metric that is better
    when higher is assumed to lie in [0, 1] or [0, 100] if all values do. For other metrics, the range is that of all
    values so far, extended by half of it at either end.
    """

    featured = False
    epochs = True
    ranges: ClassVar = {
        "share": (0.0, 1.0),
        "every": (1, 10**9),
        "first": (0, 10**6),
        "threshold": (0.0, 1.0),
        "after": (1, 10**6),
    }

    def __init__(
        self,
        rule: str = "last",
        share: float = 0.5,
        every: int = 1,
        first: int = 0,
        predictor: str = "lcpfn",
        threshold: float = 0.05,
        after: int = AFTER,
    ) -> None:
        self.rule = rule
        self.share = share
        self.every = every
        self.first = first
        self.predictor = predictor
        self.threshold = threshold
        self.after = after

    def begin(self, problem: Problem) -> None:
        """Receive the problem.

        Raises:
            InvalidInputError: there is no such rule.
            UnknownNameError: there is no such learning-curve predictor.
        """
        super().begin(problem)
        rules: dict[str, Callable[[str], bool]] = {"median": self._median, "last": self._last, "sum": self._sum}
        if self.rule != "curve" and self.rule not in rules:
            raise InvalidInputError(f"rule={self.rule!r}: choose one of {', '.join(rules)}, curve.")
        self._goes_on = rules.get(self.rule)
        self._first = self.first or (1 if self.rule == "curve" else 5)
        forecaster = self.predictor if self.rule == "curve" else "last_value"
        self._outlook = Outlook(problem, forecaster, self.after, self._first)
        self._drawn: list[str] = []
        self._ready: list[list[Any]] = []  # trainings to continue, with their next epochs
        self._out: list[list[Any]] = []
        self._summed: dict[str, list[float]] = {}  # by network and check, sums of values so far
        # by check, sorted numbers of all networks that reached it; means only of fully trained networks
        self._values: dict[int, list[float]] = {}
        self._sums: dict[int, list[float]] = {}
        self._means: dict[int, list[float]] = {}

    def ask(self, count: int) -> list[Proposal]:
        """Propose the next epochs of trainings to continue, then new networks."""
        found: list[list[Any]] = []
        while len(found) < count:
            if self._ready:
                found.append(self._ready.pop(0))
            elif self._drawn or self._draw():
                found.append([self._drawn.pop(0), self.problem.part(self.every)])
            else:
                break
        self._out = [*self._out, *found][-_OUT - count :]
        return [Proposal(Architecture(self.problem.domain.space.name, key), epochs) for key, epochs in found]

    def _draw(self) -> bool:
        out = {key for key, _ in self._out}
        self._drawn = [one.key for one in self.problem.initial(_AHEAD) if one.key not in out]
        return bool(self._drawn)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Decide which trainings continue."""
        self._take_history()
        waiting = []
        for answer in answers:
            one, epochs = answer.architecture, answer.proposal.epochs
            if [one.key, epochs] not in self._out:
                continue
            self._out.remove([one.key, epochs])
            if epochs is not None and answer.ok:
                waiting.append((self.problem.domain.key(one), one.key, epochs))
        going = self._going_on([network for network, _, _ in waiting])
        self._ready += [[key, self._following(epochs)] for network, key, epochs in waiting if going[network]]

    def _going_on(self, networks: Sequence[str]) -> dict[str, bool]:
        """Return by network whether its training continues."""
        if self._goes_on is None:
            return {name: chance >= self.threshold for name, chance in self._outlook.chances(networks).items()}
        return {name: self._goes_on(name) for name in networks}

    def _following(self, epochs: int) -> int | None:
        """Return the epochs of the next check."""
        levels = [level for level in self.problem.levels if level > epochs]
        return self.problem.part(levels[0] if levels else epochs + self.every)

    def _take_history(self) -> None:
        for network, course, epochs in self._outlook.read():
            sums = self._summed.setdefault(network, [])
            if epochs is None:
                for look, total in enumerate(sums, 1):
                    insort(self._means.setdefault(look, []), total / look)
            elif len(course.values) > len(sums):
                sums.append(course.values[-1] + (sums[-1] if sums else 0.0))
                insort(self._values.setdefault(len(sums), []), course.values[-1])
                insort(self._sums.setdefault(len(sums), []), sums[-1])

    # -- the rules ---------------------------------------------------------------------------------

    def _course(self, network: str) -> Course:
        return self._outlook.courses[network]

    def _median(self, network: str) -> bool:
        values = self._course(network).values
        means = self._means.get(len(values), [])
        if len(means) < self._first:
            return True
        middle = (means[(len(means) - 1) // 2] + means[len(means) // 2]) / 2
        return max(values) >= middle

    def _last(self, network: str) -> bool:
        values = self._course(network).values
        return self._among(values[-1], self._values[len(values)])

    def _sum(self, network: str) -> bool:
        sums = self._summed[network]
        return self._among(sums[-1], self._sums[len(sums)])

    def _among(self, value: float, several: list[float]) -> bool:
        """Return whether a value is among the best share of several values, which include it."""
        if len(several) <= self._first:
            return True
        better = len(several) - bisect_right(several, value)
        return better < max(1, round(self.share * len(several)))

    def state(self) -> dict[str, Any]:
        """Return the drawn networks, the trainings to continue, and the pending proposals."""
        return {
            "drawn": list(self._drawn),
            "ready": [list(o) for o in self._ready],
            "out": [list(o) for o in self._out],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        self._drawn = list(state["drawn"])
        self._ready = [list(one) for one in state["ready"]]
        self._out = [list(one) for one in state["out"]]
