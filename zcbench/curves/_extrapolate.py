"""Extrapolation of curves in the user's form: any metric, any length, missing epochs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._arguments import shown
from zcbench._display import brief
from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Axis, Context, Floats, checked, thinned
from zcbench.curves._forecast import Binned, Forecast
from zcbench.curves._given import levels, rows, series
from zcbench.curves._register import get_curve_predictor
from zcbench.curves._within import within
from zcbench.curves.scales import Scale, scale_of
from zcbench.errors import InvalidInputError

#: range of last values that can be forecast, in units; those of diverging trainings lie outside
REACH = (-0.25, 1.25)
#: largest number of distributions in one call; each takes 4 kB with lcpfn
_MOST = 500_000
#: least distance from the last value to a requested time, in steps of the time axis
_NEAREST = 0.5


@dataclass(frozen=True, repr=False)
class Extrapolation:
    """The forecast of one curve, in the metric's units.

    Attributes:
        epochs: requested epochs ``(epochs,)``, increasing.
        forecast: their distributions, of shape ``(1, epochs)``.
        lower_is_better: whether the metric is a loss.
    """

    epochs: Floats
    forecast: Forecast
    lower_is_better: bool = False

    @property
    def mean(self) -> Floats:
        """Expected values ``(epochs,)``."""
        found: Floats = self.forecast.mean()[0]
        return found

    @property
    def median(self) -> Floats:
        """Medians ``(epochs,)``."""
        return self.quantile(0.5)

    def quantile(self, probability: float) -> Floats:
        """Return the quantiles of a probability at each epoch ``(epochs,)``.

        Raises:
            InvalidInputError: the number is not a probability.
        """
        probability = rules.number("the probability", probability)
        if not 0 < probability < 1:
            raise InvalidInputError(f"a quantile of {probability:g}: choose a probability between 0 and 1.")
        found: Floats = self.forecast.quantile(probability)[0]
        return found

    def interval(self, share: float = 0.9) -> tuple[Floats, Floats]:
        """Return bounds of the central interval with a share of the probability at each epoch.

        Raises:
            InvalidInputError: the number is not a share.
        """
        share = rules.number("the share", share)
        if not 0 < share < 1:
            raise InvalidInputError(f"an interval of {share:g}: choose a share between 0 and 1, 0.9 for 90 %.")
        return self.quantile((1 - share) / 2), self.quantile((1 + share) / 2)

    def probability_above(self, value: float | Sequence[float] | Floats) -> Floats:
        """Return the probability of a value above ``value`` at each epoch ``(epochs,)``; one value, or one per epoch.

        Raises:
            InvalidInputError: it is not a number.
        """
        found: Floats = 1 - self._below(value)
        return found

    def probability_below(self, value: float | Sequence[float] | Floats) -> Floats:
        """Return the probability of a value below ``value`` at each epoch ``(epochs,)``; one value, or one per epoch.

        Raises:
            InvalidInputError: it is not a number.
        """
        return self._below(value)

    def _below(self, value: float | Sequence[float] | Floats) -> Floats:
        found = levels("the value", value, len(self.epochs))
        if np.isnan(found).any():
            raise InvalidInputError(f"the value {shown(value)}: give a number, or one for each epoch.")
        below: Floats = self.forecast.cdf(found)[0]
        return below

    def log_density(self, values: Sequence[float] | Floats) -> Floats:
        """Return log-densities of later observations ``(epochs,)``, in nats; nan where there is none.

        Raises:
            InvalidInputError: there is not one value for each epoch.
        """
        later = levels("values", values, len(self.epochs))
        found: Floats = self.forecast.log_density(later)[0]
        return np.where(np.isnan(later), np.nan, found)

    def sample(self, count: int, seed: int = 0) -> Floats:
        """Draw from each epoch's distribution independently ``(count, epochs)``; a draw is therefore not a curve.

        Raises:
            InvalidInputError: the count or the seed is not valid.
        """
        count, seed = rules.whole("count", count, 0), rules.seed("seed", seed)
        return self.forecast.sample(np.random.default_rng(seed), count)[:, 0]

    def __repr__(self) -> str:
        low, high = self.interval()
        return brief(
            f"<Extrapolation to {self.epochs[-1]:g}: {self.mean[-1]:.4g}, 90 % in [{low[-1]:.4g}, {high[-1]:.4g}]>"
        )


@dataclass(frozen=True)
class Prepared:
    """A curve in common units on the common axis.

    Attributes:
        context: the predictors' input.
        scale: from the metric to units.
        axis: from epochs to times.
    """

    context: Context
    scale: Scale
    axis: Axis

    def later(self, epochs: Floats) -> Floats:
        """Return the times of later epochs for predictors, at least half a step after the last value.

        Networks were trained on values that are one step apart. Values of a training with 10,000 epochs are closer, and
        forecasts of the next ones would be too certain.
        """
        times = self.axis.times(epochs)
        return np.maximum(times, self.context.times[-1] + _NEAREST) if len(self.context) else times


def prepare(
    epochs: Floats,
    values: Floats,
    horizon: float,
    *,
    lower_is_better: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Prepared:
    """Convert the beginning of a curve to common units and the common time axis.

    Args:
        epochs: epochs of observed values.
        values: observed values; nan where there is none.
        horizon: the training's last epoch.
        lower_is_better: whether the metric is a loss.
        bounds: smallest and largest possible value of the metric.

    Returns:
        The context, with scale and axis for the conversion back. If there are more than 100 values, 100 are kept.

    Raises:
        InvalidInputError: epochs or values are not valid, or bounds are needed.
    """
    epochs, values = checked(epochs, values)
    scale = scale_of(values, lower_is_better=lower_is_better, bounds=bounds)
    axis = Axis.of(epochs, horizon)
    times, unit = thinned(axis.times(epochs), scale.unit(values))
    return Prepared(Context(times, unit, axis.end), scale, axis)


def forecast_units(
    made: CurvePredictor, prepared: Sequence[Prepared], times: Floats, others: Sequence[Context] = ()
) -> Forecast:
    """Call a predictor, in common units; forecasts of metrics with bounds are truncated to these.

    Args:
        made: the predictor.
        prepared: beginnings of curves of one metric.
        times: requested times ``(curves and others, times)``.
        others: further contexts, for predictors that use curves jointly; they are forecast, too.

    Returns:
        Distributions of the shape of ``times``.

    Raises:
        InvalidInputError: the predictor returned anything else.
    """
    forecast = made.predict([*(one.context for one in prepared), *others], times)
    if not isinstance(forecast, Forecast) or forecast.shape != times.shape:
        shape = getattr(forecast, "shape", type(forecast).__name__)
        raise InvalidInputError(f"predict returned {shape}: it must return a Forecast of shape {times.shape}.")
    return within(forecast, 0.0, 1.0) if all(one.scale.bounded for one in prepared) else forecast


def in_metric(forecast: Forecast, prepared: Sequence[Prepared]) -> Forecast:
    """Convert forecasts of curves from units to the curves' metric."""
    factor = np.array([[one.scale.factor] for one in prepared])
    offset = np.array([[one.scale.offset] for one in prepared])
    return forecast.affine(-offset / factor, 1 / factor)


def extrapolate(
    curves: Sequence[float] | Sequence[Sequence[float]] | Floats,
    horizon: float,
    *,
    epochs: Sequence[float] | Sequence[Sequence[float]] | None = None,
    at: Sequence[float] | None = None,
    predictor: str | CurvePredictor = "lcpfn",
    lower_is_better: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Extrapolation | list[Extrapolation]:
    """Forecast the later values of learning curves.

    Args:
        curves: values of one curve from epoch 1 on, nan where one is missing; or several such curves, of any lengths.
        horizon: the last epoch of the training, up to 10,000 and beyond; trainings longer than 100 epochs are
            compressed to a time axis of 100 steps.
        epochs: epochs of the values, if they are not 1, 2, 3, …; for several curves one list each.
        at: requested epochs (default: all after the last observed one, up to the horizon).
        predictor: name of a curve predictor, or a fitted one.
        lower_is_better: whether the metric is a loss.
        bounds: smallest and largest possible value of the metric, (0, 100) for percent. By default, a metric that is
            better when higher lies in [0, 1], and a loss is divided by its first value.

    Returns:
        An :class:`Extrapolation`, or a list of them for several curves.

    Raises:
        InvalidInputError: a curve is empty, has infinite values, repeated or unsorted epochs, or values outside its
            bounds; the horizon is not after the last value; the predictor needs more values, or needs to be fitted.
    """
    horizon = _horizon(horizon)
    lower_is_better = rules.flag("lower_is_better", lower_is_better)
    given = rows("curves", curves := _kept(curves))
    values = [series("the curve", curves)] if given is None else given
    where = _epochs(_kept(epochs), values, several=given is not None)
    asked_for = None if at is None else series("at", at)
    made = get_curve_predictor(predictor) if isinstance(predictor, str) else predictor
    if not isinstance(made, CurvePredictor):
        raise InvalidInputError(f"predictor {shown(predictor)}: give the name of a curve predictor, or an object.")
    found: list[Extrapolation | None] = [None] * len(values)
    prepared, asked = [], []
    for at_epochs, row in zip(where, values, strict=True):
        one = prepare(at_epochs, row, horizon, lower_is_better=lower_is_better, bounds=bounds)
        _check(one, made, predictor)
        prepared.append(one)
        asked.append(_asked(at_epochs, row, one.axis, asked_for))
    _affordable(sum(map(len, asked)))
    # Curves with the same number of requested epochs are forecast together. If curves inform each other, all are, and
    # the last epoch of the shorter ones is repeated.
    lengths = [0 if made.joint else len(one) for one in asked]
    for length in sorted(set(lengths)):
        group = [number for number, one in enumerate(lengths) if one == length]
        longest = max(len(asked[number]) for number in group)
        wanted = [np.pad(asked[number], (0, longest - len(asked[number])), "edge") for number in group]
        those = [prepared[number] for number in group]
        times = np.stack([own.later(one) for own, one in zip(those, wanted, strict=True)])
        forecast = in_metric(forecast_units(made, those, times), those)
        check_finite(forecast)
        for place, number in enumerate(group):
            own = forecast.rows(slice(place, place + 1))
            own = own.first(len(asked[number])) if len(asked[number]) < longest else own
            found[number] = Extrapolation(asked[number], own, lower_is_better)
    done = [one for one in found if one is not None]
    return done[0] if given is None else done


def check_finite(forecast: Forecast) -> None:
    """Raise InvalidInputError if a forecast is not finite."""
    low, high = forecast.support()
    held = forecast.probabilities.sum(-1) if isinstance(forecast, Binned) else forecast.cdf(high)  # the sum is faster
    if not (np.isfinite(low).all() and np.isfinite(high).all() and np.isfinite(held).all()):
        raise InvalidInputError("the forecast is not finite: its predictor, or a file of weights, is damaged.")


def _horizon(horizon: float) -> float:
    try:
        return rules.number("the horizon", horizon)
    except InvalidInputError:
        raise InvalidInputError(f"horizon={shown(horizon)}: give the last epoch of the training.") from None


def _kept(value: Any) -> Any:
    """Return the value, or a list of it if it is an iterator."""
    return list(value) if isinstance(value, Iterator) else value


def _epochs(epochs: Any, values: Sequence[Floats], *, several: bool) -> list[Floats]:
    """Return the epochs of each curve; they start at 1 if none are given."""
    given = list(epochs) if several and isinstance(epochs, Iterable) else [epochs] * len(values)
    if len(given) != len(values):
        raise InvalidInputError(
            f"there are {len(values)} curves and {len(given)} lists of epochs: give one list for each."
        )
    return [
        np.arange(1, len(row) + 1.0) if one is None else series("epochs", one)
        for row, one in zip(values, given, strict=True)
    ]


def _affordable(count: float) -> None:
    """Raise InvalidInputError if the result would not fit into memory."""
    if count > _MOST:
        raise InvalidInputError(
            f"{count:,.10g} distributions are requested, but only {_MOST:,} fit into memory: choose fewer epochs with "
            "at=, or give fewer curves at once."
        )


def _check(one: Prepared, made: CurvePredictor, named: str | CurvePredictor) -> None:
    """Raise InvalidInputError if a curve has too few values, or its last value is outside the range of forecasts."""
    label = named if isinstance(named, str) else getattr(named, "label_", type(named).__name__)
    if len(one.context) < made.least:
        count = len(one.context)
        raise InvalidInputError(
            f"a curve has {count} value{'s' * (count != 1)}, but {label} needs {made.least}: give more."
        )
    if len(one.context) and not REACH[0] <= one.context.values[-1] <= REACH[1]:
        last, low, high = one.scale.metric(np.array([one.context.values[-1], *REACH]))
        raise InvalidInputError(
            f"the last value {last:.4g} lies far outside the range of forecasts, {min(low, high):.4g} to "
            f"{max(low, high):.4g}: the training diverges, or the metric needs other bounds."
        )


def _asked(epochs: Floats, values: Floats, axis: Axis, at: Floats | None) -> Floats:
    """Return the requested epochs, all after the last value; in steps if values are given for parts of epochs."""
    horizon, step = axis.horizon, axis.step
    last = epochs[~np.isnan(values)][-1] if (~np.isnan(values)).any() else 0.0
    if last >= horizon:  # compared without the context, which may be thinned
        raise InvalidInputError(
            f"the horizon {horizon:g} is not after the last observed epoch {last:g}: give a later horizon."
        )
    if at is None:
        _affordable((horizon - last) / step)
        if step < 1:
            later = np.round(last + step * np.arange(1, np.floor((horizon - last) / step - 1e-6) + 1), 9)
            return np.append(later, horizon)
        later = np.arange(np.floor(last) + 1, np.floor(horizon) + 1)
        return later if len(later) else np.array([horizon])
    if not len(at) or not (np.isfinite(at).all() and (np.diff(at) > 0).all()):
        raise InvalidInputError("at: give one epoch or more, in increasing order.")
    if at[0] <= last or at[-1] > horizon:
        raise InvalidInputError(
            f"at: choose epochs after the last observed epoch {last:g}, and up to the horizon {horizon:g}."
        )
    return at
