"""From records and trials to correlations and sample efficiency: pure functions, no torch."""

from zcbench.evaluation._efficiency import Curves, Point, curves
from zcbench.evaluation._environment import describe_environment
from zcbench.evaluation._left_out import of_known_architectures, of_possible_pools, of_this_table, with_notes
from zcbench.evaluation._summary import Entry, Evaluation, Failure, Standing, summarize, summarize_columns

__all__ = [
    "Curves",
    "Entry",
    "Evaluation",
    "Failure",
    "Point",
    "Standing",
    "curves",
    "describe_environment",
    "of_known_architectures",
    "of_possible_pools",
    "of_this_table",
    "summarize",
    "summarize_columns",
    "with_notes",
]
