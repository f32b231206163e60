"""Your own table in one line: what is read, what is said of bad ones."""

import time

import numpy as np
import pytest

import zcbench
from zcbench.datasets import own_benchmark, read_columns
from zcbench.errors import (
    DataCorruptError,
    DataMissingError,
    InvalidArchitectureError,
    InvalidInputError,
    UnknownNameError,
)
from zcbench.evaluation import correlate_columns
from zcbench.metrics import kendall_tau

GOOD = "arch,acc,naswot,latency\na,90.5,3,1\nb,91,1,NA\nc,80,2,3\nd,70,0.5,4\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="my.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_table_becomes_a_benchmark(write):
    table = own_benchmark(write(GOOD), "acc")
    assert [a.key for a in table.architectures] == ["a", "b", "c", "d"]
    assert table.truth().tolist() == [90.5, 91, 80, 70]
    assert set(table.facts) == {"naswot", "latency"}
    assert np.isnan(table.facts["latency"]).tolist() == [False, True, False, False]
    assert table.target().higher_is_better
    assert not own_benchmark(write(GOOD), "acc", lower=["acc"]).target().higher_is_better


def test_columns_are_correlated_with_the_target(write):
    table = own_benchmark(write(GOOD), "acc")
    result = correlate_columns(table, lower=["latency"])
    assert result["naswot"].tau.value == pytest.approx(kendall_tau([3, 1, 2, 0.5], [90.5, 91, 80, 70]).value)
    assert result["latency"].tau.value == pytest.approx(1.0)  # low is good, and it rises as accuracy falls
    assert (result["latency"].n, result["latency"].total) == (3, 4)
    assert [e.proxy for e in correlate_columns(table, ["naswot"]).entries] == ["naswot"]
    with pytest.raises(UnknownNameError, match="unknown column 'nawot': did you mean 'naswot'"):
        correlate_columns(table, ["nawot"])
    with pytest.raises(InvalidInputError, match="has no columns of numbers besides the target"):
        correlate_columns(own_benchmark(write("arch,acc\na,1\nb,2\n"), "acc"))


def test_registered_proxies_keep_their_direction(write):
    low = next(name for name in zcbench.list_proxies() if not zcbench.get_proxy(name).higher_is_better)
    table = own_benchmark(write(f"acc,{low}\n1,3\n2,2\n3,1\n"), "acc")
    assert correlate_columns(table)[low].tau.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n\n",
        GOOD.replace("arch", '"arch"').replace("b,91", '"b",91'),
    ],
)
def test_dialects(write, content):
    assert own_benchmark(write(content), "acc").truth().tolist() == [90.5, 91, 80, 70]


def test_parquet(write, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"arch": ["a", "b"], "acc": [1.0, 2.0], "score": [3, None]}), tmp_path / "x.parquet")
    table = own_benchmark(tmp_path / "x.parquet", "acc")
    assert table.truth().tolist() == [1, 2]
    assert np.isnan(table.facts["score"]).tolist() == [False, True]


def test_rows_without_names_are_numbered(write):
    table = own_benchmark(write("acc,score\n1,2\n3,4\n"), "acc")
    assert [a.key for a in table.architectures] == ["row 2", "row 3"]
    table = own_benchmark(write("family,acc\nx,2\nx,4\n"), "acc")  # the same text twice is no name
    assert [a.key for a in table.architectures] == ["row 2", "row 3"]


def test_names_that_are_strings_of_a_space(write):
    content = "arch,acc\n02012100,90\n22222222,91\n00000000,80\n"
    table = own_benchmark(write(content), "acc", space="nasbenchmacro")
    assert [a.key for a in table.architectures] == ["02012100", "22222222", "00000000"]
    with pytest.raises(InvalidArchitectureError, match="is not an architecture of nasbenchmacro"):
        own_benchmark(write("arch,acc\n12,90\n13,91\n"), "acc", space="nasbenchmacro")
    with pytest.raises(InvalidInputError, match="has no column of architectures: name it with --arch"):
        own_benchmark(write("x,acc\n12,90\n13,91\n"), "acc", space="nasbenchmacro")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: its first line must name the columns"),
        ("arch,acc\n", "has no rows below its header"),
        ("1,2\n3,4\n", "has no header: its first line must name the columns"),
        ("arch,acc,acc\na,1,2\n", "has two columns named 'acc': rename one"),
        ("arch,,acc\na,1,2\n", "column 2 has no name"),
        ("arch,acc\na,1\nb,2,3\n", "line 3: 3 values for 2 columns"),
        ("arch,acc\n" + "a,1\n" * 20 + "b,2x\n", "line 22: '2x' in the column 'acc' is no number: mend it"),
        ("arch,acc\na,x\nb,y\n", "the column 'acc' is text: choose a column of numbers with --target"),
        ("arch,acc\na,NA\nb,\n", "the column 'acc' has no values"),
        ("arch,acc\na,1\nb,1\n", "all values of 'acc' are the same: there is nothing to rank"),
        ("arch,acc\na,1\nb,2\na,3\n", None),
        (b"arch,acc\nna\xefve,1\nb,2\n", "is not UTF-8 (line 2): save it in that encoding"),
        (b"arch,acc\n\0\0\0,1\nb,2\n", "is not a text file: give a CSV file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not"),
        ("<!DOCTYPE html><html>\n</html>", "is a web page, not a table"),
        ('arch,acc\n"a,1\nb,2\n', "line"),
    ],
)
def test_bad_tables_get_one_sentence(write, content, message):
    if message is None:  # names that repeat are no names
        assert [a.key for a in own_benchmark(write(content), "acc").architectures] == ["row 2", "row 3", "row 4"]
        with pytest.raises(DataCorruptError, match=r"a stands in lines 2 and 4: keep one row of each"):
            own_benchmark(write(content), "acc", arch="arch")
        return
    with pytest.raises(DataCorruptError) as caught:
        own_benchmark(write(content), "acc")
    assert message in str(caught.value)
    assert "my.csv" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataMissingError, match="is not a file: give a table"):
        read_columns(tmp_path / "absent.csv")


def test_unknown_columns(write):
    for arguments in ({"target": "ac"}, {"target": "acc", "arch": "arhc"}, {"target": "acc", "lower": ["x"]}):
        with pytest.raises(UnknownNameError, match="unknown column"):
            own_benchmark(write(GOOD), **arguments)


def test_a_column_that_is_constant_has_no_correlation(write):
    result = correlate_columns(own_benchmark(write("acc,same,score\n1,5,1\n2,5,2\n3,5,3\n"), "acc"))
    assert np.isnan(result["same"].tau.value)
    assert result["score"].tau.value == pytest.approx(1)


def test_many_rows_are_drawn_at_random(write, monkeypatch):
    from zcbench.datasets import own

    monkeypatch.setattr(own, "MOST_ROWS", 1000)
    path = write("acc,score\n" + "".join(f"{i},{i % 7}\n" for i in range(5000)))
    with pytest.raises(InvalidInputError, match=r"has more than 1,000 rows: choose how many .* with --limit"):
        read_columns(path)
    drawn = read_columns(path, limit=200, seed=1).numbers["acc"]
    assert len(set(drawn)) == 200
    assert np.array_equal(drawn, read_columns(path, limit=200, seed=1).numbers["acc"])
    assert 1500 < drawn.mean() < 3500


@pytest.mark.slow
def test_ten_million_rows(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("acc,score\n")
        for start in range(0, 10_000_000, 100_000):
            file.write("".join(f"{i},{i * 7919 % 1000}\n" for i in range(start, start + 100_000)))
    started = time.monotonic()
    with pytest.raises(InvalidInputError, match="more than 1,000,000 rows"):
        read_columns(path)
    assert len(read_columns(path, limit=1000).numbers["acc"]) == 1000
    assert time.monotonic() - started < 120
