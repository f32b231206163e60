"""Leaderboards: pages, figures, and one table for several benchmarks. Pure functions of evaluations, no torch."""

from zcbench.leaderboards._boards_page import boards_to_html
from zcbench.leaderboards._figure import draw_efficiency
from zcbench.leaderboards._matrix import Matrix
from zcbench.leaderboards._page import to_html
from zcbench.leaderboards._ranking_page import ranking_to_html
from zcbench.leaderboards._search_figure import draw_comparison, draw_search
from zcbench.leaderboards._search_page import search_to_html
from zcbench.leaderboards._supernet_page import story_to_html

__all__ = [
    "Matrix",
    "boards_to_html",
    "draw_comparison",
    "draw_efficiency",
    "draw_search",
    "ranking_to_html",
    "search_to_html",
    "story_to_html",
    "to_html",
]
