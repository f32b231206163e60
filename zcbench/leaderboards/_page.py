"""One self-contained HTML file: no network, no library, opens from ``file://``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from zcbench._display import NAME, SENTENCE, plain
from zcbench.evaluation import COLUMNS, Board, Entry, Evaluation, footnotes, headline
from zcbench.evaluation._board import html_table
from zcbench.evaluation._columns import ranks
from zcbench.metrics import Estimate


def to_html(
    evaluations: Sequence[Evaluation],
    environments: Mapping[str, Mapping[str, Any]] | None = None,
    overview: Board | None = None,
) -> str:
    """The page for one evaluation or several: a sortable table and a scatter plot per proxy.

    Args:
        evaluations: what to show, in order.
        environments: descriptions of the machines that scored, by id.
        overview: a table of all of them, to stand first.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zcbench.leaderboards", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
    )
    data = json.dumps([_data(evaluation) for evaluation in evaluations], ensure_ascii=True, allow_nan=False)
    return environment.get_template("page.html.j2").render(
        evaluations=evaluations,
        columns=COLUMNS,
        ranks=ranks,
        headline=headline,
        footnotes=footnotes,
        forest=_forest,
        isfinite=math.isfinite,
        data=data.replace("<", "\\u003c"),  # neither "</script" nor "<!--" may end or comment out the element
        environments=environments or {},
        overview=Markup(html_table(overview)) if overview else "",
    )


def _shown(value: object) -> object:
    """What the template puts out: text without hidden characters; markup of our own as it is."""
    return plain(value, 4 * SENTENCE) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _forest(estimate: Estimate) -> dict[str, float]:
    """Positions in percent of an axis from -1 to 1."""
    value = estimate.value
    low = estimate.low if math.isfinite(estimate.low) else value
    high = estimate.high if math.isfinite(estimate.high) else value
    return {name: round(50 + 50 * x, 2) for name, x in (("value", value), ("low", low), ("high", high))}


def _data(evaluation: Evaluation) -> dict[str, Any]:
    names = sorted({name for entry in evaluation.entries for name in entry.architectures})
    index = {name: position for position, name in enumerate(names)}
    return {
        "benchmark": plain(evaluation.benchmark),
        "target": plain(evaluation.target.name),
        "architectures": [plain(name, 2 * NAME) for name in names],
        "entries": [_points(entry, index) for entry in evaluation.entries],
    }


def _points(entry: Entry, index: Mapping[str, int]) -> dict[str, Any]:
    return {
        "proxy": plain(entry.proxy),
        "a": [index[name] for name in entry.architectures],
        "x": [_short(value) for value in entry.scores.tolist()],
        "y": [_short(value) for value in entry.truths.tolist()],
    }


def _short(value: float) -> float:
    """Five digits; all of them where these round to infinity."""
    rounded = float(f"{value:.5g}")
    return rounded if math.isfinite(rounded) else value
