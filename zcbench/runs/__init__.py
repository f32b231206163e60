"""Runs: what is wanted, what is known, what is left; the work itself, and results stored as they come."""

from zcbench.runs._imports import import_file, space_named
from zcbench.runs._suites import Suite, get_suite, list_suites
from zcbench.runs.fit_predictors import SEEDS, SIZES, Sweep, run_sweep
from zcbench.runs.score_networks import Progress, Track, collect, correlate_columns, evaluate, run, with_members

__all__ = [
    "SEEDS",
    "SIZES",
    "Progress",
    "Suite",
    "Sweep",
    "Track",
    "collect",
    "correlate_columns",
    "evaluate",
    "get_suite",
    "import_file",
    "list_suites",
    "run",
    "run_sweep",
    "space_named",
    "with_members",
]
