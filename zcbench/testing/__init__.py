"""Contract tests, public: what every registered proxy, predictor and searcher promises, whoever wrote it.

report = zcbench.testing.check_proxy("naswot")
print(report)
assert report.ok
assert zcbench.testing.check_predictor("gp").ok
assert zcbench.testing.check_searcher("random").ok
"""

from zcbench.testing import _references as _references  # they register themselves
from zcbench.testing._checks import check_proxy, naive_reference
from zcbench.testing._predictors import EasyTable, check_predictor, easy_table
from zcbench.testing._report import Outcome, Report
from zcbench.testing._searchers import check_searcher

__all__ = [
    "EasyTable",
    "Outcome",
    "Report",
    "check_predictor",
    "check_proxy",
    "check_searcher",
    "easy_table",
    "naive_reference",
]
