"""Search spaces: what architectures there are, and the networks they denote."""

from __future__ import annotations

from zcbench.errors import UnknownNameError
from zcbench.spaces.flexibert import FlexiBERTSpace
from zcbench.spaces.nasbench201 import NASBench201Space
from zcbench.spaces.nasbenchnlp import NASBenchNLPSpace
from zcbench.types import SearchSpace

_SPACES: dict[str, SearchSpace] = {
    space.name: space
    for space in (
        NASBench201Space(),
        NASBench201Space("digits-201", channels=16, cells_per_stage=1, stages=2, in_channels=1),
        NASBenchNLPSpace(),
        NASBenchNLPSpace("chars-rnn", words=90, width_in=32, width=48, layers=2),
        FlexiBERTSpace(),
        # BERT's initial weights, scaled to widths sixteen times smaller: with .02 small encoders hardly start to learn.
        FlexiBERTSpace("chars-bert", widths=(32, 64), inner=(64, 128), words=90, places=64, embedding=32, std=0.08),
    )
}


def list_spaces() -> list[str]:
    """Names of the search spaces, sorted."""
    return sorted(_SPACES)


def get_space(name: str) -> SearchSpace:
    """The search space of that name; UnknownNameError with suggestions if there is none."""
    if name not in _SPACES:
        raise UnknownNameError("search space", name, _SPACES)
    return _SPACES[name]


__all__ = ["FlexiBERTSpace", "NASBench201Space", "NASBenchNLPSpace", "get_space", "list_spaces"]
