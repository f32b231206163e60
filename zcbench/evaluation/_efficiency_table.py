"""Curves of predictors as Markdown, CSV and a figure."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from zcbench._display import NAME, NOTHING, SENTENCE, duration, fixed, json_text, label, plain
from zcbench.errors import MissingDependencyError, UnknownNameError
from zcbench.evaluation import Curves, Entry, Point
from zcbench.leaderboards._columns import interval
from zcbench.leaderboards._export import csv_lines, estimate_columns, markdown_table, number_or_none

if TYPE_CHECKING:
    from pathlib import Path

#: proxies that the table and the figure show at zero trained networks
_SHOWN = 5
#: least difference of tau between two labels of the figure
_APART = 0.02


#: what tables can show, and how it is called
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


def curve_headline(curves: Curves, metric: str = "tau") -> str:
    """One sentence that says what the table shows.

    Raises:
        UnknownNameError: there is no such metric.
    """
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)
    text = (
        f"{plain(curves.benchmark)}: {METRICS[metric]} {plain(curves.target.name)} on all other of {curves.pool:,} "
        f"architectures, one of each equivalence class; mean and 95 % interval over {curves.seeds} splits."
    )
    if math.isfinite(curves.training_seconds):
        text += f" One trained network takes {duration(curves.training_seconds)} (median)."
    return text


def curve_rows(curves: Curves, metric: str = "tau") -> tuple[list[str], list[list[str]]]:
    """Titles and cells: a row per predictor that has the metric, best tau first, a column per number of networks."""
    sizes = sorted({point.size for point in curves.points})
    titles = ["predictor", *(_size(size) for size in sizes)]
    found = {(point.predictor, point.size): point for point in curves.points}
    rows = [[plain(name), *(_cell(found.get((name, size)), metric) for size in sizes)] for name in curves.predictors]
    return titles, [row for row in rows if metric == "tau" or set(row[1:]) != {NOTHING}]


def curve_notes(curves: Curves, metric: str = "tau") -> list[str]:
    """What a reader has to know besides the numbers."""
    notes = []
    if metric in ("tau", "rho") and curves.proxies is not None:
        known = {e.proxy: (getattr(e, metric), e.n) for e in curves.proxies.entries}
        best = sorted((p for p in known if math.isfinite(known[p][0].value)), key=lambda p: -known[p][0].value)
        shown = ", ".join(f"{plain(p)} {interval(known[p][0])}" for p in best[:_SHOWN])
        if best:
            counts = sorted({known[p][1] for p in best[:_SHOWN]})
            scored = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
            notes.append(f"At 0 trained networks, the best proxies ({scored} architectures): {shown}.")
    odd: dict[tuple[str, str, str], dict[str, int]] = {}  # to whom it happened, and what: at which sizes, how often
    for point in curves.points:
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
    if metric == "tau":
        notes.append("* marks predictors that paired splits cannot tell from the best of their column.")
    said = (*curves.notes, *(curves.proxies.notes if curves.proxies else ()), *curves.table_notes)
    return notes + [plain(note, SENTENCE) for note in said]


def _size(size: tuple[str, int, int]) -> str:
    transfer_from, train, tuned = size
    return f"{train} of {plain(transfer_from.partition('@')[0])} + {tuned}" if transfer_from else str(train)


def _cell(point: Point | None, metric: str) -> str:
    value = None if point is None else point.metrics.get(metric)
    if point is None or value is None or math.isnan(value.value):
        return NOTHING
    half = "" if math.isnan(value.low) else f" ± {fixed(value.high - value.value, 3)}"
    return f"{fixed(value.value, 3)}{half}{'*' if metric == 'tau' and point.tied_with_best else ''}"


def curves_to_markdown(curves: Curves, metric: str = "tau") -> str:
    """Headline, table and notes."""
    titles, rows = curve_rows(curves, metric)
    columns = [(title, number > 0) for number, title in enumerate(titles)]
    return markdown_table(curve_headline(curves, metric), columns, rows, curve_notes(curves, metric))


def curves_to_csv(curves: Curves) -> str:
    """One line per predictor and size, all metrics in full precision, empty where undefined."""
    return csv_lines([flat_point(curves, point) for point in curves.points])


def curves_to_json(curves: Curves) -> str:
    """What machines read: the same keys as the CSV, null where undefined; the proxies at zero."""
    proxies = [] if curves.proxies is None else curves.proxies.entries
    content = {
        "benchmark": curves.benchmark,
        "target": curves.target.name,
        "pool": curves.pool,
        "seeds": curves.seeds,
        "training_seconds": number_or_none(curves.training_seconds),
        "points": [flat_point(curves, point) for point in curves.points],
        "proxies": [
            {"proxy": e.proxy, "n": e.n, "seconds": number_or_none(e.seconds), **estimate_columns("tau", e.tau)}
            for e in proxies
        ],
        "notes": curve_notes(curves),
    }
    return json_text(content)


def flat_point(curves: Curves, point: Point) -> dict[str, Any]:
    """A point as numbers by name; None where undefined."""
    row: dict[str, Any] = {
        "benchmark": curves.benchmark,
        "target": curves.target.name,
        "pool": curves.pool,
        "predictor": point.predictor,
        "version": point.version,
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


def draw_curves(curves: Curves, path: Path, labels: list[str] | None = None) -> None:
    """Tau against the number of trained networks and against seconds, with bands; proxies at zero.

    Args:
        curves: without a transfer.
        path: an image; its suffix says which kind.
        labels: predictors to show; default all.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise MissingDependencyError("matplotlib", "plots", "a figure") from None
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "zcbench"  # the same figure is the same file
    timed = any(math.isfinite(point.seconds) for point in curves.points)  # else only the number of networks is known
    figure = Figure(figsize=(11 if timed else 7, 4.8), layout="constrained")
    by_size, *rest = figure.subplots(1, 2 if timed else 1, sharey=True, squeeze=False)[0]
    shown = [name for name in curves.predictors if labels is None or name in labels]
    styles = ["-", "--", ":", "-."]
    for i, name in enumerate(shown):
        points = sorted(
            (p for p in curves.points if p.predictor == name and not p.transfer_from), key=lambda p: p.train_size
        )
        points = [p for p in points if "tau" in p.metrics]
        tau = [p.metrics["tau"] for p in points]
        style: dict[str, Any] = {"color": f"C{i % 10}", "linestyle": styles[(i // 10) % 4]}
        places = [[p.train_size for p in points], [p.seconds for p in points]]
        for axis, x in zip((by_size, *rest), places, strict=False):
            axis.plot(x, [t.value for t in tau], marker=".", label=label(name), **style)
            axis.fill_between(x, [t.low for t in tau], [t.high for t in tau], color=style["color"], alpha=0.15, lw=0)
    sizes = sorted({p.train_size for p in curves.points if not p.transfer_from})
    for names, reached, seconds in _at_zero(curves):
        for axis, place in zip((by_size, *rest), (0.0, seconds * curves.pool), strict=False):
            axis.axhline(reached, color="0.4", lw=0.8, linestyle=(0, (1, 2)))
            axis.plot([place], [reached], "k^", ms=4)
        by_size.annotate(names, (0, reached), xytext=(4, 2), textcoords="offset points", fontsize=7, va="bottom")
    by_size.set_xscale("symlog", linthresh=sizes[0], linscale=0.6)
    by_size.set_xlim(-0.1 * sizes[0], 1.1 * sizes[-1])
    by_size.set_xticks([0, *sizes], [str(size) for size in (0, *sizes)])
    by_size.set(
        xlabel="trained networks", ylabel="Kendall's tau-b", title=label(f"{curves.benchmark}: {curves.target.name}")
    )
    for axis in rest:
        axis.set(xscale="log", xlabel="seconds: training, features, fit, predict", title="the same against its cost")
    for axis in (by_size, *rest):
        axis.grid(alpha=0.3)
    figure.legend(*by_size.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a box stands for what the font lacks
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _at_zero(curves: Curves) -> list[tuple[str, float, float]]:
    """The best proxies: names, tau, seconds per architecture; those whose labels would overlap share one."""
    if curves.proxies is None:
        return []
    good = [e for e in curves.proxies.entries if math.isfinite(e.tau.value) and e.tau.value > 0][:_SHOWN]
    groups: list[list[Entry]] = []
    for entry in good:
        if groups and groups[-1][0].tau.value - entry.tau.value < _APART:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return [
        (label(", ".join(e.proxy for e in group), NAME), group[0].tau.value, max(min(e.seconds for e in group), 1e-4))
        for group in groups
    ]
