"""Leaderboards: pages, figures, and one table for several benchmarks. Pure functions of evaluations, no torch."""

from zcbench.leaderboards._figure import draw_efficiency
from zcbench.leaderboards._matrix import Matrix
from zcbench.leaderboards._page import to_html

__all__ = ["Matrix", "draw_efficiency", "to_html"]
