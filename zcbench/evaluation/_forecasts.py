"""Comparison of curve predictors from their trials: the quality of forecasts with intervals. Without torch."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench._display import brief, many, plain
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import _forecasts_table
from zcbench.evaluation._board import Board
from zcbench.evaluation._efficiency import mean_interval
from zcbench.evaluation._left_out import of_one_version, with_notes
from zcbench.evaluation._over_seeds import paired_difference
from zcbench.metrics import Estimate
from zcbench.records import CurveTrial, CurveTrials
from zcbench.types import Status, Target

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

#: the baseline of the comparison, if it was run
BASELINE = "last_value"
#: text before the reason for curves without a forecast in the detail of a trial; stores have both forms
_REASON = re.compile(r" (?:skipped|left out) because ")


@dataclass(frozen=True, repr=False)
class Forecasted:
    """One curve predictor at one context, over parts.

    Attributes:
        label: its label.
        version: its integer version.
        code: digest of its code if it is user-defined; else empty.
        context: share of each curve that it received.
        metrics: by name, the mean over parts with a 95 % interval (Student's t over parts); the log-density is -inf
            if an observed value had the density zero.
        behind: log-density of the best at this context minus its log-density, paired by part.
        tied_with_best: whether that interval reaches zero.
        curves: number of curves with a forecast.
        left_out: number of curves without a forecast, by reason.
        impossible: number of observed values with the density zero.
        failures: number of parts without forecasts, by reason.
        seconds: seconds per curve, for fitting and forecasting.
    """

    label: str
    version: int
    code: str
    context: float
    metrics: Mapping[str, Estimate]
    behind: Estimate
    tied_with_best: bool
    curves: int
    left_out: Mapping[str, int]
    impossible: int
    failures: Mapping[str, int]
    seconds: float

    def __repr__(self) -> str:
        return brief(f"<Forecasted by {plain(self.label, 60)} at {self.context:g}: {many(self.curves, 'curve')}>")


@dataclass(frozen=True, eq=False, repr=False)
class ForecastComparison(Board):
    """Curve predictors on one set of learning curves, over parts: a row each, a column for each context.

    Attributes:
        benchmark: name and version.
        curve: the metric.
        lower_is_better: whether it is a loss.
        pool: number of different networks, or of tasks if there are several.
        parts: number of parts into which these were divided.
        complete: number of complete curves for predictors that learn.
        contexts: shares of a curve that predictors received.
        points: one for each curve predictor and context; the best rank by log-density first.
        won: by label of a curve predictor and of another, the share of tasks (a part at a context) at which its
            log-density was higher, with an interval over parts; a tie is half.
        won_by_median: the same by the median over curves, which a single diverging curve does not determine.
        baseline: label of the baseline; "" if it was not run.
        notes: notes on the results, a sentence each.
        table_notes: sentences about rows and columns that reading the table excluded or changed.
        metric: the metric of the table.

    Raises:
        UnknownNameError: there is no such metric.
    """

    benchmark: str
    curve: str
    lower_is_better: bool
    pool: int
    parts: int
    complete: int
    contexts: tuple[float, ...]
    points: tuple[Forecasted, ...]
    won: Mapping[str, Mapping[str, Estimate]]
    won_by_median: Mapping[str, Mapping[str, Estimate]]
    baseline: str = ""
    notes: tuple[str, ...] = ()
    table_notes: tuple[str, ...] = ()
    metric: str = "log_density"
    repeated = 1

    def __post_init__(self) -> None:
        if self.metric not in _forecasts_table.METRICS:
            raise UnknownNameError("metric", self.metric, _forecasts_table.METRICS)

    def __repr__(self) -> str:
        what = f"{many(len(self.labels), 'curve predictor')} on {plain(self.curve, 40)} of {plain(self.benchmark, 40)}"
        return brief(f"<ForecastComparison of {what}>")

    @property
    def labels(self) -> list[str]:
        """Curve predictors, the best first."""
        return list(dict.fromkeys(point.label for point in self.points))

    def point(self, label: str, context: float) -> Forecasted | None:
        """Return the results of a curve predictor at a context; None if it was not tested."""
        return next((one for one in self.points if one.label == label and one.context == context), None)

    def showing(self, metric: str) -> ForecastComparison:
        """Return the same with a table of another metric: mse, crps, coverage_90, tau and others.

        Raises:
            UnknownNameError: there is no such metric.
        """
        return dataclasses.replace(self, metric=metric)

    def headline(self) -> str:
        """Return one sentence that describes the table."""
        return _forecasts_table.headline(self)

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column, and whether its cells are numbers."""
        return _forecasts_table.titles(self)

    def cells(self) -> list[list[str]]:
        """Return a row per curve predictor, a column per context."""
        return _forecasts_table.cells(self)

    def footnotes(self) -> list[str]:
        """Return the notes of the table, a sentence each."""
        return _forecasts_table.footnotes(self)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per curve predictor and context, with all metrics in full precision."""
        return [_forecasts_table.flat(self, point) for point in self.points]

    def content(self) -> dict[str, Any]:
        """Return the rows, and the shares of tasks that each predictor won against each other."""
        return _forecasts_table.content(self)


def compare_forecasts(
    trials: Iterable[CurveTrial], benchmark: Benchmark, notes: Iterable[str] = (), *, baseline: str = BASELINE
) -> ForecastComparison:
    """Compare curve predictors that were tested on the same curves.

    Args:
        trials: of one set of curves, in the order of running.
        benchmark: its table.
        notes: sentences about results that were excluded before.
        baseline: label of the baseline.

    Raises:
        InvalidInputError: there are none, or they are of different curves.
    """
    known = CurveTrials.of(trials)
    by_label, versions = of_one_version(known, "curve_predictor") if len(known) else ({}, [])
    found = {label: [known[int(row)] for row in rows] for label, rows in by_label.items()}
    every = [trial for rows in found.values() for trial in rows]
    kinds = {(t.benchmark, t.curve, t.data, t.pool, t.parts, t.complete) for t in every}
    if len(kinds) != 1:
        raise InvalidInputError(
            "forecasts of different curves, or of curves that were divided differently, cannot be compared."
            if kinds
            else with_notes(
                f"no forecasts on {benchmark.name}: run  zcbench run {benchmark.name} --curve-predictors all", notes
            )
        )
    ((identifier, curve, _, pool, parts, complete),) = kinds
    contexts = tuple(sorted({float(t.context) for t in every}))
    densities = {
        label: {c: {t.seed: _density(t) for t in _judged(rows) if float(t.context) == c} for c in contexts}
        for label, rows in found.items()
    }
    best = {c: _best({label: of[c] for label, of in densities.items()}) for c in contexts}
    order = _order(densities, contexts)
    points = [
        _point([t for t in found[label] if float(t.context) == c], densities[label][c], best[c])
        for label in order
        for c in contexts
        if any(float(t.context) == c for t in found[label])
    ]
    target = benchmark.targets.get(curve, Target(curve, "", False, ""))
    judged = [label for label in order if any(densities[label].values())]
    return ForecastComparison(
        *(identifier, curve, not target.higher_is_better, pool, parts, complete, contexts, tuple(points)),
        won={a: {b: won(found[a], found[b]) for b in judged if b != a} for a in judged},
        won_by_median={a: {b: won(found[a], found[b], _median) for b in judged if b != a} for a in judged},
        baseline=baseline if baseline in judged else "",
        notes=(*notes, *versions),
        table_notes=benchmark.notes,
    )


def _judged(trials: Iterable[CurveTrial]) -> list[CurveTrial]:
    """Return the trials whose distributions were evaluated, and not only their means."""
    return [t for t in trials if t.status is Status.OK and "log_density" in t.metrics]


def _density(trial: CurveTrial) -> float:
    """Return the log-density of a trial; JSON cannot represent -inf."""
    return -math.inf if trial.metrics.get("impossible", 0.0) > 0 else trial.metrics["log_density"]


def _mean(values: Iterable[float]) -> float:
    every = list(values)
    return float(np.mean(every)) if every else math.nan


def _best(densities: Mapping[str, Mapping[int, float]]) -> Mapping[int, float]:
    """Return the log-densities by part of the best among the curve predictors that forecast most parts."""
    most = max((len(of) for of in densities.values()), default=0)
    whole = [of for of in densities.values() if len(of) == most]
    return max(whole, key=lambda of: _mean(of.values())) if most else {}


def _order(densities: Mapping[str, Mapping[float, Mapping[int, float]]], contexts: Sequence[float]) -> list[str]:
    """Sort labels by their mean rank over contexts; labels without a value at a context are last there."""
    ranks: dict[str, list[int]] = {label: [] for label in densities}
    for context in contexts:
        means = {label: _mean(of[context].values()) for label, of in densities.items()}
        sure = {label: mean for label, mean in means.items() if not math.isnan(mean)}
        for label in densities:
            ahead = sum(other > sure[label] for other in sure.values()) if label in sure else len(densities)
            ranks[label].append(ahead)
    return sorted(densities, key=lambda label: (_mean(ranks[label]), label))


def _median(trial: CurveTrial) -> float:
    """Return the median over curves; -inf if most curves have a value with the density zero."""
    found = trial.metrics.get("median_log_density", math.nan)
    return -math.inf if math.isnan(found) else found


def won(
    first: Iterable[CurveTrial], second: Iterable[CurveTrial], worth: Callable[[CurveTrial], float] = _density
) -> Estimate:
    """Return the share of tasks (a part at a context) at which the first has the higher log-density; a tie is half.

    Only tasks at which both forecast the same number of curves count. The interval, within [0, 1], is of Student's t
    over parts.

    Args:
        first: trials of one curve predictor.
        second: of another, on the same curves.
        worth: the compared value of a trial, high is good.
    """
    others = {(t.seed, t.context): t for t in _judged(second)}
    by_part: dict[int, list[float]] = {}
    for trial in _judged(first):
        other = others.get((trial.seed, trial.context))
        if other is not None and other.metrics["curves"] == trial.metrics["curves"]:
            ahead, behind = worth(trial), worth(other)
            by_part.setdefault(trial.seed, []).append(0.5 + 0.5 * ((ahead > behind) - (ahead < behind)))
    tasks = [one for several in by_part.values() for one in several]
    over_parts = mean_interval(_mean(several) for several in by_part.values())
    low, high = (float(np.clip(bound, 0.0, 1.0)) for bound in (over_parts.low, over_parts.high))  # nan stays
    return Estimate(_mean(tasks), low, high, len(tasks))


def _point(trials: Sequence[CurveTrial], own: Mapping[int, float], best: Mapping[int, float]) -> Forecasted:
    good = [t for t in trials if t.status is Status.OK]
    names = [name for name in dict.fromkeys(name for t in good for name in t.metrics) if not name.endswith("_seconds")]
    metrics = {}
    for name in names:
        values = [_density(t) if name == "log_density" else t.metrics.get(name, math.nan) for t in good]
        metrics[name] = _interval([value for value in values if not math.isnan(value)])
    left_out: Counter[str] = Counter()
    for t in good:
        if t.metrics.get("left_out", 0.0):
            left_out[_REASON.split(t.detail, maxsplit=1)[-1]] += int(t.metrics["left_out"])
    curves = int(sum(t.metrics["curves"] for t in good))
    spent = sum(t.metrics.get(name, 0.0) for t in good for name in ("fit_seconds", "predict_seconds"))
    behind = paired_difference(
        {k: v for k, v in best.items() if math.isfinite(v)}, {k: v for k, v in own.items() if math.isfinite(v)}
    )
    whole = bool(own) and all(map(math.isfinite, own.values()))
    return Forecasted(
        trials[0].label,
        int(trials[0].curve_predictor.rpartition("@")[2]),
        trials[0].code,
        float(trials[0].context),
        metrics,
        behind,
        whole and (own == best or behind.low <= 0),
        curves,
        left_out,
        int(sum(t.metrics.get("impossible", 0.0) for t in good)),
        Counter(t.detail for t in trials if t.status is not Status.OK),
        spent / curves if curves else math.nan,
    )


def _interval(values: Sequence[float]) -> Estimate:
    """Return mean and interval; -inf without an interval if a value is -inf."""
    if any(map(math.isinf, values)):
        return Estimate(-math.inf, math.nan, math.nan, len(values))
    return mean_interval(values)
