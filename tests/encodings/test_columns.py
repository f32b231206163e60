"""Columns of tables."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import zcbench
from zcbench.encodings import ColumnEncoding, Feed, get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.metrics import kendall_tau
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
    encoding = ColumnEncoding.of(benchmark, sorted(benchmark.facts))
    row = encoding.rows(benchmark.architectures[:1])[0]
    assert row.tolist() == [benchmark.facts[name][0] for name in sorted(benchmark.facts)]
    with pytest.raises(InvalidInputError, match=r"'train_seconds' .it is the time that training took"):
        ColumnEncoding.of(benchmark)
    with pytest.raises(UnknownNameError, match="unknown column 'parms'"):
        ColumnEncoding.of(benchmark, ["parms"])
    with pytest.raises(InvalidInputError, match="the encoding columns needs a table"):
        get_encoding("columns").rows(benchmark.architectures[:1])


# -- categories --------------------------------------------------------------------------------

ONE, TWO, THREE = (Architecture("table", name) for name in ("one", "two", "three"))


def test_texts_are_one_hot():
    feed = Feed([ONE, TWO, THREE], {"n": [1.0, 2.0, np.nan]}, texts={"act": ["relu", "gelu", ""]})
    encoding = ColumnEncoding().fed([feed])
    encoder = encoding.fit([ONE, TWO])
    assert encoder.names == ["columns[act=gelu]", "columns[act=relu]", "columns[n]"]
    assert encoder.transform([ONE, TWO]).tolist() == [[0, 1, 1], [1, 0, 2]]
    assert encoder.transform([THREE])[0, :2].tolist() == [0, 0]  # no category
    assert np.isnan(encoder.transform([THREE])[0, 2])
    assert encoding.fit([TWO]).transform([ONE]).tolist() == [[0, 1]]  # a category that no training row has
    other = Feed([ONE, TWO, THREE], {"n": [1.0, 2.0, np.nan]}, texts={"act": ["relu", "relu", ""]})
    assert encoding.digest(feed) != encoding.digest(other)
    with pytest.raises(InvalidInputError, match="give one text of act for each of 1 architectures, not 2"):
        ColumnEncoding(["act"]).fed([Feed([ONE], texts={"act": ["a", "b"]})])


def test_suspicious_columns_are_used_only_if_they_are_named():
    facts = {"val_top5": [9.0, 8.0, 7.0], "depth": [1.0, 5.0, 3.0]}
    feed = Feed([ONE, TWO, THREE], facts, target="val_top1", truth=[3.0, 2.0, 1.0])
    encoding = ColumnEncoding().fed([feed])
    assert encoding.names == ("depth",)
    assert encoding.used() == (
        "Features are the columns depth. Excluded: 'val_top5' (it is a result of training, as 'val_top1' is). To use "
        "all columns, give --features '*' or features='*'; to use some, name all features."
    )
    assert ColumnEncoding(["val_top5"]).fed([feed]).names == ("val_top5",)
    requested = replace(feed, requested=("val_top5", "depth"))
    assert ColumnEncoding().fed([requested]).names == ("depth", "val_top5")
    with pytest.raises(InvalidInputError, match="the table has no features left: Excluded: 'val_top5'"):
        ColumnEncoding().fed([replace(feed, facts={"val_top5": facts["val_top5"]})])


def test_twenty_networks_do_not_predict_top1_by_top5(tmp_path):
    """The column of the same evaluation ranks at .9 what honest columns rank at .5."""
    rng = np.random.default_rng(0)
    depth, noise = rng.integers(2, 20, 80), rng.normal(size=80)
    top1 = depth + 6 * noise
    lines = [f"m{i},{depth[i]},{top1[i] + rng.normal() / 2:.3f},{top1[i]:.3f}" for i in range(80)]
    (tmp_path / "my.csv").write_text("\n".join(["model,depth,val_top5,val_top1", *lines]))

    def tau(**settings):
        table = zcbench.own_benchmark(tmp_path / "my.csv", "val_top1", **settings)
        few = table.architectures[:20]
        found = zcbench.get_predictor("gp:encoding=columns").fit(few, table.truth()[:20])
        return kendall_tau(found.predict(table.architectures[20:]), table.truth()[20:]).value

    assert tau(features="*") > 0.8
    assert 0.1 < tau() < 0.65
    assert tau() == tau(exclude="val_top5") == tau(features=["depth"])


# -- tables that predictors are given ----------------------------------------------------------


def test_a_predictor_finds_the_table_of_its_architectures(tmp_path):
    (tmp_path / "my.csv").write_text("acc,size\n" + "\n".join(f"{n},{3 * n}" for n in range(1, 21)))
    (tmp_path / "more.csv").write_text("acc,size\n" + "\n".join(f"{n},{3 * n}" for n in range(5, 25)))
    table, other = (zcbench.own_benchmark(tmp_path / f"{name}.csv", "acc", features="*") for name in ("my", "more"))
    predictor = zcbench.get_predictor("bayesian_ridge:encoding=columns").fit(table.architectures, table.truth())
    assert predictor.predict(table.architectures[3:5]) == pytest.approx([4, 5], abs=1.5)
    # Rows of two tables have the same names, "row 2".
    assert predictor.predict(other.architectures[:2]) == pytest.approx([5, 6], abs=1.5)
    assert predictor.predict(list(other.architectures[:2]), table=other).tolist() == (
        predictor.predict(other.architectures[:2]).tolist()
    )
    assert predictor.predict(list(table.architectures[:2])) == pytest.approx([1, 2], abs=1.5)
    copy = pickle.loads(pickle.dumps(predictor))
    assert copy.predict(list(table.architectures[:2])).tolist() == predictor.predict(table.architectures[:2]).tolist()
    both = zcbench.get_predictor("mean:members=(gp:encoding=columns+bayesian_ridge:encoding=columns)")
    assert both.fit(list(table.architectures), table.truth(), table=table).rank(other.sample(3, seed=0))
    with pytest.raises(InvalidInputError, match=r"needs a table: give architectures of one, fit\(table.architectures"):
        zcbench.get_predictor("gp:encoding=columns").fit(list(table.architectures), table.truth())
