"""Search spaces: what architectures there are, and the networks they denote."""

from __future__ import annotations

from zcbench.errors import UnknownNameError
from zcbench.spaces.autoformer import AutoFormerSpace
from zcbench.spaces.darts import DARTSSpace
from zcbench.spaces.flexibert import FlexiBERTSpace
from zcbench.spaces.nasbench101 import NASBench101Space
from zcbench.spaces.nasbench201 import NASBench201Space
from zcbench.spaces.nasbenchmacro import NASBenchMacroSpace
from zcbench.spaces.nasbenchnlp import NASBenchNLPSpace
from zcbench.spaces.nats_size import NATSSizeSpace
from zcbench.spaces.ofa import OFAMobileNetV3Space
from zcbench.spaces.table import FactorySpace, TableSpace
from zcbench.spaces.timm_zoo import TimmSpace
from zcbench.spaces.transnasbench101 import TransNASMacroSpace, TransNASMicroSpace
from zcbench.types import SearchSpace

_SPACES: dict[str, SearchSpace] = {
    space.name: space
    for space in (
        NASBench201Space("digits-201", channels=16, cells_per_stage=1, stages=2, in_channels=1),
        NASBenchNLPSpace("chars-rnn", words=90, width_in=32, width=48, layers=2),
        # BERT's initial weights, scaled to widths some 16 times smaller: with .02 small encoders hardly start to learn.
        FlexiBERTSpace("chars-bert", widths=(32, 64), inner=(64, 128), words=90, places=64, embedding=32, std=0.08),
        NASBench101Space(),
        NASBench201Space(),
        NATSSizeSpace(),
        DARTSSpace(),
        DARTSSpace("darts-zero", zero=True),
        TransNASMicroSpace(),
        TransNASMacroSpace(),
        NASBenchMacroSpace(),
        OFAMobileNetV3Space(),
        OFAMobileNetV3Space("ofa-mbv3-w1.2", width=1.2),
        AutoFormerSpace(),
        # As in TangleNAS: queries, keys and values are 240 wide whatever the heads.
        AutoFormerSpace("autoformer-224", attention=240),
        AutoFormerSpace("autoformer-32", image=32, patch=2, attention=240),
        NASBenchNLPSpace(),
        FlexiBERTSpace(),
        TimmSpace(),
        TableSpace("nasbenchmr"),
        TableSpace("nasbenchgraph"),
        TableSpace("nds"),
        TableSpace(),
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


__all__ = [
    "AutoFormerSpace",
    "DARTSSpace",
    "FactorySpace",
    "FlexiBERTSpace",
    "NASBench101Space",
    "NASBench201Space",
    "NASBenchMacroSpace",
    "NASBenchNLPSpace",
    "NATSSizeSpace",
    "OFAMobileNetV3Space",
    "TableSpace",
    "TimmSpace",
    "TransNASMacroSpace",
    "TransNASMicroSpace",
    "get_space",
    "list_spaces",
]
