"""The table as CSV (full precision), Markdown (as read) and JSON (everything but the points)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from zcbench._display import cell, json_text, markdown, markdown_line
from zcbench.evaluation import Entry, Evaluation
from zcbench.leaderboards._columns import COLUMNS, footnotes, headline, place
from zcbench.metrics import Estimate


def to_csv(evaluation: Evaluation) -> str:
    """One line per proxy, numbers in full precision, empty where undefined."""
    return csv_lines([_flat(evaluation, rank, entry) for rank, entry in enumerate(evaluation.entries, 1)])


def csv_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """A header and a line per row; empty where a row has nothing or None. No cell is a spreadsheet's formula."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(cell, names))
    writer.writerows([cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def to_markdown(evaluation: Evaluation) -> str:
    """Headline, table and footnotes."""
    rows = [[column.text(rank, entry) for column in COLUMNS] for rank, entry in enumerate(evaluation.entries, 1)]
    titles = [(column.title, column.numeric) for column in COLUMNS]
    return markdown_table(headline(evaluation), titles, rows, footnotes(evaluation))


def markdown_table(
    headline: str, titles: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], notes: Sequence[str]
) -> str:
    """A headline, a table whose titles say whether their column is of numbers, and notes; no text acts as markup."""
    lines = [markdown_line(headline), ""]
    lines.append("| " + " | ".join(markdown(title) for title, _ in titles) + " |")
    lines.append("|" + "|".join("---:" if numeric else ":---" for _, numeric in titles) + "|")
    lines += ["| " + " | ".join(markdown(text) for text in row) + " |" for row in rows]
    if notes:
        lines += ["", *(f"- {markdown_line(note)}" for note in notes)]
    return "\n".join(lines) + "\n"


def to_json(evaluation: Evaluation) -> str:
    """What machines read: the same keys as the CSV, null where undefined."""
    content = {
        "benchmark": evaluation.benchmark,
        "target": evaluation.target.name,
        "higher_is_better": evaluation.target.higher_is_better,
        "seed": evaluation.seed,
        "batch": evaluation.batch,
        "architectures": evaluation.total,
        "without_target": evaluation.without_target,
        "ceiling": estimate_columns("tau", evaluation.ceiling),
        "entries": [_flat(evaluation, rank, entry) for rank, entry in enumerate(evaluation.entries, 1)],
        "notes": footnotes(evaluation),
    }
    return json_text(content)


def _flat(evaluation: Evaluation, rank: int, entry: Entry) -> dict[str, Any]:
    return {
        "benchmark": evaluation.benchmark,
        "target": evaluation.target.name,
        "seed": evaluation.seed,
        "batch": evaluation.batch,
        "rank": place(rank, entry),
        "proxy": entry.proxy,
        "version": entry.version,
        **estimate_columns("tau", entry.tau),
        **estimate_columns("rho", entry.rho),
        **estimate_columns("of_ceiling", entry.of_ceiling),
        **estimate_columns("over_params", entry.over_params),
        "standing": str(entry.standing),
        "tied_with_best": entry.tied_with_best,
        "scored": entry.n,
        "tried": entry.total,
        "without_target": evaluation.without_target,
        "failures": "; ".join(f"{failure.count} {failure.status}" for failure in entry.failures),
        "seconds": number_or_none(entry.seconds),
    }


def estimate_columns(name: str, estimate: Estimate) -> dict[str, float | None]:
    """An estimate as three columns; None where undefined."""
    return {
        name: number_or_none(estimate.value),
        f"{name}_low": number_or_none(estimate.low),
        f"{name}_high": number_or_none(estimate.high),
    }


def number_or_none(value: float) -> float | None:
    """The value, None if it is nan or infinite: JSON has no word for these."""
    return value if math.isfinite(value) else None
