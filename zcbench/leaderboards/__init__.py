"""Leaderboards: an evaluation as a table, CSV, Markdown and a page; curves of predictors. Pure functions, no torch."""

from zcbench.leaderboards._columns import COLUMNS, Column, footnotes, headline, interval
from zcbench.leaderboards._efficiency import (
    curve_headline,
    curve_notes,
    curve_rows,
    curves_to_csv,
    curves_to_json,
    curves_to_markdown,
    draw_curves,
)
from zcbench.leaderboards._export import to_csv, to_json, to_markdown
from zcbench.leaderboards._page import to_html

__all__ = [
    "COLUMNS",
    "Column",
    "curve_headline",
    "curve_notes",
    "curve_rows",
    "curves_to_csv",
    "curves_to_json",
    "curves_to_markdown",
    "draw_curves",
    "footnotes",
    "headline",
    "interval",
    "to_csv",
    "to_html",
    "to_json",
    "to_markdown",
]
