"""Contract tests for proxies, public: what every registered proxy promises, whoever wrote it.

report = zcbench.testing.check_proxy("naswot")
print(report)
assert report.ok
"""

from zcbench.testing import _references as _references  # they register themselves
from zcbench.testing._checks import Outcome, Report, check_proxy, naive_reference

__all__ = ["Outcome", "Report", "check_proxy", "naive_reference"]
