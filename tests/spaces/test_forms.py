"""Literals and objects as plain values, and the forms in which architectures come."""

import ast
import json
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space
from zcbench.spaces._forms import NotPlainError, literal, plain

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=4)
    ),
    max_leaves=12,
)


# -- literals ----------------------------------------------------------------------------------


@given(VALUES)
def test_literals_of_python_and_of_json(value):
    assert literal(repr(value)) == value
    assert literal(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text", ["()", "(1,)", "(1, 2)", "[(0, 6), (1, 2)]", "(1)", "{(0, 1): 'a'}", " [1,\n2] ", "[1,]"]
)
def test_tuples_as_python_reads_them(text):
    assert literal(text) == ast.literal_eval(text.strip())


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "(",
            "[1",
            "(1, 2",
            "1 2",
            "[1 2]",
            "[,]",
            "{1}",
            "{1: }",
            "{'a': 1, 'a': 2}",
            "{[]: 1}",
            "{([],): 1}",
            "a",
        ),
        *("(1]", "1_0", "0x10", "--1", "1+2", "f(1)", "'a", "[1,,2]", "]", ",", "9" * 5000, "1.2.3", "nanx", "1e5e5"),
        *(
            "(" * 10**6,
            "[" * 10**6,
            "{" * 10**6,
            "-" * 10**6,
            "not " * 10**5,
            "[" * 100 + "]" * 100,
            "1," * 10**5 + ")",
        ),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_literal(text):
    with pytest.raises(NotPlainError):
        literal(text)


def test_a_literal_has_a_million_values_at_most():
    assert literal("[" + "[]," * 999_999 + "]")[-1] == []
    with pytest.raises(NotPlainError, match="more than 1,000,000 values"):
        literal("[" + "[]," * 1_000_000 + "]")


def test_objects_as_lists_and_mappings():
    Pair = namedtuple("Pair", "normal reduce")
    assert plain(Pair([("a", 0)], range(2))) == {"normal": [["a", 0]], "reduce": [0, 1]}
    assert plain((np.arange(2), np.float32(0.5), torch.ones(1, 2, dtype=torch.int8), np.str_("x"))) == [
        [0, 1], 0.5, [[1, 1]], "x",
    ]  # fmt: skip
    around: list = []
    around.append(around)
    for odd in (
        around,
        b"x",
        {1, 2},
        object(),
        [0] * 20_000,
        np.zeros(10**6),
        [[0] * 5000] * 5000,
        {1.5: 2},
        np.zeros(2, "V3"),
    ):
        with pytest.raises(NotPlainError):
            plain(odd)


# -- the other spaces --------------------------------------------------------------------------


def test_lists_and_mappings_of_the_other_spaces():
    assert get_space("transnasbench101-micro").parse((1, 0, 2, 3, 3, 3)).key == "64-41414-1_02_333"
    assert get_space("transnasbench101-micro").parse("[1, 0, 2, 3, 3, 3]").key == "64-41414-1_02_333"
    assert get_space("transnasbench101-macro").parse((1, 2, 3, 4, 0, 0)).key == "64-1234-basic"
    assert get_space("nasbenchmacro").parse([0, 2, 0, 1, 2, 1, 0, 0]).key == "02012100"
    assert get_space("nats-size").parse((8, 16, 24, 32, 64)).key == "8:16:24:32:64"
    assert (
        get_space("nats-size").parse({"channels": "8:16:24:32:64", "name": "infer.shape.tiny"}).key == "8:16:24:32:64"
    )
    settings = {"wid": None, "ks": [3] * 20, "e": [6] * 20, "d": [2] * 5, "r": [224]}
    assert (
        get_space("ofa-mbv3").parse(settings).key
        == get_space("ofa-mbv3").parse(str(settings)).key
        == "|".join(["3x6,3x6"] * 5)
    )
    config = {"layer_num": 12, "embed_dim": [192] * 12, "num_heads": [3] * 12, "mlp_ratio": [3.5] * 11 + [4]}
    expected = "|".join(["192", *["3x3.5"] * 11, "3x4.0"])
    assert get_space("autoformer-tiny").parse(config).key == expected
    assert get_space("autoformer-tiny").parse({**config, "embed_dim": 192}).key == expected
    layer = {"operation_type": "SA", "operation_parameter": "WMA", "num_operation_heads": 4}
    layer |= {"feed_forward_dimension": 1024, "num_feed_forward": 3}
    overrides = {"hidden_size": 256, "nas_config": {"encoder_layers": [layer] * 2}}
    assert get_space("flexibert").parse(overrides).key == "256|SA-WMA-4-1024x3|SA-WMA-4-1024x3"
    recipe = {"h_new_0": {"op": "linear", "input": ["x", "h_prev_0"]}}
    assert get_space("nasbenchnlp").parse(recipe) == get_space("nasbenchnlp").parse(json.dumps(recipe))
    for name, wrong in (
        ("transnasbench101-micro", (1, 0, 2, 3, 3, 4)),
        ("transnasbench101-macro", (1, 1, 1, 1)),
        ("nasbenchmacro", [0, 2, 0, 1, 2, 1, 0, 3]),
        ("nasbenchmacro", 2012100),
        ("nats-size", (8, 16, 24, 32, 65)),
        ("ofa-mbv3", {**settings, "d": [5] * 5}),
        ("ofa-mbv3", {**settings, "ks": [3.0] * 20}),
        ("ofa-mbv3", {**settings, "e": [5] * 20}),
        ("autoformer-tiny", {**config, "layer_num": 13}),
        ("autoformer-tiny", {**config, "mlp_ratio": [3.96] * 12}),
        ("flexibert", {**overrides, "hidden_size": "256x"}),
        ("nasbenchnlp", {"h_new_0": {"op": "linear", "input": []}}),
    ):
        with pytest.raises(InvalidArchitectureError):
            get_space(name).parse(wrong)
