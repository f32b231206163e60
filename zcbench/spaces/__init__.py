"""Search spaces: what architectures there are, and the networks they denote."""

from __future__ import annotations

from zcbench.errors import UnknownNameError
from zcbench.spaces.nasbench201 import NASBench201Space
from zcbench.types import SearchSpace

_SPACES: dict[str, SearchSpace] = {
    "nasbench201": NASBench201Space(),
    "digits-201": NASBench201Space("digits-201", channels=16, cells_per_stage=1, stages=2, in_channels=1),
}


def list_spaces() -> list[str]:
    """Names of the search spaces, sorted."""
    return sorted(_SPACES)


def get_space(name: str) -> SearchSpace:
    """The search space of that name; UnknownNameError with suggestions if there is none."""
    if name not in _SPACES:
        raise UnknownNameError("search space", name, _SPACES)
    return _SPACES[name]


__all__ = ["NASBench201Space", "get_space", "list_spaces"]
