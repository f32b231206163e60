"""The contract of curve predictors: named checks on curves whose ends are known."""

from __future__ import annotations

import functools
import math
import pickle
from collections.abc import Callable, Sequence

import numpy as np

from zcbench.curves import Context, CurvePredictor, Forecast, curve_predictor_info, get_curve_predictor
from zcbench.curves._context import Floats
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError, MissingDependencyError
from zcbench.testing._report import FailedError, Report, SkippedError, run_checks
from zcbench.testing._searchers import _others
from zcbench.testing._world import differs, world

#: number of curves to learn from, curves to predict, known values of each
_KNOWN, _CURVES, _SEEN = 40, 24, 20
#: requested times
_ASKED = np.array([21.0, 30.0, 55.0, 100.0])
#: values at which two forecasts are compared, in units
_POINTS = (-0.5, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5)
#: largest difference of forecasts that rounding explains
_SAME = 2e-3


def check_curve_predictor(predictor: str | type[CurvePredictor], *, seed: int = 0) -> Report:
    """Run all checks on a curve predictor, built in or user-defined.

    Args:
        predictor: name of a registered one, optionally with settings ("fits:starts=2"), or a class.
        seed: seed of the curves.

    Returns:
        A :class:`Report`. A check is skipped if an optional package is missing, or if the predictor does not claim the
        checked property.

    Raises:
        UnknownNameError: the curve predictor or the setting does not exist.
        InvalidInputError: a setting is out of range.
    """
    checker = _Checker(predictor, seed)
    return run_checks(checker.name, checker.checks())


class _Checker:
    def __init__(self, predictor: str | type[CurvePredictor], seed: int) -> None:
        self._given, self.seed = predictor, seed
        made = self.made = self.make()
        self.kind = type(made)
        self.name = getattr(made, "label_", self.kind.__qualname__)
        sample = PRIORS["paper"].sample(np.random.default_rng(seed), _KNOWN + _CURVES)
        whole = [Context(sample.times, values, 100.0) for values in sample.values]
        self.known = whole[:_KNOWN]
        self.contexts = [one.until(_SEEN) for one in whole[_KNOWN:]]
        self.truth = sample.values[_KNOWN:][:, _ASKED.astype(int) - 1]

    def checks(self) -> dict[str, Callable[[], str]]:
        """Return the checks by name, in the order in which they run."""
        return {
            "declaration": self.declaration,
            "settings": self.settings,
            "predicts": self.predicts,
            "complete curves": self.complete,
            "same call, same forecast": self.deterministic,
            "global random numbers": self.untouched,
            "independent forecasts": self.company,
            "order": self.order,
            "distributions": self.distributions,
            "densities": self.densities,
            "units": self.units,
            "any times": self.any_times,
            "few points": self.few_points,
            "missing epochs": self.missing,
            "unusual curves": self.odd,
            "configurations": self.configurations,
            "pickles": self.pickles,
            "better than the mean": self.better,
        }

    # -- helpers -------------------------------------------------------------------------------

    def make(self) -> CurvePredictor:
        """Create a curve predictor."""
        return get_curve_predictor(self._given) if isinstance(self._given, str) else self._given()

    def fitted(self, curves: Sequence[Context] | None = None) -> CurvePredictor:
        """Create a curve predictor and fit it, if it learns."""
        made = self.make()
        try:
            found = made.fit(self.known if curves is None else curves)
        except MissingDependencyError as error:
            raise SkippedError(str(error)) from None
        if found is not made:
            raise FailedError("fit does not return the predictor itself")
        return made

    def predict(
        self, contexts: Sequence[Context], asked: Floats = _ASKED, made: CurvePredictor | None = None
    ) -> Forecast:
        """Forecast the same times for every context, and check shape and values."""
        times = np.broadcast_to(asked, (len(contexts), len(asked)))
        try:
            forecast = (made or self.fitted()).predict(contexts, times)
        except MissingDependencyError as error:
            raise SkippedError(str(error)) from None
        if forecast.shape != times.shape or forecast.mean().shape != times.shape:
            raise FailedError(
                f"for {len(contexts)} curves and {len(asked)} times it returns {forecast.shape} distributions, and "
                f"means of shape {forecast.mean().shape}"
            )
        if not np.isfinite(forecast.mean()).all():
            raise FailedError("means are not finite")
        low, high = forecast.support()
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
            raise FailedError("a distribution has no spread, or bounds that are not finite")
        return forecast

    @functools.cached_property
    def usual(self) -> Forecast:
        """The forecasts of the easy curves."""
        return self.predict(self.contexts)

    def same(self, a: Forecast, b: Forecast, what: str, within: float = _SAME) -> None:
        """Raise if forecasts differ."""
        gap = float(np.abs(_numbers(a) - _numbers(b)).max())
        if not gap <= within:
            raise FailedError(f"{what}: means or probabilities differ by {gap:.2g}")

    # -- the checks ----------------------------------------------------------------------------

    def declaration(self) -> str:
        if not (self.kind.__doc__ or "").strip():
            raise FailedError("its class has no docstring: lists show its first line")
        if isinstance(self._given, str):
            info = curve_predictor_info(self._given.partition(":")[0])
            if not info.reference:
                raise FailedError("it cites no reference: pass reference=… to register_curve_predictor")
            for name, default in info.parameters.items():
                if type(default) in (int, float) and name not in info.ranges:
                    raise FailedError(
                        f"its setting {name} is a number without a range: declare ranges = {{{name!r}: …}}"
                    )
        if not (isinstance(self.made.least, int) and 0 <= self.made.least <= 10):
            raise FailedError(f"least={self.made.least!r}: it must be the number of points that a curve needs, 0 to 10")
        claims = [name for name in ("learns", "joint", "spread") if getattr(self.made, name)]
        return ", ".join(claims) or "ranks only"

    def settings(self) -> str:
        if not isinstance(self._given, str):
            raise SkippedError("a class that is not registered has no label")
        info = curve_predictor_info(self._given.partition(":")[0])
        for name, default in info.parameters.items():
            if vars(get_curve_predictor(info.name)).get(name, math.nan) != default:
                raise FailedError(f"its constructor does not store its argument {name} unchanged")
            for value in _others(default, info.ranges.get(name)):
                made = get_curve_predictor(f"{info.name}:{name}={value}")
                if getattr(made, name) != value:
                    raise FailedError(f"with {name}={value} it stores {name}={getattr(made, name)!r}")
                if get_curve_predictor(made.label_).label_ != made.label_:
                    raise FailedError(f"its label {made.label_} is not parsed to the same label")
        return f"{len(info.parameters)}, stored unchanged"

    def predicts(self) -> str:
        before = [(one.times.copy(), one.values.copy()) for one in [*self.known, *self.contexts]]
        made = self.fitted()
        state = pickle.dumps({name: value for name, value in vars(made).items() if not name.endswith("_")})
        self.predict(self.contexts, made=made)
        for one, (times, values) in zip([*self.known, *self.contexts], before, strict=True):
            if not (np.array_equal(one.times, times) and np.array_equal(one.values, values)):
                raise FailedError("it changes the given curves")
        if pickle.dumps({name: value for name, value in vars(made).items() if not name.endswith("_")}) != state:
            raise FailedError("its settings change while it predicts")
        return f"{_CURVES} curves at {len(_ASKED)} times"

    def complete(self) -> str:
        if self.made.joint and not self.made.learns:
            made = self.fitted([])
            alone = self.predict(self.contexts[:3], made=made)
            self.predict(self.contexts[:3], made=made.fit(self.known))
            self.same(alone, self.predict(self.contexts[:3], made=made.fit([])), "fitted again on no curve", 0.02)
            self.same(alone, self.predict(self.contexts[:3], made=self.make()), "fitted on no curve, or not at all")
            return f"none are needed; with {_KNOWN} it forecasts as well"
        if not self.made.learns:
            made, other = self.make(), self.make()
            try:
                made.fit(self.known[:2])
                self.same(
                    self.predict(self.contexts[:3], made=made), self.predict(self.contexts[:3], made=other), "fit"
                )
            except FailedError as error:
                raise FailedError(f"it declares that it does not learn, but {error}") from None
            return "it learns from none"
        calls: tuple[tuple[str, Callable[[], Forecast]], ...] = (
            ("before fit", lambda: self.make().predict(self.contexts[:1], _ASKED[None])),
            ("fitted on no curve", lambda: self.make().fit([]).predict(self.contexts[:1], _ASKED[None])),
        )
        for what, call in calls:
            try:
                call()
            except InvalidInputError:
                continue
            raise FailedError(f"{what} it predicts: raise InvalidInputError with advice")
        again = self.fitted(self.known[: _KNOWN // 2])
        again.fit(self.known)
        self.same(self.usual, self.predict(self.contexts, made=again), "fitted twice", 0.02)
        return f"{_KNOWN}; a second fit replaces the first"

    def deterministic(self) -> str:
        self.same(self.usual, self.predict(self.contexts), "a second one, created and fitted in the same way", 1e-9)
        made = self.fitted()
        first = self.predict(self.contexts[:4], made=made)
        self.same(first, self.predict(self.contexts[:4], made=made), "predicting a second time", 1e-9)
        return "created twice, predicted twice"

    def untouched(self) -> str:
        before = world()
        self.predict(self.contexts[:4])
        if differs(before, world()):
            raise FailedError("global random states of Python, numpy or torch, or flags, were changed")
        return "global states are unchanged"

    def company(self) -> str:
        if self.made.joint:
            raise SkippedError("it declares that curves inform each other")
        made = self.fitted()
        for number in (0, 5):
            alone = self.predict(self.contexts[number : number + 1], made=made)
            self.same(self.usual.rows(slice(number, number + 1)), alone, "a curve alone and with others")
        mixed = [self.contexts[2].until(7), self.contexts[0], self.contexts[1].until(11)]
        self.same(self.usual.rows(slice(0, 1)), self.predict(mixed, made=made).rows(slice(1, 2)), "with shorter curves")
        return "alone, with others, and with shorter curves"

    def order(self) -> str:
        turned = self.predict(self.contexts[::-1])
        within = 0.02 if self.made.joint else _SAME
        self.same(self.usual, turned.rows(np.arange(_CURVES)[::-1]), "in another order", within)
        return "curves in another order"

    def distributions(self) -> str:
        forecast = self.usual
        low, high = forecast.support()
        points = [low + share * (high - low) for share in np.linspace(0, 1, 41)]
        below = np.array([forecast.cdf(point) for point in points])
        if (below < -1e-9).any() or (below > 1 + 1e-9).any() or (np.diff(below, axis=0) < -1e-9).any():
            raise FailedError("a cumulative probability decreases, or is outside [0, 1]")
        if (below[0] > 1e-3).any() or (below[-1] < 1 - 1e-3).any():
            raise FailedError("more than a thousandth of a distribution is outside its support")
        for probability in (0.05, 0.5, 0.9):
            gap = float(np.abs(forecast.cdf(forecast.quantile(probability)) - probability).max())
            if gap > 5e-3:
                raise FailedError(f"the probability below the quantile of {probability} is wrong by {gap:.2g}")
        mean = forecast.mean()
        if (mean < low).any() or (mean > high).any():
            raise FailedError("a mean is outside its distribution's support")
        return "cumulative probabilities, quantiles"

    def densities(self) -> str:
        for row, column in ((0, 0), (1, len(_ASKED) - 1)):
            points = 4_000
            many = self.usual.rows(np.full(points, row))
            shares = (np.arange(points) + 0.5) / points
            ends = [float(self.usual.quantile(level)[row, column]) for level in (0.001, 0.999)]
            grid = (ends[0] + (ends[1] - ends[0]) * shares)[:, None]
            total = float(np.exp(many.log_density(grid))[:, column].mean() * (ends[1] - ends[0]))
            if abs(total - 0.998) > 0.02:
                raise FailedError(f"a density integrates to {total:.3f} over .998 of the probability")
            low, high = (float(bound[row, column]) for bound in self.usual.support())
            grid = (low + (high - low) * shares)[:, None]
            mean = high - float(many.cdf(grid)[:, column].mean()) * (high - low)
            if abs(mean - self.usual.mean()[row, column]) > 2e-3 * (high - low):
                raise FailedError(
                    f"a mean is {self.usual.mean()[row, column]:.4f}, but its probabilities give {mean:.4f}"
                )
        return "densities integrate to one; means agree with the distributions"

    def units(self) -> str:
        few = self.usual.rows(slice(0, 3))
        offset, factor = np.array([[2.0], [0.0], [-1.0]]), np.array([[3.0], [-2.0], [0.1]])
        moved = few.affine(offset, factor)
        y = few.mean() + 0.01
        at = offset + factor * y
        below = np.where(factor > 0, few.cdf(y), 1 - few.cdf(y))
        pairs = {
            "means": (moved.mean(), offset + factor * few.mean()),
            "probabilities": (moved.cdf(at), below),
            "log-densities": (moved.log_density(at), few.log_density(y) - np.log(np.abs(factor))),
        }
        for what, (found, right) in pairs.items():
            if not np.allclose(found, right, atol=1e-6):
                raise FailedError(f"in other units its {what} are different")
        return "affine maps, rising and falling"

    def any_times(self) -> str:
        made = self.fitted()
        self.predict(self.contexts[:2], np.array([100.0]), made)
        self.predict(self.contexts[:2], np.arange(21, 101.0), made)
        self.predict(self.contexts[:2], np.array([20.25, 47.5]), made)
        short = [Context(one.times[:5], one.values[:5], 12.0) for one in self.contexts[:2]]
        self.predict(short, np.arange(6, 13.0), made)
        whole = [one.until(99) for one in self.known[:2]]
        self.predict(whole, np.array([100.0]), made)
        return "one, all, between epochs, short trainings, one remaining epoch"

    def few_points(self) -> str:
        made = self.fitted()
        for count in range(self.made.least, self.made.least + 6):
            forecast = self.predict([one.until(count) for one in self.contexts[:3]], made=made)
            if not np.isfinite(forecast.log_density(self.truth[:3])).any():
                raise FailedError(f"after {count} points all densities at the true values are 0")
        return f"{self.made.least} and more"

    def missing(self) -> str:
        kept = [np.flatnonzero(np.arange(_SEEN) % 3 != row % 3) for row in range(4)]
        holes = [
            Context(one.times[rows], one.values[rows], one.end)
            for one, rows in zip(self.contexts[:4], kept, strict=True)
        ]
        between = [Context(one.times + 0.4, one.values, one.end) for one in self.contexts[:4]]
        made = self.fitted()
        forecast = self.predict(holes, made=made)
        self.predict(between, made=made)
        gap = float(np.median(np.abs(forecast.mean() - self.usual.mean()[:4])))
        if gap > 0.2:
            raise FailedError(f"without every third epoch means differ by {gap:.2f}")
        return "a third missing, and times between epochs"

    def odd(self) -> str:
        times = np.arange(1, _SEEN + 1.0)
        made = self.fitted()
        curves = {
            "constant": np.full(_SEEN, 0.5),
            "without noise": 0.9 - 0.5 * times**-0.7,
            "all zero": np.zeros(_SEEN),
            "at its bound": np.ones(_SEEN),
            "falling": 0.8 - 0.02 * times,
            "diverging": 0.5 - np.exp(times - 6),
            "far above": np.full(_SEEN, 7.0),
            "one outlier": np.where(times == 10, -40.0, 0.6),
            "two values": np.where(times % 2 == 0, 0.2, 0.8),
        }
        for name, values in curves.items():
            try:
                forecast = self.predict([Context(times, values, 100.0)], made=made)
            except FailedError as error:
                raise FailedError(f"for a curve that is {name}: {error}") from None
            if name == "constant" and not abs(float(forecast.mean()[0, 0]) - 0.5) < 0.2:
                raise FailedError(f"a constant curve at .5 is forecast at {float(forecast.mean()[0, 0]):.2f}")
        return ", ".join(curves)

    def configurations(self) -> str:
        rng = np.random.default_rng(self.seed)
        made = self.make()

        def coded(curves: Sequence[Context]) -> list[Context]:
            return [Context(one.times, one.values, one.end, rng.random(3)) for one in curves]

        self.predict(coded(self.contexts[:3]), made=made.fit(coded(self.known)))
        self.predict(self.contexts[:3], made=made)
        self.predict(coded(self.contexts[:3]))
        return "curves with numbers of their configurations, and without"

    def pickles(self) -> str:
        made = self.fitted()
        first = self.predict(self.contexts[:4], made=made)
        again = pickle.loads(pickle.dumps(made))
        self.same(first, self.predict(self.contexts[:4], made=again), "pickled and loaded", 1e-9)
        return "a fitted one that has predicted"

    def better(self) -> str:
        truth, found = self.truth[:, -1], self.usual.mean()[:, -1]
        ends = np.array([one.values[-1] for one in self.known])
        from scipy.stats import kendalltau

        tau = float(kendalltau(found, truth).statistic)
        if not tau > 0.3:
            raise FailedError(f"means of the ends have a rank correlation of {tau:.2f} with the true ends")
        if not self.made.spread:
            return f"rank correlation {tau:.2f}"
        right, middle = float(np.mean((found - truth) ** 2)), float(np.mean((ends.mean() - truth) ** 2))
        if not right < middle:
            raise FailedError(f"squared errors are {right:.4f}, those of the mean of all ends {middle:.4f}")
        # A single very noisy curve must not decide.
        known = np.maximum(self.usual.log_density(self.truth)[:, -1], -10)
        blind = -0.5 * ((truth - ends.mean()) / ends.std()) ** 2 - np.log(ends.std() * np.sqrt(2 * np.pi))
        if not known.mean() > blind.mean():
            raise FailedError(f"log-densities are {known.mean():.2f}, those of all ends {blind.mean():.2f}")
        return f"squared errors {right:.4f} of {middle:.4f}; log-densities {known.mean():.2f}, not {blind.mean():.2f}"


def _numbers(forecast: Forecast) -> Floats:
    """Return means and cumulative probabilities ``(curves, times, numbers)``."""
    every = [forecast.mean(), *(forecast.cdf(np.array(value)) for value in _POINTS)]
    return np.stack(every, -1)
