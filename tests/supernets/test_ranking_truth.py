"""Results of subnets by themselves, from benchmarks and mappings."""

import math

import numpy as np
import pytest
from rankings import SPACE, truth

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.supernets._ranking_truth import Truth


def test_of_a_benchmark():
    table = zcbench.get_benchmark("elastic-mobilenet")
    found = Truth.of(table.space, "elastic-mobilenet", 10, None, True, None)
    rows = table.rows(found.architectures)
    assert np.array_equal(found.values, -table.values["test_nll"][rows]) and found.target == "test_nll"
    assert found.seconds == np.median(table.facts["train_seconds"]) and found.left_out == 0
    more = Truth.of(table.space, table, 20, "test_accuracy", False, 3.0)
    assert more.architectures[:10] == found.architectures and more.seconds == 3
    assert np.array_equal(more.values[:10], table.values["test_accuracy"][rows])


def test_of_a_mapping():
    given = truth()
    found = Truth.of(SPACE, given, None, None, False, None)
    assert [one.key for one in found.architectures] == list(given) and math.isnan(found.seconds)
    assert np.array_equal(found.values, -np.array(list(given.values())))
    by_object = {SPACE.parse(key): values for key, values in given.items()}
    up = Truth.of(SPACE, by_object, 5, "score", True, None)
    assert np.array_equal(up.values, -found.values[:5]) and up.target == "score" and up.repeats is not None
    single = Truth.of(SPACE, {key: values[0] for key, values in given.items()}, None, None, False, None)
    assert single.values.shape == (16, 1) and single.repeats is None


def test_what_has_no_result_is_left_out_and_counted():
    given = truth()
    keys = list(given)
    given[keys[2]][1] = math.nan
    found = Truth.of(SPACE, given, 6, None, False, None)
    assert [one.key for one in found.architectures] == [*keys[:2], *keys[3:7]] and found.left_out == 1


def test_what_is_refused():
    given = truth()
    key = next(iter(given))
    for changed, message in (
        ({**given, key: [1.0]}, "different numbers"),
        ({**given, key: "bad"}, "give numbers"),
        (dict(list(given.items())[:3]), "at least 4"),
        ({**given, SPACE.parse(key): [1.0, 2.0, 3.0]}, "twice"),
        ([1, 2], "give a benchmark"),
        ("digits-201", "a benchmark of digits-201"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            Truth.of(SPACE, changed, None, None, False, None)
    table = zcbench.get_benchmark("elastic-mobilenet")
    with pytest.raises(UnknownNameError):
        Truth.of(table.space, table, None, "loss", False, None)
