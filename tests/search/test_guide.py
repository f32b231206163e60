"""Which columns guide and which are reported."""

import pytest
from toys import toy

import zcbench
from zcbench.search import guide_and_report


@pytest.mark.parametrize(
    ("name", "guide", "reported"),
    [
        ("digits-201", "valid_nll", ("test_nll", "test_accuracy")),
        ("chars-rnn", "valid_nll", ("test_nll", "test_perplexity")),
        ("chars-bert", "valid_nll", ("test_nll", "test_perplexity")),
    ],
)
def test_validation_guides_and_test_is_reported(name, guide, reported):
    assert guide_and_report(zcbench.get_benchmark(name)) == (guide, reported)


def test_a_table_without_a_validation_column_is_guided_by_its_own_choice():
    assert guide_and_report(toy()) == ("quality", ())
