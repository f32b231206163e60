"""What programs write: dialects, encodings, comments, Parquet, and files that are no table."""

import csv
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zcbench.datasets import own_benchmark, read_columns
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, ZcbenchError

GOOD = "arch,acc,naswot,latency\na,90.5,3,1\nb,91,1,NA\nc,80,2,3\nd,70,0.5,4\n"


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


ROWS = "n1,90,1\nn2,91,3\nn3,80,2\n"
PLAIN = f"arch,acc,p\n{ROWS}"


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\n" + PLAIN.replace(",", ";"),
        '"sep=;"\r\n' + PLAIN.replace(",", ";").replace("\n", "\r\n"),
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace("\n", ",,\n"),
        PLAIN.replace("p\n", "p,\n"),
        PLAIN.replace("1\n", "1,\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\n\n").replace("n3", " \t\n,,\nn3"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        PLAIN.replace(",", " , "),
        PLAIN.replace(",", "  "),
        "# " + PLAIN,
        PLAIN.replace("p\n", "p\n# a comment, of two\n"),
        "# made on Monday, by me\n" + PLAIN,
        ",arch,acc,p\n0,n1,90,1\n1,n2,91,3\n2,n3,80,2\n",
        "Unnamed: 0,arch,acc,p\n7,n1,90,1\n1,n2,91,3\n2,n3,80,2\n",
        ",arch,acc,p\n,n1,90,1\n,n2,91,3\n,n3,80,2\n",
        ",acc,p\n" + ROWS,
        PLAIN.replace("p\n", '"p"\n').replace("n2", '"n2"'),
        "arch,acc,p,note\n" + ROWS.replace("\n", ',"a ""quoted""\n\nnote, long"\n'),
    ],
)
def test_what_programs_write(write, content):
    table = own_benchmark(write(content), "acc")
    assert [a.key for a in table.architectures] == ["n1", "n2", "n3"]
    assert table.truth().tolist() == [90, 91, 80]
    assert {name: column.tolist() for name, column in table.facts.items()} == {"p": [1, 3, 2]}


def test_what_is_skipped_is_said(write):
    assert (
        read_columns(write("# x\n" + PLAIN + "#n4,1,1\n"))
        .notes[0]
        .startswith("2 line(s) that begin with # were skipped: 1, 6.")
    )
    (note,) = own_benchmark(write(",arch,acc\n0,a,1\n1,b,2\n"), "acc").notes
    assert note == "The column 'column 1' is excluded because it numbers the rows, as pandas' index does."


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("arch,acc\na,1\n\n\nb,2,3\n", 5),
        ('arch,acc\n"a\n\nx",1\nb\n', 5),
        ("# x\narch,acc\n# y\na,1\nb,2,3\n", 5),
        ("sep=,\narch,acc\na,1\nc,2\nb,2,3\n", 5),
        ('arch,acc\na,1\nc,2\nd,3\n"b\n\n",2,3\n', 5),
    ],
)
def test_lines_are_those_that_an_editor_shows(write, content, line, end):
    with pytest.raises(DataCorruptError, match=f"my.csv, line {line}: "):
        own_benchmark(write(content.replace("\n", end)), "acc")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{}]".encode("utf-8-sig"), "is JSON, not a table: save it as CSV"),
        (b'{"a": [1, 2]}', "is JSON, not a table"),
        (b'<?xml version="1.0"?><a/>', "is a web page or XML, not a table"),
        (b"  \n<!-- hello --><html></html>", "is a web page, not a table"),
        (b"PK\x03\x04\x14\0", "is an Excel workbook or another zip archive: save the table as CSV"),
        (b"\x1f\x8b\x08", "is compressed: unpack it first"),
        (b"\x80\x04\x95", "is a Python pickle"),
        (bytes(range(256)) * 9, "is not a text file"),
        (bytes(range(1, 256)) * 9, "is not UTF-8 (line "),
        (PLAIN.encode("utf-16")[:-1], "begins as UTF-16 and is not"),
        (b"version https://git-lfs.github.com/spec/v1\noid 1", "is a pointer of Git LFS"),
        ((PLAIN + f"#{' ' * (1 << 20)}\nn\0,1,2\n").encode(), "line 6: it contains a NUL character"),
        (b'arch,acc\na,1\n"b,2\nc,3\n', "a quotation mark opens in line 3 and is not closed"),
        (b"# only\n# these\n", "has only lines that begin with #"),
        (b"arch, ,acc\na,1,2\n", "column 2 has no name"),
        (b"arch,val acc,val  acc\na,1,2\n", "has two columns named 'val acc'"),
        (b"arch,acc,\na,90,5\nb,91,5\n", "column 3 has no name"),
        (b",arch,acc\n0.5,a,1\n0.7,b,2\n", "column 1 has no name"),
        (PLAIN.replace("n2", "né2").encode("latin-1"), "is not UTF-8 (line 3): save it in that encoding"),
        (PLAIN.replace("n2", "né2").replace("\n", "\r").encode("latin-1"), "is not UTF-8 (line 3)"),
    ],
)
def test_files_that_are_no_table(write, content, message):
    with pytest.raises(DataCorruptError) as caught:
        own_benchmark(write(content), "acc")
    assert message in str(caught.value)


def test_a_folder(tmp_path):
    with pytest.raises(DataMissingError, match="is a folder, not a file"):
        read_columns(tmp_path)


@settings(max_examples=150)
@given(st.binary(max_size=300) | st.text(alphabet='arch,;\t|\n\r"#=.01295-e% \0é\u2028<{[', max_size=300))
def test_any_file_is_read_or_refused_in_one_sentence(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "my.csv")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            found = read_columns(path)
            own_benchmark(path, next(iter(found.texts)))
        except ZcbenchError as error:
            assert str(error)
        assert csv.field_size_limit() == 131072  # of others, who read CSV files too


def test_parquet_is_read_as_text_is(write, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    def parquet(**columns):
        pq.write_table(pa.table(columns), tmp_path / "x.parquet")
        return own_benchmark(tmp_path / "x.parquet", "acc", arch="arch" if "arch" in columns else None)

    table = parquet(
        arch=[1000001, 1000002], acc=[1.0, 2.0], big=[2**53 + 1, None], text=["1,5", "2,5"], point=[1.234, 2.345]
    )
    assert [a.key for a in table.architectures] == ["1000001", "1000002"]
    assert {name: values.tolist()[0] for name, values in table.facts.items()} == {
        "big": 2**53,
        "text": 1.5,
        "point": 1.234,
    }
    assert any("beyond 2**53 and rounded, first '9007199254740993' in row 1" in note for note in table.notes)
    table = parquet(arch=[[64, 2], [3, 4]], acc=[1.0, 2.0], yes=[True, False], when=["2020-01-01", "x"])
    assert [a.key for a in table.architectures] == ["[64, 2]", "[3, 4]"]
    assert table.facts["yes"].tolist() == [1, 0]
    assert table.notes == (
        "The column 'when' is excluded because it is text ('2020-01-01' in row 1), and no two texts are the same.",
    )
    with pytest.raises(DataCorruptError, match="'a' is in rows 1 and 2"):
        parquet(arch=["a", "a"], acc=[1.0, 2.0])
    table = parquet(acc=[1.0, 2.0], p=[3, 4], __index_level_0__=[7, 9])
    assert [a.key for a in table.architectures] == ["row 1", "row 2"]
    assert set(table.facts) == {"p"}
    pq.write_table(pa.Table.from_arrays([pa.array([1, 2])] * 2, names=["acc", "acc"]), tmp_path / "x.parquet")
    with pytest.raises(DataCorruptError, match="has two columns named 'acc'"):
        own_benchmark(tmp_path / "x.parquet", "acc")
    write(b"PAR1 and nothing more", "x.parquet")
    with pytest.raises(DataCorruptError, match="cannot be read"):
        own_benchmark(tmp_path / "x.parquet", "acc")


def test_parquet_is_drawn_from_too(tmp_path, monkeypatch):
    from zcbench.datasets import own

    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(own, "MOST_ROWS", 50)
    pq.write_table(pa.table({"acc": list(range(100))}), tmp_path / "x.parquet")
    with pytest.raises(InvalidInputError, match="has more than 50 rows"):
        read_columns(tmp_path / "x.parquet")
    assert len(read_columns(tmp_path / "x.parquet", limit=7).numbers["acc"]) == 7


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


def test_texts_of_parquet_that_repeat_are_counted(tmp_path):
    """A few kilobytes unpack to gigabytes where a long text repeats, or a list has many entries."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, rows = tmp_path / "a.parquet", 20_000
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["x" * 100_000]))
    pq.write_table(pa.table({"note": words, "acc": np.arange(rows)}), path)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataCorruptError, match="unpacks to more than"):
        own_benchmark(path, "acc")
    lists = pa.ListArray.from_arrays(
        pa.array(np.arange(1001, dtype=np.int32) * 50_000), pa.nulls(50_000_000, pa.int8())
    )
    pq.write_table(pa.table({"note": lists, "acc": np.arange(1000)}), path)
    with pytest.raises(DataCorruptError, match="unpacks to more than"):
        own_benchmark(path, "acc")


def test_points_in_time_in_parquet_are_text(tmp_path):
    """Whatever their unit and year; Python has neither nanoseconds nor years beyond 9999."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for kind, value in ((pa.timestamp("ns"), 1), (pa.time64("ns"), 1), (pa.timestamp("ms"), 1 << 55),
                        (pa.date32(), 1 << 30), (pa.timestamp("us", tz="Nowhere/Bad"), 1)):  # fmt: skip
        whole = pa.array([value, 2, None], pa.int32() if kind == pa.date32() else pa.int64())
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"arch": ["a", "b", "c"], "acc": [1.0, 2.0, 3.0], "when": whole.cast(kind)}), path)
        columns = read_columns(path)
        assert list(columns.numbers) == ["acc"]
        assert "when" in columns.left_out
