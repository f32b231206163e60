"""Encodings: what a predictor sees of an architecture. Vectors, graphs, statistics of layers, computation graphs.

Each file without a leading underscore holds one family and registers its encodings. Most follow from the architecture
alone; :class:`TableEncoding` is the base of those whose rows a table knows: columns, proxies, learning curves.
"""

from zcbench.encodings._base import Encoder, Encoding, EncodingInfo, Joined, Needs, combined, join
from zcbench.encodings._feed import Feed, TableEncoding
from zcbench.encodings._register import encoding_info, get_encoding, list_encodings, register_encoding
from zcbench.encodings.columns import ColumnEncoding
from zcbench.encodings.curves import CurveEncoding
from zcbench.encodings.proxies import ProxyEncoding

__all__ = [
    "ColumnEncoding",
    "CurveEncoding",
    "Encoder",
    "Encoding",
    "EncodingInfo",
    "Feed",
    "Joined",
    "Needs",
    "ProxyEncoding",
    "TableEncoding",
    "combined",
    "encoding_info",
    "get_encoding",
    "join",
    "list_encodings",
    "register_encoding",
]
