"""Training-free proxies: functions from a :class:`zcbench.Probe` to a number, kept in a registry.

Each file without a leading underscore holds one family of proxies.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zcbench.proxies._register import STANDARD, asked_for, get_proxy, list_proxies, proxy_info, register_proxy, resolve

if TYPE_CHECKING:
    from zcbench.proxies._architecture import score_architecture as score_architecture
    from zcbench.proxies._score import score as score
    from zcbench.proxies._score import score_with as score_with

#: imported at first use because they need torch, which the names of proxies do not
_LATER = {"score": "_score", "score_architecture": "_architecture", "score_with": "_score"}

__all__ = [
    "STANDARD",
    "asked_for",
    "get_proxy",
    "list_proxies",
    "proxy_info",
    "register_proxy",
    "resolve",
    "score",
    "score_architecture",
    "score_with",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'zcbench.proxies' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"zcbench.proxies.{_LATER[name]}"), name)
    globals()[name] = value
    return value
