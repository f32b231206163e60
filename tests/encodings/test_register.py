"""Names of encodings, and encodings of one's own."""

import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.encodings import get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError

SPACE = zcbench.get_space("digits-201")
KEY = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def test_names():
    assert get_encoding("onehot") is get_encoding("onehot")
    assert get_encoding("onehot + stats").name == "onehot+stats"
    given = get_encoding("stats")
    assert get_encoding(given) is given
    for text, message in (
        ("onehot+", "unknown encoding ''"),
        ("onehott", "did you mean 'onehot'"),
        ("stats(a)", "brackets are for proxies"),
        ("curve(valid_nll)", "brackets are for proxies"),
        ("proxies(params", "brackets do not match"),
        ("onehot+graph", "graph gives no vectors"),
        ("proxies(nothing)", "unknown proxy 'nothing'"),
    ):
        with pytest.raises((UnknownNameError, InvalidInputError), match=message.replace("(", r"\(")):
            get_encoding(text)


@pytest.mark.parametrize(
    ("declared", "function", "message"),
    [
        ({"version": 1.5}, lambda space, architecture: [1], "version must be a positive integer"),
        ({"version": "1"}, lambda space, architecture: [1], "version must be a positive integer"),
        ({"kind": None}, lambda space, architecture: [1], "unknown kind None"),
        ({"reference": ()}, lambda space, architecture: [1], "reference must be text"),
        ({"override": 0}, lambda space, architecture: [1], "override must be True or False"),
        ({}, lambda architecture: [1], "is called with 2 arguments"),
        ({}, "onehot", "function must be a function"),
    ],
)
def test_declarations_out_of_range(declared, function, message):
    before = zcbench.list_encodings()
    with pytest.raises(InvalidInputError, match=message):
        zcbench.register_encoding("t-x", **declared)(function)
    assert zcbench.list_encodings() == before


def test_an_encoding_of_ones_own():
    with registry_as_it_was():

        @zcbench.register_encoding("t-length")
        def length(space, architecture):
            """How long the string is."""
            return [len(architecture.key)]

        assert get_encoding("t-length").rows([SPACE.parse(KEY)])[0].tolist() == [len(KEY)]
        with pytest.raises(InvalidInputError, match="unknown kind 'table'"):
            zcbench.register_encoding("t-other", kind="table")
