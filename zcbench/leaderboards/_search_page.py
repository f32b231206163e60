"""One search as a self-contained HTML file: no script, no network, no library, opens from ``file://``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._display import SENTENCE, duration, plain, significant
from zcbench.evaluation import SearchReport
from zcbench.evaluation._board import html_table
from zcbench.evaluation._search_report_text import SHOWN
from zcbench.evaluation._traces import Cost
from zcbench.leaderboards._search_figure import PANELS, view

Floats = NDArray[np.float64]
#: most points of a plot, and rows of the table of evaluations; the CSV has all
POINTS, ROWS = 1_500, 200
#: size of a plot and its margins: left, right, top, bottom
_SIZE, _EDGES = (420, 280), (64, 14, 12, 42)


def search_to_html(report: SearchReport) -> str:
    """Return the page of one search: the results, their progress, and the best evaluations."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zcbench.leaderboards", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
    )
    rows = _best_rows(report)
    return environment.get_template("search.html.j2").render(
        report=report,
        table=Markup(html_table(report)),
        plots=_plots(report),
        size=_SIZE,
        edges=_EDGES,
        names=list(report.values),
        rows=[_row(report, row) for row in rows],
        all=len(report.front) if len(report.objectives) > 1 else len(report),
        keys=_keys(report),
        several=len(report.objectives) > 1,
    )


def _shown(value: object) -> object:
    """Return what the template writes: text without hidden characters, and our own markup unchanged."""
    return plain(value, 4 * SENTENCE) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _best_rows(report: SearchReport) -> list[int]:
    """Return the rows of the front, or the rows sorted by the guiding column; rows without a value are last."""
    if len(report.objectives) > 1:
        return report.front[:ROWS] if len(report.front) > SHOWN else []  # else they stand above
    guide = report.trace.guide
    return [int(row) for row in np.argsort(-np.where(np.isfinite(guide), guide, -math.inf), kind="stable")[:ROWS]]


def _row(report: SearchReport, row: int) -> dict[str, Any]:
    return {
        "number": row + 1,
        "architecture": report.architectures[row],
        "values": [significant(float(column[row]), 5) for column in report.values.values()],
        "seconds": duration(float(report.seconds[row])),
        "best": row == report.found and len(report.objectives) == 1,
    }


def _plots(report: SearchReport) -> list[dict[str, Any]]:
    if not len(report):
        return []
    timed = report.seconds[-1] > 0
    if len(report.objectives) > 1:
        plots = [_front(report), _volume(report, "evaluations"), _volume(report, "seconds") if timed else None]
    else:
        columns = [report.guide, *report.reported][:PANELS]
        plots = [_way(report, name) for name in columns]
        plots += [_cost(report, columns[0] if len(columns) == 1 else columns[1])] if timed else []
    return [plot for plot in plots if plot is not None]


def _keys(report: SearchReport) -> list[dict[str, Any]]:
    """Return the legend of the plots."""
    one = {"text": "an evaluation", "dot": True, "color": "faint"}
    if len(report.objectives) > 1:
        known = [{"text": "the known front", "dot": True, "color": "other"}] if report.known_front is not None else []
        return [one, {"text": "the front found", "dot": True, "color": "mark"}, *known]
    lines = [(f"the best so far by {report.guide}", "solid", "mark")]
    if report.table:
        lines += [("random search, on average", "dashed", "other"), ("the best of the table", "dotted", "ink")]
    return [one, *({"text": text, "dot": False, "style": style, "color": color} for text, style, color in lines)]


def _way(report: SearchReport, name: str) -> dict[str, Any] | None:
    """Plot a column of every evaluation, of the best so far, and of random search."""
    counts, found = report.so_far(name)
    values = report.values.get(name, np.full(len(report), math.nan))
    known = report.known(name)
    best = [] if known is None else [known.best]
    limits = view(np.concatenate([values, best]), None if known is None else known.higher_is_better)
    if limits is None:
        return None
    plot = _Plot((0.0, float(counts[-1])), limits, "evaluations", name)
    grid = np.unique(np.geomspace(1, max(1.0, counts[-1]), 60).round().astype(int))
    random = report.random(name, grid.tolist())
    return {
        **plot.axes(),
        "title": f"{name} against evaluations",
        "dots": plot.dots(report, counts, values),
        "steps": plot.steps(counts, found),
        "line": plot.line(grid.astype(np.float64), random) if np.isfinite(random).all() else "",
        "level": plot.level(best),
        "marks": [],
    }


def _cost(report: SearchReport, name: str) -> dict[str, Any] | None:
    """Plot a column of the best so far against seconds."""
    seconds, found = report.so_far(name, "seconds")
    known = report.known(name)
    best = [] if known is None else [known.best]
    limits = view(np.concatenate([found, best]), None)
    if limits is None:
        return None
    plot = _Plot((0.0, float(seconds[-1])), limits, "seconds on the search's clock", name)
    return {
        **plot.axes(),
        "title": f"{name} against seconds",
        "dots": [],
        "steps": plot.steps(seconds, found),
        "line": "",
        "level": plot.level(best),
        "marks": [],
    }


def _front(report: SearchReport) -> dict[str, Any] | None:
    """Plot the first two objectives of every evaluation, the front found, and the known front."""
    names = list(report.objectives)[:2]
    x, y = (report.values.get(name, np.full(len(report), math.nan)) for name in names)
    front = report.known_front
    known = np.empty((0, 2)) if front is None else front.points[:, :2]
    limits = []
    for place, values in enumerate((x, y)):
        found = view(values, report.objectives[names[place]])
        if found is None:
            return None
        low, high = found
        limits.append((min([low, *known[:, place]]), max([high, *known[:, place]])))
    plot = _Plot(limits[0], limits[1], *names)
    return {
        **plot.axes(),
        "title": f"{names[1]} against {names[0]}",
        "dots": plot.dots(report, x, y),
        "steps": "",
        "line": "",
        "level": "",
        "marks": [
            *({"class": "known", "d": plot.point(a, b)} for a, b in known.tolist()),
            *({"class": "front", "d": plot.point(float(x[row]), float(y[row]))} for row in report.front),
        ],
    }


def _volume(report: SearchReport, by: Cost) -> dict[str, Any] | None:
    """Plot the share of the known front's hypervolume against a cost."""
    if report.known_front is None:
        return None
    costs, share = report.trace.cost(by), report.known_front.ratio_so_far(report.trace)
    across = "evaluations" if by == "evaluations" else "seconds on the search's clock"
    plot = _Plot((0.0, float(costs[-1])), (float(share.min()) - 0.02, 1.02), across, "share of the known hypervolume")
    return {
        **plot.axes(),
        "title": f"hypervolume against {by}",
        "dots": [],
        "steps": plot.steps(costs, share),
        "line": "",
        "level": plot.level([1.0]),
        "marks": [],
    }


class _Plot:
    """The conversion of numbers to positions in a plot.

    Args:
        x: ends of the horizontal axis.
        y: ends of the vertical axis.
        across: what is laid off to the right.
        up: what is laid off upwards.
    """

    def __init__(self, x: tuple[float, float], y: tuple[float, float], across: str, up: str) -> None:
        self.x, self.y, self.across, self.up = x, y, across, up

    def place(self, a: float, b: float) -> tuple[float, float]:
        """Return the position of a point."""
        (width, height), (left, right, top, bottom) = _SIZE, _EDGES
        spans = (self.x[1] - self.x[0] or 1.0, self.y[1] - self.y[0] or 1.0)
        return (
            left + (a - self.x[0]) / spans[0] * (width - left - right),
            height - bottom - (b - self.y[0]) / spans[1] * (height - top - bottom),
        )

    def inside(self, a: float, b: float) -> bool:
        """Return whether a point is within the axes."""
        return self.x[0] <= a <= self.x[1] and self.y[0] <= b <= self.y[1]  # False for nan

    def point(self, a: float, b: float) -> str:
        """Return a dot as a path."""
        x, y = self.place(a, b)
        return f"M{x:.1f} {y:.1f}h0"

    def dots(self, report: SearchReport, xs: Floats, ys: Floats) -> list[dict[str, str]]:
        """Return evaluations within the axes, at most :data:`POINTS`, at equal distances."""
        rows = [row for row, (a, b) in enumerate(zip(xs.tolist(), ys.tolist(), strict=True)) if self.inside(a, b)]
        kept = rows if len(rows) <= POINTS else [rows[int(k)] for k in np.linspace(0, len(rows) - 1, POINTS)]
        return [
            {
                "d": self.point(float(xs[row]), float(ys[row])),
                "text": f"{row + 1}: {report.architectures[row]}, {self.up} {significant(float(ys[row]), 5)}",
            }
            for row in kept
        ]

    def steps(self, xs: Floats, ys: Floats) -> str:
        """Return a step curve."""
        path, before = [], math.nan
        low, high = self.y
        for a, b in zip(xs.tolist(), ys.tolist(), strict=True):
            if math.isnan(b) or b == before:
                continue
            x, y = self.place(a, min(max(b, low), high))
            path.append(f"M{x:.1f} {y:.1f}" if math.isnan(before) else f"H{x:.1f}V{y:.1f}")
            before = b
        if path:
            path.append(f"H{self.place(float(xs[-1]), low)[0]:.1f}")
        return "".join(path)

    def line(self, xs: Floats, ys: Floats) -> str:
        """Return a line through points, without those before the axes."""
        within = [(a, b) for a, b in zip(xs.tolist(), ys.tolist(), strict=True) if self.inside(a, b)]
        places = [self.place(a, b) for a, b in within]
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) if places else ""

    def level(self, values: Sequence[float]) -> str:
        """Return a horizontal line at a value, or nothing without a value."""
        if not values:
            return ""
        (start, y), (end, _) = self.place(self.x[0], values[0]), self.place(self.x[1], values[0])
        return f"M{start:.1f} {y:.1f}H{end:.1f}"

    def axes(self) -> dict[str, Any]:
        """Return the labels of the axes."""
        return {
            "across": self.across,
            "up": self.up,
            "low": significant(self.y[0], 4),
            "high": significant(self.y[1], 4),
            "left": significant(self.x[0], 4),
            "right": significant(self.x[1], 4),
        }
