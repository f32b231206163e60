"""Results (scores, trials of predictors, traces of searches, forecasts) and the store. Does not load torch."""

from zcbench.records._columns import CurveTrials, Records, Searches, Trials
from zcbench.records._environment import describe_environment
from zcbench.records._record import CurveTrial, Record, SearchTrace, Trial
from zcbench.records._store import Store
from zcbench.records._writer import Writer

__all__ = [
    "CurveTrial",
    "CurveTrials",
    "Record",
    "Records",
    "SearchTrace",
    "Searches",
    "Store",
    "Trial",
    "Trials",
    "Writer",
    "describe_environment",
]
