"""A second table of candidates."""

import numpy as np
import pytest

from zcbench.datasets import get_benchmark, own_benchmark
from zcbench.datasets._own_candidates import own_candidates
from zcbench.errors import DataCorruptError, InvalidArchitectureError, InvalidInputError, UnknownNameError

TRAINED = "model,depth,act,acc\na,1,relu,90\nb,2,gelu,80\nc,3,relu,70\n"


def test_candidates_have_the_columns_in_any_order(write):
    trained = own_benchmark(write(TRAINED), "acc")
    rest = own_candidates(write("act;model;depth\nrelu;d;1,5\ngelu;e;2,5\n", "rest.csv"), trained)
    assert [one.key for one in rest.architectures] == ["d", "e"]
    assert rest.facts["depth"].tolist() == [1.5, 2.5]
    assert rest.texts["act"] == ("relu", "gelu")
    assert np.isnan(rest.truth()).all()
    assert rest.source == "rest.csv"
    assert rest.own.lines == ("line 2", "line 3")


def test_their_target_is_not_used(write):
    trained = own_benchmark(write(TRAINED), "acc")
    rest = own_candidates(write("model,depth,acc\nd,1,5\ne,2,\n", "rest.csv"), trained)
    assert np.isnan(rest.truth()).all()
    assert "acc" not in rest.facts
    assert "It has values of the target 'acc' for 1 of 2 rows: they are not used." in rest.notes


def test_rows_without_names_are_not_those_of_the_first_table(write):
    trained = own_benchmark(write("depth,acc\n1,2\n2,3\n"), "acc")
    rest = own_candidates(write("depth\n1\n2\n", "rest.csv"), trained)
    assert [one.key for one in rest.architectures] == ["row 2 of rest.csv", "row 3 of rest.csv"]


def test_equal_networks_are_one_candidate(write):
    cell, twin = (f"|{op}~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|" for op in ("none", "none"))
    other = cell.replace("nor_conv_3x3", "nor_conv_1x1")
    trained = own_benchmark(write(f"arch,acc\n{cell},1\n{other},2\n"), "acc", space="nasbench201")
    rest = own_candidates(write(f"arch\n{cell}\n{twin}\n", "rest.csv"), trained)
    assert len(rest) == 1
    assert "1 architectures remain of 2 rows, as rows of equal networks were merged." in rest.notes


def test_what_is_wrong_with_candidates_is_said(write):
    trained = own_benchmark(write(TRAINED), "acc")
    with pytest.raises(
        UnknownNameError, match=r"unknown column of architectures of .*rest.csv 'model': did you mean 'mo"
    ):
        own_candidates(write("models,depth\nd,1\n", "rest.csv"), trained)
    with pytest.raises(DataCorruptError, match="'d' is in lines 2 and 3"):
        own_candidates(write("model,depth\nd,1\nd,2\n", "rest.csv"), trained)
    cell = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"
    cells = own_benchmark(write(f"arch,acc\n{cell},1\n{cell.replace('3x3', '1x1')},2\n"), "acc", space="nasbench201")
    with pytest.raises(InvalidArchitectureError, match=r"rest.csv, line 3: .*nasbench101 accepts it"):
        own_candidates(write(f"arch\n{cell}\n110010010000010101101:00201\n", "rest.csv"), cells)
    with pytest.raises(InvalidInputError, match="digits-201 is not a user-defined table"):
        own_candidates(write("arch\na\n", "rest.csv"), get_benchmark("digits-201"))
