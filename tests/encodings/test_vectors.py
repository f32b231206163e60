"""Encodings that list what was chosen."""

import pytest

import zcbench
from zcbench.encodings import get_encoding
from zcbench.errors import InvalidArchitectureError
from zcbench.types import Architecture

SPACE = zcbench.get_space("digits-201")
KEY = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def test_onehot_and_adjacency():
    architecture = SPACE.parse(KEY)
    assert get_encoding("onehot").rows([architecture])[0].tolist() == SPACE.encode(architecture).tolist()
    named = get_encoding("adjacency").rows([architecture])[0]
    graph = SPACE.graph(architecture)
    assert {name for name in named if ">" in name} == {f"{a}>{b}" for a, b in graph.edges}
    assert {name for name in named if "=" in name} == {f"{i}={label}" for i, label in enumerate(graph.nodes)}


def test_names_of_a_table_cannot_be_encoded():
    with pytest.raises(InvalidArchitectureError, match="only a name"):
        get_encoding("onehot").rows([Architecture("table", "mobilenet")])
