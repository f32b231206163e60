"""Encodings: the input of predictors. Vectors, graphs, statistics of layers, computation graphs.

Each file without a leading underscore is one family and registers its encodings. Most depend only on the architecture;
:class:`TableEncoding` is the base of those whose rows come from a table: columns, proxies, learning curves.
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
