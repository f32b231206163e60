"""What forecasts of learning curves say of the trainings of one search: can they still beat the best whole one?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from zcbench.curves import Context, chances_of_beating, get_curve_predictor, prepare
from zcbench.errors import InvalidInputError
from zcbench.search._problem import Problem

#: values that a training has to have before it is forecast
AFTER = 3
#: how far values may go beyond those seen so far, as a share of their range
_ROOM = 0.5
#: digits of probabilities: those beyond depend on which trainings were forecast together
_DIGITS = 5


class Course:
    """Values of a training so far, turned so that high is good, after which epochs, and its end.

    Attributes:
        values: without that of the whole training.
        epochs: alike.
        end: the value of the whole training; None while it has none.
    """

    def __init__(self) -> None:
        self.values: list[float] = []
        self.epochs: list[int] = []
        self.end: float | None = None


class Outlook:
    """Courses of trainings, read from the history, and their probabilities of ending better than the best whole one.

    Forecasts need the range of the metric. Losses above 0 are measured against their first value; what is better when
    it is higher lies in [0, 1] or [0, 100] where all values do; of others the range is that of all values so far, and
    half as much beyond either end, as forecasts stay within it.

    Args:
        problem: of the search.
        predictor: of learning curves; one that learns is fitted to the whole trainings so far.
        after: values that a training has to have before it is forecast.
        first: whole trainings that there have to be.

    Raises:
        UnknownNameError: there is no such predictor.
    """

    def __init__(self, problem: Problem, predictor: str, after: int = AFTER, first: int = 1) -> None:
        self.problem, self.after, self.first = problem, after, first
        self.courses: dict[str, Course] = {}
        self._forecaster = get_curve_predictor(predictor)
        self._whole: list[Course] = []
        self._range = (np.inf, -np.inf)  # of all values, as they are
        self._read = 0  # rows of the history that were read
        self._known: dict[tuple[str, int], float] = {}  # probabilities, by network and number of values
        self._of: object = None  # what these hold for

    def read(self) -> Iterator[tuple[str, Course, int | None]]:
        """Take what was evaluated since: network, course, epochs; what failed is left out."""
        history = self.problem.history
        while self._read < len(history):
            row, self._read = self._read, self._read + 1
            network, value = self.problem.domain.key(history.architectures[row]), float(history.good[row, 0])
            if not np.isfinite(value):
                continue
            course = self.courses.setdefault(network, Course())
            raw = self._raw(value)
            self._range = min(self._range[0], raw), max(self._range[1], raw)
            epochs = history.epochs[row]
            if epochs is None:
                course.end = value
                self._whole.append(course)
            elif not course.epochs or epochs > course.epochs[-1]:
                course.values.append(value)
                course.epochs.append(epochs)
            yield network, course, epochs

    def chances(self, networks: Iterable[str]) -> dict[str, float]:
        """The probability of each training to end better than the best whole one; 1 where nothing can be said yet.

        Nothing can be said without whole trainings or with few values, where all values so far are the same, and where
        a predictor that learns has not enough whole trainings.
        """
        for _ in self.read():
            pass
        courses = {name: self.courses.get(name, Course()) for name in networks}
        found = dict.fromkeys(courses, 1.0)
        whole, bounds = self.problem.epochs, self._bounds()
        ends = [one.end for one in self._whole if one.end is not None]
        if whole is None or len(ends) < self.first or (bounds is not None and bounds[0] == bounds[1]):
            return found
        learns = self._forecaster.learns or self._forecaster.joint
        of = (bounds, max(ends), len(ends) if learns else 0)
        if of != self._of:
            self._of, self._known = of, {}
        told = {
            name: (name, len(course.values))
            for name, course in courses.items()
            if len(course.values) >= max(self.after, self._forecaster.least)
        }
        missing = [name for name, key in told.items() if key not in self._known]
        if missing:
            for name, chance in zip(missing, self._forecast([courses[name] for name in missing], bounds), strict=True):
                self._known[told[name]] = round(chance, _DIGITS)
        found.update((name, self._known[key]) for name, key in told.items())
        return found

    def _forecast(self, courses: list[Course], bounds: tuple[float, float] | None) -> list[float]:
        whole = float(self.problem.epochs or 1)
        settings: dict[str, Any] = {"lower_is_better": not self._up, "bounds": bounds}
        others: list[Context] = []
        if self._forecaster.learns or self._forecaster.joint:
            for one in self._whole:
                points = np.array([*one.epochs, whole], np.float64), self._raw(np.array([*one.values, one.end]))
                others.append(prepare(*points, whole, **settings).context)
            try:
                self._forecaster.fit(others)
            except InvalidInputError:  # it needs more of them
                return [1.0] * len(courses)
        curves = [(np.array(one.epochs, np.float64), self._raw(np.array(one.values))) for one in courses]
        incumbent = float(self._raw(max(one.end for one in self._whole if one.end is not None)))
        found: list[float] = chances_of_beating(
            incumbent, curves, whole, self._forecaster, others=others, **settings
        ).tolist()
        return found

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
        if self._up and low >= 0 and high <= 100:
            return 0.0, 100.0
        room = _ROOM * (high - low)
        return low - room, high + room
