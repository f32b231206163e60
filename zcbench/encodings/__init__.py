"""Encodings: what a predictor sees of an architecture. Vectors, graphs, statistics of layers, computation graphs.

Each file without a leading underscore holds one family and registers its encodings.
"""

from zcbench.encodings._base import Encoder, Encoding, EncodingInfo, Joined, join
from zcbench.encodings._register import encoding_info, get_encoding, list_encodings, register_encoding
from zcbench.encodings.curves import CurveEncoding
from zcbench.encodings.proxies import ColumnEncoding, ProxyEncoding

__all__ = [
    "ColumnEncoding",
    "CurveEncoding",
    "Encoder",
    "Encoding",
    "EncodingInfo",
    "Joined",
    "ProxyEncoding",
    "encoding_info",
    "get_encoding",
    "join",
    "list_encodings",
    "register_encoding",
]
