"""What a benchmark answers."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
from official import CELLS
from toys import toy

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError


def test_truth_is_the_mean_of_what_was_measured():
    benchmark = toy([[1, 2, 6], [math.nan, 4, 5], [math.nan] * 3])
    np.testing.assert_array_equal(benchmark.truth(), [3, 4.5, math.nan])
    assert benchmark.truth("other").tolist()[0] != benchmark.truth().tolist()[0]


def test_repeats_only_where_seeds_are_told_apart():
    benchmark = toy([[1, 2], [3, 4]])
    np.testing.assert_array_equal(benchmark.repeats(), [[1, 2], [3, 4]])
    assert benchmark.repeats("other") is None
    assert toy([1, 2]).repeats() is None


def test_a_larger_sample_begins_with_the_smaller():
    benchmark = zcbench.get_benchmark("digits-201")
    small, large, whole = (benchmark.sample(limit, 3) for limit in (10, 50, None))
    assert small == large[:10] == whole[:10]
    assert len(set(whole)) == len(whole) == len(benchmark)
    assert benchmark.sample(10, 4) != small
    assert benchmark.sample(10**9, 3) == whole


def test_rows_and_targets_by_name():
    benchmark = toy([1, 2, 3])
    assert benchmark.rows(benchmark.architectures[::-1]).tolist() == [2, 1, 0]
    assert benchmark.identifier == "toy@1"
    assert benchmark.target().name == "quality"
    with pytest.raises(UnknownNameError, match="unknown target 'qualty': did you mean 'quality'"):
        benchmark.truth("qualty")
    stranger = zcbench.get_space("digits-201").parse(CELLS[0])
    with pytest.raises(InvalidInputError, match="is not in the table of toy"):
        benchmark.rows([stranger])


def test_rows_know_their_table():
    table = zcbench.get_benchmark("elastic-transformer")
    assert table.architectures.table is table
    assert table.architectures[2:5].table is table
    assert table.sample(4, seed=0).table is table
    assert table.architectures[2:5] == tuple(list(table.architectures)[2:5])
    assert type(pickle.loads(pickle.dumps(table.architectures[:2]))) is tuple  # without its table
    copy = pickle.loads(pickle.dumps(table))
    assert copy.architectures.table is copy
    assert dataclasses.replace(table, name="other").architectures.table.name == "other"
