"""The table of a comparison of curve predictors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zcbench._display import NOTHING, SENTENCE, duration, fixed, many, plain
from zcbench.evaluation._board import estimate_columns, number_or_none
from zcbench.evaluation._searches_table import measured, percent
from zcbench.metrics import Estimate

if TYPE_CHECKING:
    from zcbench.evaluation._forecasts import ForecastComparison, Forecasted

#: the metrics of the table, and their descriptions
METRICS = {
    "log_density": "log-density of later values, nats per value",
    "median_log_density": "median over curves of the log-density of later values, nats per value",
    "mse": "mean squared error of later values",
    "crps": "continuous ranked probability score of later values",
    "coverage_50": "share of later values in the central 50 % interval",
    "coverage_90": "share of later values in the central 90 % interval",
    "tau": "Kendall's tau of predicted and true ends over networks",
    "rho": "Spearman's rho of predicted and true ends over networks",
}


def headline(comparison: ForecastComparison) -> str:
    """Return one sentence that describes the table."""
    seen = ", ".join(percent(context) for context in comparison.contexts)
    what = METRICS[comparison.metric]
    better = "less" if comparison.metric in ("mse", "crps") else "more"
    good = "" if comparison.metric.startswith("coverage") else f" ({better} is better)"
    return (
        f"{plain(comparison.benchmark)}, curves of {plain(comparison.curve)}: {what}{good}, where {seen} of each curve "
        f"is known; mean and 95 % interval over {many(comparison.parts, 'part')} of {many(comparison.pool, 'network')}."
    )


def titles(comparison: ForecastComparison) -> list[tuple[str, bool]]:
    """Return the headings: the curve predictor, each context, and for log-densities further metrics."""
    found = [("curve predictor", False), *((percent(context), True) for context in comparison.contexts)]
    if comparison.metric == "log_density":
        found += [("median", True), ("in 90 %", True), ("tau", True)]
        if comparison.baseline:
            found += [("won", True), ("by median", True)]
        found.append(("per curve", True))
    return found


def cells(comparison: ForecastComparison) -> list[list[str]]:
    """Return a row per curve predictor."""
    found = []
    for label in comparison.labels:
        points = [comparison.point(label, context) for context in comparison.contexts]
        row = [plain(label), *(_cell(point, comparison.metric) for point in points)]
        if comparison.metric == "log_density":
            row += [fixed(_mean(points, name)) for name in ("median_log_density", "coverage_90", "tau")]
            if comparison.baseline:
                row += [_won(of.get(label, {}).get(comparison.baseline)) for of in _won_by(comparison)]
            seconds = [point.seconds for point in points if point and not math.isnan(point.seconds)]
            row.append(duration(sum(seconds) / len(seconds)) if seconds else NOTHING)
        found.append(row)
    return found


def _won_by(comparison: ForecastComparison) -> tuple[Mapping[str, Mapping[str, Estimate]], ...]:
    return comparison.won, comparison.won_by_median


def _cell(point: Forecasted | None, metric: str) -> str:
    estimate = point.metrics.get(metric) if point else None
    if point is None or estimate is None:
        return NOTHING
    if math.isinf(estimate.value):
        return "-∞"
    return measured(estimate) + ("*" if metric == "log_density" and point.tied_with_best else "")


def _mean(points: list[Forecasted | None], metric: str) -> float:
    """Return the mean over contexts."""
    values = [point.metrics[metric].value for point in points if point and metric in point.metrics]
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _won(share: Estimate | None) -> str:
    return NOTHING if share is None or math.isnan(share.value) else f"{fixed(100 * share.value, 0)} %"


def footnotes(comparison: ForecastComparison) -> list[str]:
    """Return the notes of the table; every sentence once."""
    notes = []
    if comparison.metric == "log_density":
        if len(comparison.labels) > 1 and comparison.parts > 1:
            notes.append(
                "* marks curve predictors without a significant difference to the best at this context (paired parts)."
            )
        notes.append(
            "Median: over curves, of the log-density, which a diverging curve does not affect; in 90 %: share of "
            "later values in the central 90 % interval; tau: Kendall's tau of predicted and true ends over networks; "
            "all are means over contexts."
        )
        if comparison.baseline:
            notes.append(
                f"Won: share of tasks (a part at a context) with a higher log-density than {comparison.baseline}; by "
                "median: the same by the median over curves."
            )
    notes.append(
        f"Networks are divided into {many(comparison.parts, 'part')}, each of which is tested once; curve predictors "
        f"that learn receive up to {many(comparison.complete, 'complete curve')} of the other parts."
    )
    for label in comparison.labels:
        notes += _of_label(label, [point for point in comparison.points if point.label == label])
    return [*dict.fromkeys(plain(note, SENTENCE) for note in (*notes, *comparison.notes, *comparison.table_notes))]


def _of_label(label: str, points: list[Forecasted]) -> list[str]:
    """Return sentences about the failures of one curve predictor."""
    notes = []
    for point in points:
        where = f"{plain(label)} at {percent(point.context)}"
        if point.impossible:
            notes.append(f"{where}: {many(point.impossible, 'observed value')} had the predicted density zero.")
    failures, left_out = Counter[str](), Counter[str]()
    for point in points:
        failures.update(point.failures)
        left_out.update(point.left_out)
    notes += [f"{plain(label)} has no forecast of {many(n, 'task')}: {why}" for why, n in failures.items()]
    notes += [f"{plain(label)}: {many(n, 'curve')} skipped because {why}" for why, n in left_out.items()]
    return notes


def flat(comparison: ForecastComparison, point: Forecasted) -> dict[str, Any]:
    """Return a point in full precision, None where undefined."""
    row: dict[str, Any] = {
        "benchmark": comparison.benchmark,
        "curve": comparison.curve,
        "curve_predictor": point.label,
        "version": point.version,
        "code": point.code,
        "context": point.context,
        "curves": point.curves,
        "left_out": sum(point.left_out.values()),
        "failed_parts": sum(point.failures.values()),
        "impossible": point.impossible,
    }
    nothing = Estimate(math.nan, math.nan, math.nan, 0)
    for name in METRICS:
        row |= estimate_columns(name, point.metrics.get(name, nothing))
    row |= estimate_columns("behind", point.behind)
    row["tied_with_best"] = point.tied_with_best
    row["seconds"] = number_or_none(point.seconds)
    return row


def content(comparison: ForecastComparison) -> dict[str, Any]:
    """Return the rows, the shares of tasks won against each other, and the notes."""
    return {
        "benchmark": comparison.benchmark,
        "curve": comparison.curve,
        "lower_is_better": comparison.lower_is_better,
        "pool": comparison.pool,
        "parts": comparison.parts,
        "complete": comparison.complete,
        "baseline": comparison.baseline,
        "forecasts": comparison.rows(),
        **{
            name: {
                label: {other: {**estimate_columns("share", found), "tasks": found.n} for other, found in of.items()}
                for label, of in every.items()
            }
            for name, every in zip(("won", "won_by_median"), _won_by(comparison), strict=True)
        },
        "notes": comparison.footnotes(),
    }
