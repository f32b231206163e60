"""Stop a training whose learning curve says that it will not be among the best."""

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

#: networks that are drawn at once
_AHEAD = 20
#: trainings whose next part may be out; of more the oldest are given up
_OUT = 64


@register_searcher(
    "stopping",
    version=2,
    reference="D. Golovin et al., 'Google Vizier: A Service for Black-Box Optimization', KDD 2017, section 3.2 (median "
    "stopping); sum: B. Ru et al., 'Speedy Performance Estimation for NAS', NeurIPS 2021, arXiv:2006.04492, eq. 1; "
    "curve: T. Domhan et al., IJCAI 2015, section 3.3, and S. Adriaensen et al., NeurIPS 2023, arXiv:2310.20447",
)
class CurveStopping(Searcher):
    """Random networks, whose trainings are stopped when their learning curves fall behind those of others.

    Needs learning curves, or a function that takes ``epochs``. A training that goes on pays for the rest alone. The
    networks are random, or the best of many by the warm-start scorer. Until ``first`` curves can be compared with,
    trainings go on.

    Args:
        rule: "median": stop if the best value so far is worse than the median, over networks that were trained to the
            end, of the mean of their values up to the same epoch. "last": go on if the last value is among the best
            ``share`` of all values after that epoch. "sum": the same of the sum of the values so far. "curve": stop if
            the probability that the training ends better than the best whole training so far is below ``threshold``, by
            a forecast of its learning curve.
        share: of the networks that go on from look to look, with "last" and "sum".
        every: epochs between two looks.
        first: how many curves there have to be to compare with; with "curve", whole trainings. 0 for 1 with "curve" and
            5 with all others.
        predictor: of learning curves, with "curve"; one that learns is fitted to the whole trainings so far.
        threshold: with "curve".
        after: looks before a training may be stopped, with "curve".

    Forecasts need the range of the metric. Losses above 0 are measured against their first value; what is better when
    it is higher lies in [0, 1] or [0, 100] where all values do; of others the range is that of all values so far, and
    half as much beyond either end.
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
        """Take the problem.

        Raises:
            InvalidInputError: there is no such rule.
            UnknownNameError: there is no such predictor of learning curves.
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
        self._ready: list[list[Any]] = []  # trainings that go on, with their next epochs
        self._out: list[list[Any]] = []
        self._summed: dict[str, list[float]] = {}  # by network and look, sums of values so far
        # by look, sorted numbers of all networks that got so far; of means, only those that were trained to the end
        self._values: dict[int, list[float]] = {}
        self._sums: dict[int, list[float]] = {}
        self._means: dict[int, list[float]] = {}

    def ask(self, count: int) -> list[Proposal]:
        """The next epochs of trainings that go on, then new networks."""
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
        """Decide which trainings go on."""
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
        """By network, whether its training goes on."""
        if self._goes_on is None:
            return {name: chance >= self.threshold for name, chance in self._outlook.chances(networks).items()}
        return {name: self._goes_on(name) for name in networks}

    def _following(self, epochs: int) -> int | None:
        """Epochs of the next look."""
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
        """Whether a value is among the best share of several, of which it is one."""
        if len(several) <= self._first:
            return True
        better = len(several) - bisect_right(several, value)
        return better < max(1, round(self.share * len(several)))

    def state(self) -> dict[str, Any]:
        """Networks that were drawn, trainings that go on, and what is out; curves are in the history."""
        return {
            "drawn": list(self._drawn),
            "ready": [list(o) for o in self._ready],
            "out": [list(o) for o in self._out],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        self._drawn = list(state["drawn"])
        self._ready = [list(one) for one in state["ready"]]
        self._out = [list(one) for one in state["out"]]
