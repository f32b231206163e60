"""Stop a training whose learning curve says that it will not be among the best."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from zcbench.curves import Context, get_curve_predictor, prepare, probability_of_beating
from zcbench.errors import InvalidInputError
from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture

#: networks that are drawn at once
_AHEAD = 20
#: trainings whose next part may be out; of more the oldest are given up
_OUT = 64


class _Curve:
    """Values of the looks so far, turned so that high is good, their epochs, and sums up to each."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.epochs: list[int] = []
        self.sums: list[float] = []
        self.end: float | None = None  # the value of the whole training

    def append(self, value: float, epochs: int) -> None:
        self.sums.append(value + (self.sums[-1] if self.sums else 0.0))
        self.values.append(value)
        self.epochs.append(epochs)


@register_searcher(
    "stopping",
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
        first: how many curves there have to be to compare with; with "curve", whole trainings.
        predictor: of learning curves, with "curve"; one that learns is fitted to the whole trainings so far.
        threshold: with "curve".
        after: looks before a training may be stopped, with "curve".

    Forecasts need the range of the metric. Losses above 0 are measured against their first value; what is better when
    it is higher lies in [0, 1] or [0, 100] where all values do; of others the range is that of all values so far.
    """

    epochs = True
    ranges: ClassVar = {
        "share": (0.0, 1.0),
        "every": (1, 10**9),
        "first": (1, 10**6),
        "threshold": (0.0, 1.0),
        "after": (1, 10**6),
    }

    def __init__(
        self,
        rule: str = "last",
        share: float = 0.5,
        every: int = 1,
        first: int = 5,
        predictor: str = "lcpfn",
        threshold: float = 0.05,
        after: int = 3,
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
        rules: dict[str, Callable[[_Curve], bool]] = {"median": self._median, "last": self._last, "sum": self._sum}
        rules["curve"] = self._curve
        if self.rule not in rules:
            raise InvalidInputError(f"rule={self.rule!r}: choose one of {', '.join(rules)}.")
        self._goes_on = rules[self.rule]
        if self.rule == "curve":
            self._forecaster = get_curve_predictor(self.predictor)
        self._whole: list[_Curve] = []
        self._range = (np.inf, -np.inf)  # of all values, as they are
        self._drawn: list[str] = []
        self._ready: list[list[Any]] = []  # trainings that go on, with their next epochs
        self._out: list[list[Any]] = []
        self._read = 0  # rows of the history whose values are in what follows
        self._curves: dict[str, _Curve] = {}  # by network
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
        for answer in answers:
            one, epochs = answer.architecture, answer.proposal.epochs
            if [one.key, epochs] not in self._out:
                continue
            self._out.remove([one.key, epochs])
            network = self.problem.domain.key(one)
            if epochs is not None and answer.ok and self._goes_on(self._curves[network]):
                self._ready.append([one.key, self._following(epochs)])

    def _following(self, epochs: int) -> int | None:
        """Epochs of the next look."""
        levels = [level for level in self.problem.levels if level > epochs]
        return self.problem.part(levels[0] if levels else epochs + self.every)

    def _take_history(self) -> None:
        history = self.problem.history
        for row in range(self._read, len(history)):
            network, value = self.problem.domain.key(history.architectures[row]), float(history.good[row, 0])
            if not np.isfinite(value):
                continue
            curve = self._curves.setdefault(network, _Curve())
            raw = self._raw(value)
            self._range = min(self._range[0], raw), max(self._range[1], raw)
            if (epochs := history.epochs[row]) is None:
                curve.end = value
                self._whole.append(curve)
                for look, total in enumerate(curve.sums, 1):
                    insort(self._means.setdefault(look, []), total / look)
            else:
                curve.append(value, epochs)
                insort(self._values.setdefault(len(curve.values), []), value)
                insort(self._sums.setdefault(len(curve.values), []), curve.sums[-1])
        self._read = len(history)

    # -- the rules ---------------------------------------------------------------------------------

    def _median(self, curve: _Curve) -> bool:
        means = self._means.get(len(curve.values), [])
        if len(means) < self.first:
            return True
        middle = (means[(len(means) - 1) // 2] + means[len(means) // 2]) / 2
        return max(curve.values) >= middle

    def _last(self, curve: _Curve) -> bool:
        return self._among(curve.values[-1], self._values[len(curve.values)])

    def _sum(self, curve: _Curve) -> bool:
        return self._among(curve.sums[-1], self._sums[len(curve.values)])

    def _curve(self, curve: _Curve) -> bool:
        whole = self.problem.epochs
        ends = [one.end for one in self._whole if one.end is not None]
        if whole is None or len(ends) < self.first or len(curve.values) < max(self.after, self._forecaster.least):
            return True
        bounds = self._bounds()
        if bounds is not None and bounds[0] == bounds[1]:
            return True  # all values so far are the same
        settings: dict[str, Any] = {"lower_is_better": not self._up, "bounds": bounds}
        others: list[Context] = []
        if self._forecaster.learns or self._forecaster.joint:
            for one in self._whole:
                points = np.array([*one.epochs, whole], np.float64), self._raw(np.array([*one.values, one.end]))
                others.append(prepare(*points, whole, **settings).context)
            self._forecaster.fit(others)
        epochs, values = np.array(curve.epochs, np.float64), self._raw(np.array(curve.values))
        incumbent = float(self._raw(max(ends)))
        found = probability_of_beating(incumbent, epochs, values, whole, self._forecaster, others=others, **settings)
        return found >= self.threshold

    @property
    def _up(self) -> bool:
        return self.problem.objectives[0].higher_is_better

    def _raw(self, good: Any) -> Any:
        """Values as they were measured, from those that are turned so that high is good."""
        return good if self._up else -good

    def _bounds(self) -> tuple[float, float] | None:
        """The range of the metric; None where curves are scaled without one."""
        low, high = self._range
        if (low >= 0 and high <= 1) if self._up else low > 0:
            return None
        return (0.0, 100.0) if self._up and low >= 0 and high <= 100 else (low, high)

    def _among(self, value: float, several: list[float]) -> bool:
        """Whether a value is among the best share of several, of which it is one."""
        if len(several) <= self.first:
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
