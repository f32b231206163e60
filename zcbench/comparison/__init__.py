"""Compare networks of your own: scores, ranks, how far proxies agree, and which one to believe."""

from zcbench.comparison._compare import compare
from zcbench.comparison._comparison import Comparison, Facts

__all__ = ["Comparison", "Facts", "compare"]
