"""Scores against trained accuracies: run the scorers, store every score, correlate."""

from zcbench.evaluation._curves import Curves, Point, curves
from zcbench.evaluation._environment import describe_environment
from zcbench.evaluation._left_out import of_known_architectures, of_possible_pools, of_this_table, with_notes
from zcbench.evaluation._run import Progress, Track, collect, correlate_columns, evaluate, run, with_members
from zcbench.evaluation._suites import Suite, get_suite, list_suites
from zcbench.evaluation._summary import Entry, Evaluation, Failure, Standing, summarize
from zcbench.evaluation._sweep import SEEDS, SIZES, Sweep, run_sweep
from zcbench.evaluation._work import import_file, space_named

__all__ = [
    "SEEDS",
    "SIZES",
    "Curves",
    "Entry",
    "Evaluation",
    "Failure",
    "Point",
    "Progress",
    "Standing",
    "Suite",
    "Sweep",
    "Track",
    "collect",
    "correlate_columns",
    "curves",
    "describe_environment",
    "evaluate",
    "get_suite",
    "import_file",
    "list_suites",
    "of_known_architectures",
    "of_possible_pools",
    "of_this_table",
    "run",
    "run_sweep",
    "space_named",
    "summarize",
    "with_members",
    "with_notes",
]
