"""Search spaces: sets of architectures, and the networks that they denote.

Each file without a leading underscore holds one family and registers its spaces; ``_…_network.py`` define the networks.
"""

from __future__ import annotations

from zcbench.spaces._base import ChoiceSpace, Space
from zcbench.spaces._register import (
    SpaceInfo,
    accepting_spaces,
    get_space,
    list_spaces,
    register_space,
    said_to_accept,
    space_info,
)
from zcbench.spaces.autoformer import AutoFormerSpace
from zcbench.spaces.darts import DARTSSpace
from zcbench.spaces.elastic_mobilenet import ElasticMobileNetSpace
from zcbench.spaces.elastic_transformer import ElasticTransformerSpace
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

__all__ = [
    "AutoFormerSpace",
    "ChoiceSpace",
    "DARTSSpace",
    "ElasticMobileNetSpace",
    "ElasticTransformerSpace",
    "FactorySpace",
    "FlexiBERTSpace",
    "NASBench101Space",
    "NASBench201Space",
    "NASBenchMacroSpace",
    "NASBenchNLPSpace",
    "NATSSizeSpace",
    "OFAMobileNetV3Space",
    "Space",
    "SpaceInfo",
    "TableSpace",
    "TimmSpace",
    "TransNASMacroSpace",
    "TransNASMicroSpace",
    "accepting_spaces",
    "get_space",
    "list_spaces",
    "register_space",
    "said_to_accept",
    "space_info",
]
