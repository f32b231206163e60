"""Correlations and sample efficiency from records and trials: pure functions, without torch."""

from zcbench.evaluation._board import Board
from zcbench.evaluation._columns import COLUMNS, Column, footnotes, headline, interval
from zcbench.evaluation._efficiency import Point, SampleEfficiency, sample_efficiency
from zcbench.evaluation._entry import Entry, Failure, Standing
from zcbench.evaluation._evaluation import Evaluation
from zcbench.evaluation._forecasts import ForecastComparison, Forecasted, compare_forecasts
from zcbench.evaluation._fronts import KnownFront
from zcbench.evaluation._left_out import of_known_architectures, of_possible_pools, of_this_table, with_notes
from zcbench.evaluation._looked_up import looked_up
from zcbench.evaluation._over_seeds import Ratio, Reach, median_interval, paired_difference, speed_up
from zcbench.evaluation._search_report import SearchReport
from zcbench.evaluation._searches import SearchComparison, Searched, SearchProgress, checkpoints, compare_searches
from zcbench.evaluation._stored import Wanted, at_zero, efficiency_of, evaluations_of, forecasts_of
from zcbench.evaluation._summary import summarize, summarize_columns
from zcbench.evaluation._traces import Known, Trace, best_of_random, cost_to, regret_so_far

__all__ = [
    "COLUMNS",
    "Board",
    "Column",
    "Entry",
    "Evaluation",
    "Failure",
    "ForecastComparison",
    "Forecasted",
    "Known",
    "KnownFront",
    "Point",
    "Ratio",
    "Reach",
    "SampleEfficiency",
    "SearchComparison",
    "SearchProgress",
    "SearchReport",
    "Searched",
    "Standing",
    "Trace",
    "Wanted",
    "at_zero",
    "best_of_random",
    "checkpoints",
    "compare_forecasts",
    "compare_searches",
    "cost_to",
    "efficiency_of",
    "evaluations_of",
    "footnotes",
    "forecasts_of",
    "headline",
    "interval",
    "looked_up",
    "median_interval",
    "of_known_architectures",
    "of_possible_pools",
    "of_this_table",
    "paired_difference",
    "regret_so_far",
    "sample_efficiency",
    "speed_up",
    "summarize",
    "summarize_columns",
    "with_notes",
]
