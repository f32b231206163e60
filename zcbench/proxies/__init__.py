"""Training-free proxies: functions from a :class:`zcbench.Probe` to a number, in a registry.

Each file without a leading underscore holds one family and reads like its paper.
"""

from zcbench.proxies._architecture import score_architecture
from zcbench.proxies._register import get_proxy, list_proxies, proxy_info, register_proxy, resolve
from zcbench.proxies._score import score, score_with

__all__ = [
    "get_proxy",
    "list_proxies",
    "proxy_info",
    "register_proxy",
    "resolve",
    "score",
    "score_architecture",
    "score_with",
]
