"""Columns of your own table that predictors use."""

import pytest

from zcbench.datasets import own_benchmark
from zcbench.datasets._features import merged_texts
from zcbench.errors import InvalidArchitectureError, InvalidInputError, UnknownNameError

ROWS = ["a,relu,3,x1,90,first", "b,gelu,5,x2,80,second", "c,relu,4,x3,85,third", "d,,2,x4,70,third again"]
TABLE = "arch,act,depth,note,acc,remark\n" + "\n".join(ROWS)


def test_texts_that_repeat_are_categories(write):
    table = own_benchmark(write(TABLE), "acc")
    assert table.texts == {"act": ("relu", "gelu", "relu", "")}
    assert list(table.facts) == ["depth"]
    assert table.requested == ()
    assert "The text in 'act' has 2 categories, which predictors use." in table.notes
    assert (
        "The column 'note' is excluded because it is text ('x1' in line 2), and no two texts are the same."
        in table.notes
    )


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["same"] * 50, "all texts are the same"),
        ([f"n{i // 2 if i < 4 else i}" for i in range(50)], "48 of 50 texts differ"),
        (["a", "b"] * 25, ""),
        (["a", *[""] * 49], ""),  # there or not is a category, too
        ([f"n{i % 24}" for i in range(50)], ""),
    ],
)
def test_texts_that_are_no_categories(write, cells, reason):
    table = own_benchmark(write("arch,t,acc\n" + "\n".join(f"m{i},{cell},{i}" for i, cell in enumerate(cells))), "acc")
    assert (reason == "") == ("t" in table.texts)
    assert reason in " ".join(table.notes)


def test_columns_that_are_chosen(write):
    path = write(TABLE)
    chosen = own_benchmark(path, "acc", features=["depth", "a*"])
    assert (list(chosen.facts), list(chosen.texts), chosen.requested) == (["depth"], ["act"], ("depth", "act"))
    assert chosen.own.settings == {"features": ["depth", "a*"]}
    rest = own_benchmark(path, "acc", exclude="depth")
    assert (list(rest.facts), list(rest.texts), rest.requested) == ([], ["act"], ())
    both = own_benchmark(path, "acc", features="*", exclude=["act"])
    assert (list(both.facts), list(both.texts), both.requested) == (["depth"], [], ("depth",))


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        ({"features": ["dept"]}, UnknownNameError, "unknown column 'dept': did you mean 'depth'"),
        ({"exclude": ["z*"]}, UnknownNameError, "no column matches 'z\\*'"),
        ({"features": ["acc"]}, InvalidInputError, "'acc' cannot be a feature: it is the target"),
        ({"features": ["arch"]}, InvalidInputError, "'arch' cannot be a feature: it is the column of architectures"),
        (
            {"features": ["note"]},
            InvalidInputError,
            "'note' cannot be a feature: it is text .*no two texts are the same",
        ),
        ({"features": ["depth"], "exclude": ["depth"]}, InvalidInputError, "named by --features and by --exclude"),
        ({"exclude": ["depth", "act"]}, InvalidInputError, "leave no columns"),
    ],
)
def test_columns_that_cannot_be_chosen(write, choice, error, message):
    with pytest.raises(error, match=message):
        own_benchmark(write(TABLE), "acc", **choice)


def test_equal_networks_have_the_first_text_that_is_there():
    assert merged_texts(["", "relu", "gelu", "", ""], [[0, 2], [1], [3, 4]]) == ("gelu", "relu", "")


def test_refused_architectures_name_their_line_and_spaces_that_accept_them(write):
    cell, other = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|", "110010010000010101101:00201"
    with pytest.raises(InvalidArchitectureError, match=r"my.csv, line 3: .* nasbench101 accepts it\.$"):
        own_benchmark(write(f"arch,acc\n{cell},1\n{other},2\n"), "acc", space="nasbench201")
    with pytest.raises(
        InvalidArchitectureError, match=r"line 2: .* All 2 architectures are of nasbench101: give --space nasb"
    ):
        own_benchmark(write(f"arch,acc\n{other},1\n{other[:-1]}2,2\n"), "acc", space="nasbench201")
