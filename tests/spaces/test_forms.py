"""Literals and objects as plain values, and the forms in which architectures come."""

import ast
import json
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zcbench.spaces import _forms
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


def test_a_literal_has_so_many_values_at_most(monkeypatch):
    assert _forms.VALUES == 1_000_000
    monkeypatch.setattr(_forms, "VALUES", 1000)
    assert literal("[" + "[]," * 999 + "]")[-1] == []
    with pytest.raises(NotPlainError, match="more than 1,000 values"):
        literal("[" + "[]," * 1000 + "]")


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
