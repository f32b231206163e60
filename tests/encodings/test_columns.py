"""Columns of tables."""

import pickle

import pytest

import zcbench
from zcbench.encodings import ColumnEncoding, get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Architecture


def test_columns_of_a_table():
    encoding = ColumnEncoding(["a", "b"])
    known = Architecture("table", "one")
    encoding.remember([known], {"a": [1.0], "b": [2.0], "c": [3.0]})
    assert encoding.rows([known])[0].tolist() == [1.0, 2.0]
    assert pickle.loads(pickle.dumps(encoding)).rows([known])[0].tolist() == [1.0, 2.0]
    with pytest.raises(InvalidInputError, match="no row of two"):
        encoding.rows([Architecture("table", "two")])


def test_columns_of_a_benchmark():
    benchmark = zcbench.load_benchmark("digits-201")
    encoding = ColumnEncoding.of(benchmark)
    row = encoding.rows(benchmark.architectures[:1])[0]
    assert row.tolist() == [benchmark.facts[name][0] for name in sorted(benchmark.facts)]
    with pytest.raises(UnknownNameError, match="unknown column 'parms'"):
        ColumnEncoding.of(benchmark, ["parms"])
    with pytest.raises(InvalidInputError, match="say whose columns"):
        get_encoding("columns").rows(benchmark.architectures[:1])
