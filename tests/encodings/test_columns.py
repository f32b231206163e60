"""Columns of tables."""

import pickle

import pytest

import zcbench
from zcbench.encodings import ColumnEncoding, Feed, get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Architecture


def test_columns_of_a_table():
    known = Architecture("table", "one")
    table = Feed([known], {"a": [1.0], "b": [2.0], "c": [3.0]})
    encoding = ColumnEncoding(["a", "b"]).fed([table])
    assert encoding.rows([known])[0].tolist() == [1.0, 2.0]
    assert pickle.loads(pickle.dumps(encoding)).rows([known])[0].tolist() == [1.0, 2.0]
    with pytest.raises(InvalidInputError, match="no row of two"):
        encoding.rows([Architecture("table", "two")])


def test_columns_by_name():
    known = Architecture("table", "one")
    table, other = (Feed([known], {"a": [1.0], "b": [2.0], more: [3.0]}) for more in ("c", "d"))
    assert get_encoding("columns").fed([table]).rows([known])[0].tolist() == [1.0, 2.0, 3.0]
    assert get_encoding("columns").fed([table, other]).names == ("a", "b")  # what both have
    chosen = get_encoding("columns(b+a)")
    assert str(chosen) == "columns(b+a)"
    assert chosen.fed([table]).rows([known])[0].tolist() == [2.0, 1.0]
    with pytest.raises(UnknownNameError, match="unknown column 'c'"):
        get_encoding("columns(c)").fed([table, other])
    with pytest.raises(InvalidInputError, match="the table has no columns of numbers besides the target"):
        get_encoding("columns").fed([Feed([known])])


def test_columns_of_a_benchmark():
    benchmark = zcbench.get_benchmark("digits-201")
    encoding = ColumnEncoding.of(benchmark)
    row = encoding.rows(benchmark.architectures[:1])[0]
    assert row.tolist() == [benchmark.facts[name][0] for name in sorted(benchmark.facts)]
    with pytest.raises(UnknownNameError, match="unknown column 'parms'"):
        ColumnEncoding.of(benchmark, ["parms"])
    with pytest.raises(InvalidInputError, match="the encoding columns needs a table"):
        get_encoding("columns").rows(benchmark.architectures[:1])
