"""Contract tests, public: what every registered proxy and predictor promises, whoever wrote it.

report = zcbench.testing.check_proxy("naswot")
print(report)
assert report.ok
assert zcbench.testing.check_predictor("gp").ok
"""

from zcbench.testing import _references as _references  # they register themselves
from zcbench.testing._checks import check_proxy, naive_reference
from zcbench.testing._predictors import EasyTable, check_predictor, easy_table
from zcbench.testing._report import Outcome, Report

__all__ = ["EasyTable", "Outcome", "Report", "check_predictor", "check_proxy", "easy_table", "naive_reference"]
