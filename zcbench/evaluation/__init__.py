"""Scores against trained accuracies: run the scorers, store every score, correlate."""

from zcbench.evaluation._environment import describe_environment
from zcbench.evaluation._run import Progress, Track, collect, correlate_columns, evaluate, run, with_members
from zcbench.evaluation._summary import Entry, Evaluation, Failure, summarize
from zcbench.evaluation._work import import_file, space_named

__all__ = [
    "Entry",
    "Evaluation",
    "Failure",
    "Progress",
    "Track",
    "collect",
    "correlate_columns",
    "describe_environment",
    "evaluate",
    "import_file",
    "run",
    "space_named",
    "summarize",
    "with_members",
]
