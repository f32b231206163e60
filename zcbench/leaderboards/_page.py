"""One self-contained HTML file: no network, no library, opens from ``file://``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

from zcbench import __version__
from zcbench._display import NAME, SENTENCE, plain
from zcbench.evaluation import COLUMNS, Board, Entry, Evaluation, footnotes, headline
from zcbench.evaluation._board import html_table
from zcbench.evaluation._columns import ranks
from zcbench.metrics import Estimate

if TYPE_CHECKING:
    from markupsafe import Markup

#: what a paper is found by
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5}(?:v\d+)?)")
_TITLE = "zcbench: zero-cost proxies and performance predictors for neural architecture search, evaluated honestly"
_CITATION = """@software{{zcbench,
  title   = {{{title}}},
  author  = {{{{The zcbench authors}}}},
  version = {{{version}}},
  year    = {{2026}},
}}"""


def to_html(
    evaluations: Sequence[Evaluation],
    environments: Mapping[str, Mapping[str, Any]] | None = None,
    overview: Board | None = None,
    *,
    written: date | None = None,
    references: Mapping[str, str] | None = None,
) -> str:
    """Return the page of one evaluation or several, with a sortable table and a scatter plot per proxy.

    Args:
        evaluations: what to show, in order.
        environments: descriptions of the machines that scored, by id.
        overview: a table of all of them, shown first.
        written: date that the page shows; none by default, so that equal evaluations give equal pages.
        references: papers of proxies by name, in addition to :func:`papers`.
    """
    import jinja2
    from markupsafe import Markup, escape

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
        heading=_heading,
        made=f"Written by zcbench {__version__}{f' on {written.isoformat()}' if written else ''}.",
        papers=_cited(evaluations, {**papers(), **(references or {})}),
        citation=Markup(escape(_CITATION.format(title=_TITLE, version=__version__))),  # lines stay
        headline=headline,
        footnotes=footnotes,
        forest=_forest,
        isfinite=math.isfinite,
        data=data.replace("<", "\\u003c"),  # neither "</script" nor "<!--" may end or comment out the element
        environments=environments or {},
        overview=Markup(html_table(overview)) if overview else "",
    )


def papers() -> dict[str, str]:
    """Return the paper that defines each proxy of zcbench, by name; ``tools/list_papers.py`` writes the file."""
    text = (resources.files("zcbench.leaderboards") / "papers.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def _cited(evaluations: Sequence[Evaluation], known: Mapping[str, str]) -> dict[str, Markup]:
    """Return references of the proxies in the tables, with a link for each number of arXiv."""
    from markupsafe import Markup, escape

    shown = sorted({entry.proxy.partition(":")[0] for e in evaluations for entry in e.entries} & set(known))
    link = r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>'
    return {name: Markup(_ARXIV.sub(link, str(escape(plain(known[name], SENTENCE))))) for name in shown}


def _heading(evaluation: Evaluation) -> str:
    """Return what distinguishes an evaluation from the others of a page: benchmark, target, seed and batch."""
    run = f" · seed {evaluation.seed} · batch {plain(evaluation.batch)}" if evaluation.batch else ""
    return f"{plain(evaluation.benchmark)} · {plain(evaluation.target.name)}{run}"


def _shown(value: object) -> object:
    """Return what the template writes: text without hidden characters, and our own markup unchanged."""
    return plain(value, 4 * SENTENCE) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _forest(estimate: Estimate) -> dict[str, float]:
    """Return positions in percent of an axis from -1 to 1."""
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
    """Round to five digits; keep a number that would round to infinity."""
    rounded = float(f"{value:.5g}")
    return rounded if math.isfinite(rounded) else value
