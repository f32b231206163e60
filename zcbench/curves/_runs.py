"""Forecasts of the runs of a table; a run that cannot be forecast does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Floats
from zcbench.curves._extrapolate import Prepared, extrapolate, prepare
from zcbench.curves._register import get_curve_predictor
from zcbench.curves._table import Observed
from zcbench.errors import InvalidInputError, ZcbenchError

#: reported quantiles: bounds of 90 % and of 50 %, and the median
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: largest number of values that are forecast in one call
_AT_ONCE = 20_000


@dataclass(frozen=True)
class RunForecast:
    """One run with its forecast.

    Attributes:
        observed: the run.
        trouble: why there is no forecast; "" if there is one, or if the run has ended.
        ended: whether its last epoch is the horizon.
        epochs: requested epochs ``(n,)``; empty without a forecast.
        mean: expected values ``(n,)``.
        quantiles: ``(n,)`` by probability.
        above: probability of exceeding the requested value ``(n,)``; empty if none was requested.
    """

    observed: Observed
    trouble: str = ""
    ended: bool = False
    epochs: Floats = field(default_factory=lambda: np.zeros(0))
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    quantiles: Mapping[float, Floats] = field(default_factory=dict)
    above: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.observed.name

    @property
    def seen(self) -> tuple[Floats, Floats]:
        """Observed epochs and values."""
        there = ~np.isnan(self.observed.values)
        return self.observed.epochs[there], self.observed.values[there]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a mapping for each requested epoch."""
        for place, epoch in enumerate(self.epochs.tolist()):
            row = {"run": self.name, "epoch": epoch, "mean": float(self.mean[place])}
            row |= {f"q{100 * p:02.0f}": float(values[place]) for p, values in self.quantiles.items()}
            yield row | ({"probability_above": float(self.above[place])} if len(self.above) else {})


def forecast_runs(
    runs: Sequence[Observed],
    horizon: float,
    *,
    predictor: str = "lcpfn",
    lower_is_better: bool = False,
    bounds: tuple[float, float] | None = None,
    at: Sequence[float] | None = None,
    above: float | None = None,
) -> list[RunForecast]:
    """Forecast each run separately, or all together if the predictor uses runs jointly.

    A predictor that learns from complete curves, or uses curves jointly, receives the runs that have ended.

    Args:
        runs: from :func:`zcbench.curves._table.read_curves`.
        horizon: the last epoch of all runs.
        predictor: name of a curve predictor.
        lower_is_better: whether the metric is a loss.
        bounds: smallest and largest possible value of the metric.
        at: requested epochs, increasing; those that a run has passed are omitted for it. Default: all later epochs.
        above: a value whose probability of being exceeded is computed.

    Returns:
        One forecast for each run, in order; errors of a run are in its ``trouble``.

    Raises:
        InvalidInputError: the horizon or a requested epoch is not valid, or the predictor learns and no run has ended.
        UnknownNameError: there is no such predictor.
    """
    _check(horizon, at, bounds)
    if above is not None:
        low, high = bounds or (-np.inf if lower_is_better else 0.0, np.inf if lower_is_better else 1.0)
        if not low <= above <= high:
            raise InvalidInputError(f"{above:g} lies outside the metric's range, {low:g} to {high:g}.")
    made = get_curve_predictor(predictor)
    options: dict[str, Any] = {"lower_is_better": lower_is_better, "bounds": bounds}
    found: list[RunForecast | None] = [None] * len(runs)
    ready: dict[int, Prepared] = {}
    complete = []
    for place, run in enumerate(runs):
        trouble, prepared = _prepared(run, horizon, made, predictor, options)
        if trouble:
            found[place] = RunForecast(run, trouble)
        elif prepared is not None and run.epochs[~np.isnan(run.values)][-1] >= np.floor(horizon):
            found[place] = RunForecast(run, ended=True)
            complete.append(prepared.context)
        elif prepared is not None:
            ready[place] = prepared
    if made.learns or made.joint:
        if made.learns and not complete and ready:
            raise InvalidInputError(
                f"{predictor} learns from complete curves, but no run has reached the horizon {horizon:g}: choose "
                "another predictor."
            )
        made.fit(complete)
    for places in _together(list(ready), runs, horizon, at, joint=made.joint):
        for place, one in zip(places, _forecast([runs[k] for k in places], horizon, made, at, options), strict=True):
            found[place] = RunForecast(runs[place], one) if isinstance(one, str) else _told(runs[place], one, above)
    return [one for one in found if one is not None]


def _check(horizon: float, at: Sequence[float] | None, bounds: tuple[float, float] | None) -> None:
    if not (np.isfinite(horizon) and horizon >= 1):
        raise InvalidInputError(f"a horizon of {horizon:g}: give the last epoch of the training, 1 or more.")
    if at is not None:
        asked = np.asarray(at, dtype=np.float64)
        if not len(asked) or not np.isfinite(asked).all() or (np.diff(asked) <= 0).any():
            raise InvalidInputError("the requested epochs: give one or more, in increasing order.")
        if asked[-1] > horizon:
            raise InvalidInputError(f"epoch {asked[-1]:g} is requested, but the horizon is {horizon:g}.")
    if bounds is not None and not (np.isfinite(bounds).all() and bounds[0] < bounds[1]):
        raise InvalidInputError(f"bounds of {bounds[0]:g} and {bounds[1]:g}: give the smallest and the largest value.")


def _prepared(
    run: Observed, horizon: float, made: CurvePredictor, predictor: str, options: Mapping[str, Any]
) -> tuple[str, Prepared | None]:
    """Return why a run cannot be forecast, or the run in common units."""
    if run.trouble:
        return run.trouble, None
    bounds = options["bounds"]
    seen = run.values[~np.isnan(run.values)]
    last = run.epochs[~np.isnan(run.values)][-1]
    if bounds is not None and np.isfinite(seen).all() and (seen.min() < bounds[0] or seen.max() > bounds[1]):
        worst = seen.min() if seen.min() < bounds[0] else seen.max()
        return f"its value {worst:g} lies outside the bounds {bounds[0]:g} and {bounds[1]:g}", None
    if last > horizon:
        return f"it has a value at epoch {last:g}, after the horizon {horizon:g}: give a later horizon", None
    try:
        prepared = prepare(run.epochs, run.values, horizon, **options)
    except ZcbenchError as error:
        return str(error), None
    if len(prepared.context) < made.least:
        return f"it has {len(seen)} value{'s' * (len(seen) != 1)}, but {predictor} needs {made.least}", None
    return "", prepared


def _together(
    places: list[int], runs: Sequence[Observed], horizon: float, at: Sequence[float] | None, *, joint: bool
) -> list[list[int]]:
    """Group runs that are forecast in one call: all of them if the predictor uses them jointly."""
    if joint:
        return [places] if places else []
    most = max(1, int(_AT_ONCE // max(1, horizon if at is None else len(at))))
    return [places[k : k + most] for k in range(0, len(places), most)]


def _forecast(
    runs: Sequence[Observed],
    horizon: float,
    made: CurvePredictor,
    at: Sequence[float] | None,
    options: Mapping[str, Any],
) -> list[Any]:
    """Return an extrapolation of each run, or a sentence on why there is none."""
    asked = [_left(run, at) for run in runs]
    by_asked: dict[tuple[float, ...] | None, list[int]] = {}
    for place, one in enumerate(asked):
        by_asked.setdefault(one, []).append(place)
    found: list[Any] = ["it has passed all requested epochs"] * len(runs)
    for one, places in by_asked.items():
        if one == ():
            continue
        curves, epochs = [runs[k].values for k in places], [runs[k].epochs for k in places]
        settings = {**options, "predictor": made, "at": None if one is None else list(one)}
        try:
            several = extrapolate(curves, horizon, epochs=epochs, **settings)  # type: ignore[arg-type]
            assert isinstance(several, list)
        except ZcbenchError:
            several = [_alone(values, where, horizon, settings) for values, where in zip(curves, epochs, strict=True)]
        for place, extrapolation in zip(places, several, strict=True):
            found[place] = extrapolation
    return found


def _alone(values: Floats, epochs: Floats, horizon: float, settings: Mapping[str, Any]) -> Any:
    try:
        return extrapolate(values, horizon, epochs=epochs.tolist(), **settings)
    except ZcbenchError as error:
        return str(error)


def _left(run: Observed, at: Sequence[float] | None) -> tuple[float, ...] | None:
    """Return the requested epochs after a run's last value."""
    if at is None:
        return None
    last = run.epochs[~np.isnan(run.values)][-1]
    return tuple(float(epoch) for epoch in at if epoch > last)


def _told(run: Observed, found: Any, above: float | None) -> RunForecast:
    return RunForecast(
        run,
        epochs=found.epochs,
        mean=found.mean,
        quantiles={p: found.quantile(p) for p in QUANTILES},
        above=np.zeros(0) if above is None else found.probability_above(above),
    )
