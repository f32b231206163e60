"""Forecasts of the trainings of one search: the probability that each can still beat the best full training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from zcbench.curves import Context, chances_of_beating, get_curve_predictor, prepare
from zcbench.errors import InvalidInputError
from zcbench.search._problem import Problem

#: values that a training must have before it is forecast
AFTER = 3
#: how far values may exceed those observed so far, as a share of their range
_ROOM = 0.5
#: digits of probabilities; further digits depend on which trainings were forecast together
_DIGITS = 5


class Course:
    """The values of a training so far, with signs such that high is good, their epochs, and its final value.

    Attributes:
        values: without the value of the full training.
        epochs: the epochs of these values.
        end: the value of the full training; None if there is none yet.
    """

    def __init__(self) -> None:
        self.values: list[float] = []
        self.epochs: list[int] = []
        self.end: float | None = None


class Outlook:
    """Trainings, read from the history, and their probabilities of ending better than the best full one.

    Forecasts need the range of the metric. Positive losses are divided by their first value. A metric that is better
    when higher is assumed to lie in [0, 1] or [0, 100] if all values do. For other metrics, the range is that of all
    values so far, extended by half of it at either end, because forecasts stay within the range.

    Args:
        problem: problem of the search.
        predictor: name of a learning-curve predictor; one that learns is fitted to the full trainings so far.
        after: number of values that a training must have before it is forecast.
        first: required number of full trainings.

    Raises:
        UnknownNameError: there is no such predictor.
    """

    def __init__(self, problem: Problem, predictor: str, after: int = AFTER, first: int = 1) -> None:
        self.problem, self.after, self.first = problem, after, first
        self.courses: dict[str, Course] = {}
        self._forecaster = get_curve_predictor(predictor)
        self._whole: list[Course] = []
        self._range = (np.inf, -np.inf)  # of all values, with their original signs
        self._read = 0  # number of rows of the history that were read
        self._known: dict[tuple[str, int], float] = {}  # probabilities, by network and number of values
        self._of: object = None  # the conditions under which these are valid

    def read(self) -> Iterator[tuple[str, Course, int | None]]:
        """Yield new evaluations as (network, course, epochs); failed ones are skipped."""
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
        """Return each training's probability of ending better than the best full one; 1 if it is not known yet.

        It is not known without full trainings or with few values, if all values so far are the same, and if a predictor
        that learns does not have enough full trainings.
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
            except InvalidInputError:  # it needs more full trainings
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
        """Return values with their original signs, from those with signs such that high is good."""
        return good if self._up else -good

    def _bounds(self) -> tuple[float, float] | None:
        """Return the range of the metric; None if curves are scaled without one."""
        low, high = self._range
        if (low >= 0 and high <= 1) if self._up else low > 0:
            return None
        if self._up and low >= 0 and high <= 100:
            return 0.0, 100.0
        room = _ROOM * (high - low)
        return low - room, high + room
