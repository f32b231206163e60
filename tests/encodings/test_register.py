"""Names of encodings, and encodings of one's own."""

import re

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.encodings import encoding_info, get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError

SPACE = zcbench.get_space("digits-201")
KEY = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def test_names():
    assert get_encoding("onehot") is get_encoding("onehot")
    assert get_encoding("onehot + stats").name == "onehot+stats"
    given = get_encoding("stats")
    assert get_encoding(given) is given
    for text, message in (
        ("onehot+", "at its end"),
        ("onehott", "did you mean 'onehot'"),
        ("stats(a)", "this encoding takes no brackets, write stats"),
        ("stats:seed=1", "this encoding takes no settings, write stats"),
        ("columns(a):seed=1", "an encoding takes no settings, write columns."),
        ("2*stats+path", "a sum of encodings takes no weights, write stats"),
        ("curve(valid_nll)", "write one metric and its epochs, such as curve(valid_nll/3)"),
        ("curve", "write one metric and its epochs, such as curve(valid_nll/3)"),
        ("curve(a/2+b/3)", "write one metric and its epochs, such as curve(valid_nll/3)"),
        ("proxies(params", "brackets do not match"),
        ("onehot+graph", "graph gives no vectors"),
        ("proxies(nothing)", "unknown proxy 'nothing'"),
    ):
        with pytest.raises((UnknownNameError, InvalidInputError), match=re.escape(message)):
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


def test_every_encoding_is_read_back_from_its_name():
    for name in zcbench.list_encodings():
        info = encoding_info(name)
        assert get_encoding(get_encoding(info.written).name).name == get_encoding(info.written).name
        assert info.summary
        assert get_encoding(info.written).kind == info.kind
    assert {"proxies", "curve", "columns"} <= set(zcbench.list_encodings())
    assert encoding_info("proxies").written == "proxies(params+naswot)"


def test_a_class_of_ones_own_with_brackets():
    with registry_as_it_was():

        @zcbench.register_encoding("t-counted", version=3, arguments="conv")
        class Counted(zcbench.Encoding):
            """How often a text stands in the architecture's."""

            def __init__(self, what, start="0"):
                super().__init__()
                self.what, self.start = what, int(start)

            def _encode(self, architecture):
                return np.array([self.start + architecture.key.count(self.what)], float)

        assert get_encoding("t-counted(conv)").rows([SPACE.parse(KEY)])[0].tolist() == [2.0]
        joined = get_encoding("t-counted(skip+5)+stats")
        assert str(joined) == "t-counted(skip+5)+stats"
        assert joined.parts[0].rows([SPACE.parse(KEY)])[0].tolist() == [7.0]
        assert joined.parts[0].version == 3
        for text in ("t-counted", "t-counted(a+b+c)"):
            with pytest.raises(InvalidInputError, match=re.escape(f"{text!r}: write the encoding as t-counted(conv).")):
                get_encoding(text)
        before = get_encoding("t-counted(conv)")

        @zcbench.register_encoding("t-counted", override=True)
        class Other(Counted):
            """Another."""

        assert type(get_encoding("t-counted(conv)")) is not type(before)
        assert joined.code != "" == get_encoding("stats+proxies(params)").code
        with pytest.raises(InvalidInputError, match="or a subclass of zcbench"):
            zcbench.register_encoding("t-list")(list)


def test_what_was_registered_for_a_while_is_forgotten():
    usual = get_encoding("stats")
    with registry_as_it_was():
        zcbench.register_encoding("stats", override=True)(lambda space, architecture: [1.0])
        assert get_encoding("stats").rows([SPACE.parse(KEY)])[0].tolist() == [1.0]
        zcbench.register_encoding("t-gone")(lambda space, architecture: [2.0])
        get_encoding("t-gone")
    assert get_encoding("stats").rows([SPACE.parse(KEY)]) == usual.rows([SPACE.parse(KEY)])
    with pytest.raises(UnknownNameError, match="unknown encoding 't-gone'"):
        get_encoding("t-gone")
