"""The table of sample efficiency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from zcbench._display import NOTHING, SENTENCE, duration, fixed, many, plain
from zcbench.evaluation._board import estimate_columns, number_or_none
from zcbench.evaluation._columns import interval

if TYPE_CHECKING:
    from zcbench.evaluation._efficiency import Point, SampleEfficiency

#: proxies that the table and the figure show at zero trained networks
SHOWN = 5

#: the metrics of tables, and their descriptions
METRICS = {
    "tau": "Kendall's tau with",
    "rho": "Spearman's rho with",
    "precision@10": "share of the ten best of",
    "precision@50": "share of the fifty best of",
    "regret@1": "regret of the first choice, in units of",
    "regret@10": "regret of the best of ten choices, in units of",
    "nll": "negative log likelihood of",
    "coverage": "coverage of 95 % intervals for",
    "fit_seconds": "seconds to fit",
    "predict_seconds": "seconds to predict",
}


def headline(efficiency: SampleEfficiency) -> str:
    """Return one sentence that describes the table."""
    text = (
        f"{plain(efficiency.benchmark)}: {METRICS[efficiency.metric]} {plain(efficiency.target.name)} on all other of "
        f"{efficiency.pool:,} architectures, one of each equivalence class; mean and 95 % interval over "
        f"{many(efficiency.seeds, 'split')}."
    )
    if math.isfinite(efficiency.training_seconds):
        text += f" One trained network takes {duration(efficiency.training_seconds)} (median)."
    return text


def titles(efficiency: SampleEfficiency) -> list[str]:
    """Return the headings: the predictor, and a number of networks for each other column."""
    return ["predictor", *(_size(size) for size in _sizes(efficiency))]


def cells(efficiency: SampleEfficiency) -> list[list[str]]:
    """Return a row per predictor that has the metric, best tau first."""
    metric, found = efficiency.metric, {(point.predictor, point.size): point for point in efficiency.points}
    rows = [
        [plain(name), *(_cell(found.get((name, size)), metric) for size in _sizes(efficiency))]
        for name in efficiency.predictors
    ]
    return [row for row in rows if metric == "tau" or set(row[1:]) != {NOTHING}]


def footnotes(efficiency: SampleEfficiency) -> list[str]:
    """Return the notes of the table; every sentence once."""
    notes = _at_zero(efficiency)
    odd: dict[tuple[str, str, str], dict[str, int]] = {}  # by predictor and problem: the number of trials at each size
    for point in efficiency.points:
        if point.constant:
            same = (point.predictor, "all predictions were the same in", "; tau and rho count as 0 there.")
            odd.setdefault(same, {})[_size(point.size)] = point.constant
        for reason, count in point.failures.items():
            odd.setdefault((point.predictor, "no predictions in", f": {reason}"), {})[_size(point.size)] = count
    for (predictor, what, why), sizes in odd.items():
        count = sum(sizes.values())
        notes.append(
            f"{plain(predictor)} at {', '.join(sizes)}: {what} {count} trial{'s' * (count > 1)}{plain(why, SENTENCE)}"
        )
    if efficiency.metric == "tau":
        notes.append("* marks predictors without a significant difference to the best of their column (paired splits).")
    proxies = efficiency.proxies.notes if efficiency.proxies else ()
    table = [plain(note, SENTENCE) for note in efficiency.table_notes]
    left_out = [plain(note, SENTENCE) for note in (*efficiency.notes, *proxies)]
    # A note on the store belongs to trials and to proxies; notes on the table are last.
    return [*dict.fromkeys(note for note in (*notes, *left_out) if note not in table), *table]


def _at_zero(efficiency: SampleEfficiency) -> list[str]:
    """Return a sentence about the best proxies, if there are any and they have the metric."""
    if efficiency.metric not in ("tau", "rho") or efficiency.proxies is None:
        return []
    known = {e.proxy: (getattr(e, efficiency.metric), e.n) for e in efficiency.proxies.entries}
    best = sorted((p for p in known if math.isfinite(known[p][0].value)), key=lambda p: -known[p][0].value)[:SHOWN]
    if not best:
        return []
    shown = ", ".join(f"{plain(p)} {interval(known[p][0])}" for p in best)
    counts = sorted({known[p][1] for p in best})
    scored = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    return [f"At 0 trained networks, the best proxies ({scored} architectures): {shown}."]


def _sizes(efficiency: SampleEfficiency) -> list[tuple[str, int, int]]:
    return sorted({point.size for point in efficiency.points})


def _size(size: tuple[str, int, int]) -> str:
    transfer_from, train, tuned = size
    return f"{train} of {plain(transfer_from.partition('@')[0])} + {tuned}" if transfer_from else str(train)


def _cell(point: Point | None, metric: str) -> str:
    value = None if point is None else point.metrics.get(metric)
    if point is None or value is None or math.isnan(value.value):
        return NOTHING
    half = "" if math.isnan(value.low) else f" ± {fixed(value.high - value.value, 3)}"
    return f"{fixed(value.value, 3)}{half}{'*' if metric == 'tau' and point.tied_with_best else ''}"


def content(efficiency: SampleEfficiency) -> dict[str, Any]:
    """Return the points as in the CSV, and the proxies at zero."""
    proxies = [] if efficiency.proxies is None else efficiency.proxies.entries
    return {
        "benchmark": efficiency.benchmark,
        "target": efficiency.target.name,
        "pool": efficiency.pool,
        "seeds": efficiency.seeds,
        "training_seconds": number_or_none(efficiency.training_seconds),
        "points": [flat_point(efficiency, point) for point in efficiency.points],
        "proxies": [
            {"proxy": e.proxy, "n": e.n, "seconds": number_or_none(e.seconds), **estimate_columns("tau", e.tau)}
            for e in proxies
        ],
        "notes": footnotes(efficiency),
    }


def flat_point(efficiency: SampleEfficiency, point: Point) -> dict[str, Any]:
    """Return a point as numbers by name; None where undefined."""
    row: dict[str, Any] = {
        "benchmark": efficiency.benchmark,
        "target": efficiency.target.name,
        "pool": efficiency.pool,
        "predictor": point.predictor,
        "version": point.version,
        "code": point.code,
        "transfer_from": point.transfer_from,
        "train_size": point.train_size,
        "tuned_size": point.tuned_size,
        "seconds": number_or_none(point.seconds),
        "constant": point.constant,
        "failed": sum(point.failures.values()),
        "tied_with_best": point.tied_with_best,
        **estimate_columns("behind_best", point.behind),
    }
    for name, estimate in point.metrics.items():
        row |= estimate_columns(name, estimate)
    return row
