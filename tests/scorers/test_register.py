"""The registry of scorers, and the texts that name them."""

from typing import ClassVar

import numpy as np
import pytest
from toys import distinct_cells, toy

import zcbench
from zcbench._kinds import isolated
from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError
from zcbench.scorers import Scorer, get_scorer, list_scorers, scorer_info

CELLS = distinct_cells(3)
TEXTS = (
    *(
        "params",
        "-params",
        "az_nas",
        "params+0.5*num_layers",
        "-(params+2*num_layers)",
        "oracle(quality)",
        "sum(params)",
    ),
    *("mean_rank(params+-num_layers+oracle(other))", "2*params", "-(-params)", "weighted_sum(params+2*num_layers)"),
    *("params:repeats=2+-(num_layers+2*params)", "mean_rank(sum(params+2*num_layers)+l2_norm)"),
)


@pytest.mark.parametrize("text", TEXTS)
def test_labels_are_read_back(text):
    table = toy(keys=[cell.key for cell in CELLS], values=(1, 2, 3))
    found = get_scorer(text, table, batch_size=2)
    again = get_scorer(found.label, table, batch_size=2)
    assert again.label == found.label
    assert again.identifier == found.identifier
    assert again.higher_is_better == found.higher_is_better
    if "az_nas" not in text:
        assert np.array_equal(again.score(CELLS).values, found.score(CELLS).values)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("proxy(params)", "params"),
        ("ensemble(az_nas)", "az_nas"),
        ("sum(params+2*num_layers)", "params+2*num_layers"),
        ("-sum(params+num_layers)", "-(params+num_layers)"),
        ("oracle(other)", "oracle(other)"),
        (" params + 2.0 * num_layers ", "params+2*num_layers"),
    ],
)
def test_one_scorer_has_one_label(text, label):
    assert get_scorer(text, toy(), batch_size=2).label == label


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("naswott", "did you mean 'naswot'"),
        ("quality", "write oracle"),
        ("table(quality)", "write oracle"),
        ("table(nothing)", "unknown column"),
        ("gp", "not fitted"),
        ("proxy", "write the scorer as proxy"),
        ("oracle(other+quality)", "write the scorer as oracle"),
        ("-", "a name is missing"),
        ("params:x=1", "unknown setting"),
        ("mean_rank", "no default members"),
        ("params+params", "twice"),
        ("params(naswot)", "takes no brackets"),
        ("-2*params", "positive"),
        ("a+", "a name is missing"),
        ("", "a name is missing"),
        ("sotl", "learning curves"),
        (5, "is not a scorer"),
        (Scorer, "a class of scorers"),
    ],
)
def test_what_names_nothing_is_said(text, why):
    with pytest.raises(ZcbenchError, match=why):
        get_scorer(text, toy())


def test_without_a_task_what_needs_one_says_so():
    for text in ("params", "-params", "params+num_layers", "table(x)"):
        with pytest.raises(InvalidInputError, match="needs"):
            get_scorer(text).score(CELLS)
    with pytest.raises(InvalidInputError, match="options need a task"):
        get_scorer("params", seed=1)


def test_a_strangers_scorer_in_one_file():
    with isolated():

        @zcbench.register_scorer("counting", arguments="3x3")
        class Counting(zcbench.Scorer):
            """How often a text stands in the architecture."""

            ranges: ClassVar = {"power": (0.0, 3.0)}

            def __init__(self, text, *, power: float = 1.0):
                self.text, self.power = text, power

            def value(self, architecture):
                return architecture.key.count(self.text) ** self.power

        assert "counting" in list_scorers()
        assert scorer_info("counting").summary == "How often a text stands in the architecture."
        found = zcbench.get_scorer("2*counting(3x3):power=2+params", "digits-201", batch_size=2)
        assert found.label == "2*counting(3x3):power=2.0+params"
        assert found.parts[0].score(CELLS).values.tolist() == [one.key.count("3x3") ** 2 for one in CELLS]
        assert "code" in found.parts[0].identifier
        with pytest.raises(InvalidInputError, match="write the scorer as counting"):
            get_scorer("counting")
        with pytest.raises(InvalidInputError, match="too large"):
            get_scorer("counting(a):power=4")


def test_a_scorer_may_have_the_name_of_a_proxy():
    with isolated():

        @zcbench.register_scorer("params")
        def params(space, architecture):
            """Not the proxy."""
            return 7

        assert get_scorer("params", toy()).score(CELLS[:1]).values.tolist() == [7]
        proxy = get_scorer("proxy(params)", toy(), batch_size=2)
        assert proxy.label == "proxy(params)"
        assert get_scorer(proxy.label, toy(), batch_size=2).score(CELLS[:1]).values[0] > 7


@pytest.mark.parametrize("wrong", [5, int, lambda: 1])
def test_what_cannot_be_registered(wrong):
    with isolated(), pytest.raises(InvalidInputError):
        zcbench.register_scorer("wrong")(wrong)


def test_settings_need_defaults_and_names_are_known():
    with isolated(), pytest.raises(InvalidInputError, match="default"):
        zcbench.register_scorer("wrong")(lambda space, architecture, *, a: 1)
    with pytest.raises(UnknownNameError):
        list_scorers("nothing*")
