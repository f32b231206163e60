"""Leaderboards: an evaluation as a table, CSV, Markdown and a page. Pure functions, no torch."""

from zcbench.leaderboards._columns import COLUMNS, Column, footnotes, headline, interval
from zcbench.leaderboards._export import to_csv, to_json, to_markdown
from zcbench.leaderboards._page import to_html

__all__ = ["COLUMNS", "Column", "footnotes", "headline", "interval", "to_csv", "to_html", "to_json", "to_markdown"]
