"""Public contract tests for proxies, predictors, searchers, curve predictors, supernets and signals, built in or yours.

report = zcbench.testing.check_proxy("naswot")
print(report)
assert report.ok
assert zcbench.testing.check_predictor("gp").ok
assert zcbench.testing.check_searcher("random").ok
assert zcbench.testing.check_curve_predictor("last_value").ok
assert zcbench.testing.check_supernet(supernet, inputs).ok
assert zcbench.testing.check_signal("relu_codes").ok
"""

from zcbench.testing import _references as _references  # they register themselves
from zcbench.testing._checks import check_proxy, naive_reference
from zcbench.testing._curve_predictors import check_curve_predictor
from zcbench.testing._predictors import EasyTable, check_predictor, easy_table
from zcbench.testing._report import Outcome, Report
from zcbench.testing._searchers import check_searcher
from zcbench.testing._signals import check_per_sample_rule, check_signal
from zcbench.testing._supernets import check_supernet

__all__ = [
    "EasyTable",
    "Outcome",
    "Report",
    "check_curve_predictor",
    "check_per_sample_rule",
    "check_predictor",
    "check_proxy",
    "check_searcher",
    "check_signal",
    "check_supernet",
    "easy_table",
    "naive_reference",
]
