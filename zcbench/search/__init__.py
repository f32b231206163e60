"""Search for the best architecture with ask and tell, on tables and on any function.

Each file without a leading underscore contains one searcher or one family of searchers and follows its paper.
"""

import inspect
import sys
from types import ModuleType
from typing import Any

from zcbench.search._additive import Additive, NotAdditiveError
from zcbench.search._asked import search
from zcbench.search._base import Answer, Objective, Proposal, Searcher
from zcbench.search._budget import Budget
from zcbench.search._calling import FunctionEvaluator
from zcbench.search._clock import Clock
from zcbench.search._constraints import Constraint, Constraints
from zcbench.search._domain import Domain
from zcbench.search._engine import Search
from zcbench.search._evaluators import Evaluation, Evaluator, TableEvaluator
from zcbench.search._functional import FunctionalHash
from zcbench.search._guide import guide_and_report
from zcbench.search._history import History
from zcbench.search._ledger import Ledger, read_ledger
from zcbench.search._problem import Problem
from zcbench.search._reading import read_search
from zcbench.search._register import (
    SearcherInfo,
    get_searcher,
    list_searchers,
    register_searcher,
    resolve_searchers,
    searcher_info,
)
from zcbench.search._result import Found, SearchResult
from zcbench.search._shortlist import Shortlist, shortlist
from zcbench.search.exact import BestAdditive, best_additive

__all__ = [
    "Additive",
    "Answer",
    "BestAdditive",
    "Budget",
    "Clock",
    "Constraint",
    "Constraints",
    "Domain",
    "Evaluation",
    "Evaluator",
    "Found",
    "FunctionEvaluator",
    "FunctionalHash",
    "History",
    "Ledger",
    "NotAdditiveError",
    "Objective",
    "Problem",
    "Proposal",
    "Search",
    "SearchResult",
    "Searcher",
    "SearcherInfo",
    "Shortlist",
    "TableEvaluator",
    "best_additive",
    "get_searcher",
    "guide_and_report",
    "list_searchers",
    "read_ledger",
    "read_search",
    "register_searcher",
    "resolve_searchers",
    "search",
    "searcher_info",
    "shortlist",
]


class _Callable(ModuleType):
    """A package and a function with the same name: ``zcbench.search(…)`` works however the package was imported."""

    def __call__(self, *arguments: Any, **named: Any) -> SearchResult:
        return search(*arguments, **named)

    # Help and editors show the function's arguments after "self".
    __call__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY),
            *inspect.signature(search).parameters.values(),
        ],
        return_annotation="SearchResult",
    )
    __call__.__doc__ = search.__doc__


sys.modules[__name__].__class__ = _Callable
