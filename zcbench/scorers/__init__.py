"""Scorers rank architectures for a search: proxies, predictors, ensembles and tables behind one protocol.

Each file without a leading underscore holds one kind of scorer.
"""

from zcbench.scorers._base import Scorer, Scores, asked, measures_time
from zcbench.scorers._context import Context
from zcbench.scorers._encoding import ScoreEncoding
from zcbench.scorers._function import FunctionScorer
from zcbench.scorers._register import (
    ScorerInfo,
    as_scorer,
    get_scorer,
    list_scorers,
    register_scorer,
    scorer_info,
)
from zcbench.scorers._subnets import space_of

__all__ = [
    "Context",
    "FunctionScorer",
    "ScoreEncoding",
    "Scorer",
    "ScorerInfo",
    "Scores",
    "as_scorer",
    "asked",
    "get_scorer",
    "list_scorers",
    "measures_time",
    "register_scorer",
    "scorer_info",
    "space_of",
]
