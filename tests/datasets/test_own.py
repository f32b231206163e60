"""Your own table in one line: what is read, what is said of bad ones."""

import csv
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zcbench
from zcbench.datasets import own_benchmark, read_columns
from zcbench.errors import (
    DataCorruptError,
    DataMissingError,
    InvalidArchitectureError,
    InvalidInputError,
    UnknownNameError,
    ZcbenchError,
)
from zcbench.metrics import kendall_tau
from zcbench.runs import correlate_columns

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
        ("arch,acc\na,1\nb,2\na,3\n", "'a' is in lines 2 and 4: keep one row of each"),
        ("arch,acc\n" + "a,1\n" * 6 + "b,2\nb,3\n", "'a' is in lines 2, 3, 4, … and 7; 1 more name repeats"),
        ("arch,acc\n,1\nb,2\n", "line 2: the architecture has no name"),
        ("arch,acc\na,1\n", "'acc' has one finite value: there is nothing to rank"),
        ("arch,acc\na,inf\nb,-Infinity\n", "no values that are finite"),
        ("arch,acc\na,01\nb,02\n", "the column 'acc' is text"),
        ("arch,acc\na,1\nb,1\n", "all values of 'acc' are the same: there is nothing to rank"),
        (b"arch,acc\nna\xefve,1\nb,2\n", "is not UTF-8 (line 2): save it in that encoding"),
        (b"arch,acc\n\0\0\0,1\nb,2\n", "is not a text file: give a CSV file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not"),
        ("<!DOCTYPE html><html>\n</html>", "is a web page, not a table"),
        ('arch,acc\n"a,1\nb,2\n', "line"),
    ],
)
def test_bad_tables_get_one_sentence(write, content, message):
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


# -- what a column of cells is -----------------------------------------------------------------


def columns_of(write, cells, separator=";"):
    """Columns of a file with one column besides names and target."""
    rows = [separator.join(("arch", "acc", "p")), *(separator.join((f"n{i}", str(i), c)) for i, c in enumerate(cells))]
    return read_columns(write("\n".join(rows)))


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1", "+2", "-3"], [1, 2, -3]),
        (["1.", ".5", "1e5"], [1, 0.5, 1e5]),
        (["1E-5", " 1 ", "−4"], [1e-5, 1, -4]),  # the last with a minus sign, not a hyphen
        (["90,5", "1,25", "3"], [90.5, 1.25, 3]),
        (["0,125", "1,234", ",5"], [0.125, 1.234, 0.5]),
        (["1,234", "2,345"], [1.234, 2.345]),  # whichever is meant, their order is the same
        (["93.5%", "91 %"], [93.5, 91]),
        (["93,5 %", "91%"], [93.5, 91]),
        (["true", "FALSE"], [1, 0]),
        (["yes", "No", "NA"], [1, 0, np.nan]),
        (["", "NA", "nan", "None", "null", "-", "#N/A", "<NA>", "-nan", "3", "4"], [*[np.nan] * 9, 3, 4]),
        (["inf", "-Infinity", "1e999", "1"], [np.inf, -np.inf, np.inf, 1]),
    ],
)
def test_cells_that_are_numbers(write, cells, numbers):
    np.testing.assert_array_equal(columns_of(write, cells).numbers["p"], numbers)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["8_16", "16_8"], "it is text ('8_16' in line 2)"),
        (["１２", "１３"], "it is text ('１２' in line 2)"),
        (["0x10", "0x11"], "it is text ('0x10' in line 2)"),
        (["1", "infinite"], "it is text ('infinite' in line 3)"),
        (["02012100", "11111111"], "it is text, as '02012100' in line 2 begins with 0"),
        (["1,5", "1.5"], "it mixes decimal commas and points ('1,5' in line 2, '1.5' in line 3)"),
        (["1,5%", "1.5%"], "it mixes decimal commas and points"),
        (["93.5%", "0.93"], "it mixes '93.5%' in line 2 with '0.93' in line 3"),
        (["5", "1,234"], "'1,234' in line 3 may have a decimal comma or a thousands separator"),
        (["1,234.5", "999"], "'1,234.5' in line 2 has thousands separators"),
        (["1,234,567", "2"], "'1,234,567' in line 2 has thousands separators"),
        (["1.234,5", "2"], "'1.234,5' in line 2 has thousands separators"),
        (["1'234", "2"], "has thousands separators"),
        (["1\u202f234", "2"], "has thousands separators"),
        (["1,234", "99.5"], "'1,234' in line 2 has thousands separators"),
        (["#DIV/0!", "2"], "it is text ('#DIV/0!' in line 2)"),
        ([*map(str, range(20)), "2x"], "'2x' in line 22 is no number"),
        (["", "NA"], "it has no values"),
    ],
)
def test_columns_that_are_left_out_are_named(write, cells, reason):
    found = columns_of(write, cells)
    assert "p" not in found.numbers
    assert reason in found.left_out["p"]
    assert found.texts["p"] == cells
    table = own_benchmark(write("arch;acc;p\n" + "".join(f"n{i};{i};{c}\n" for i, c in enumerate(cells))), "acc")
    assert any(note.startswith("The column 'p' is left out because ") and reason in note for note in table.notes)


def test_points_beside_decimal_commas_may_separate_thousands(write):
    found = read_columns(write("arch;acc;p;q\na;90,5;1.234;1.5\nb;91,5;2.345;1.25\n"))
    assert "may have a decimal point or a thousands separator" in found.left_out["p"]
    assert found.numbers["q"].tolist() == [1.5, 1.25]


def test_decimal_commas_of_a_target(write):
    for content in ("arch;acc\na;90,5\nb;91,5\n", "arch\tacc\na\t90,5\nb\t91,5\n", 'arch,acc\na,"90,5"\nb,"91,5"\n'):
        assert own_benchmark(write(content), "acc").truth().tolist() == [90.5, 91.5]
    with pytest.raises(DataCorruptError, match=r"line 2: 3 values for 2 columns. If 90,5 is one number, its comma"):
        own_benchmark(write("arch,acc\na,90,5\nb,91,5\n"), "acc")
    with pytest.raises(DataCorruptError, match="the column 'acc' is no column of numbers: it mixes decimal commas"):
        own_benchmark(write("arch;acc\na;90,5\nb;91.5\n"), "acc")


def test_numbers_that_no_float_holds_are_noticed(write):
    table = own_benchmark(write("arch,acc,p,q\na,1,9007199254740993,9007199254740992\nb,2,1,inf\n"), "acc")
    assert table.notes == (
        "In 'p' 1 whole number is beyond 2**53 and rounded, first '9007199254740993' in line 2.",
        "In 'q' 1 value is infinite, first 'inf' in line 3.",
    )


def test_missing_values_are_counted(write):
    table = own_benchmark(write("arch,acc,p\na,,1\nb,2,\nc,3,NA\nd,4,4\n"), "acc")
    assert table.notes == ("Of 4 rows, values are missing: 1 of 'acc', 2 of 'p'.",)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "  "])
def test_only_ascii_digits_make_numbers(write, separator):
    """Whatever Python's float() takes beyond them is text, and every plain float is read as it is."""
    rng = np.random.default_rng(0)
    plain = [repr(float(x)) for x in rng.normal(size=50) * 10.0 ** rng.integers(-20, 20, 50)]
    content = "\n".join(separator.join((f"n{i}", str(i), x, f"{i}_{i}")) for i, x in enumerate(plain))
    found = read_columns(write(separator.join(("arch", "acc", "p", "q")) + "\n" + content))
    assert found.numbers["p"].tolist() == [float(x) for x in plain]
    assert set(found.left_out) == {"arch", "q"}


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "options"),
    [("arch", {}), ("id", {}), ("code", {"arch": "code"}), ("my code", {"arch": " my  code"})],
)
@pytest.mark.parametrize(
    "names", [["1000001", "1000002"], ["02012100", "00012110"], ["1e5", "2e5"], ["1" * 30, "2" * 30]]
)
def test_architectures_of_digits_stay_text(write, header, options, names):
    path = write(f"p,{header},acc\n1,{names[0]},90\n2,{names[1]},91\n")
    table = own_benchmark(path, "acc", **options)
    assert [a.key for a in table.architectures] == names
    assert set(table.facts) == {"p"}


def test_the_surest_column_names_the_architectures(write):
    table = own_benchmark(write("id,name,arch,acc\n1,x,a,90\n2,y,b,91\n"), "acc")
    assert [a.key for a in table.architectures] == ["a", "b"]
    assert table.facts == {}
    assert table.notes == (
        "The column 'id' is left out because its name says that it names architectures.",
        "The column 'name' is left out because it is text ('x' in line 2).",
    )


def test_text_that_repeats_names_nothing(write):
    table = own_benchmark(write("family,acc\nx,2\nx,4\n"), "acc")
    assert [a.key for a in table.architectures] == ["row 2", "row 3"]
    assert "Rows are numbered because the text in 'family' repeats." in table.notes


def test_equal_networks_are_merged(write):
    space = zcbench.get_space("nasbench201")
    rng = np.random.default_rng(0)
    text, twin = next(
        (a.key, space.canonical(a).key) for a in iter(lambda: space.sample(rng), None) if space.canonical(a) != a
    )
    other = next(a.key for a in space if space.canonical(a).key != twin)
    path = write(f"name;acc;p\n{text};90;1\n{other};80;2\n{twin};92;\n{text};94;4\n")
    table = own_benchmark(path, "acc", space="nasbench201")
    assert [a.key for a in table.architectures] == [text, other]
    assert table.truth().tolist() == [92, 80]  # (90 + 92 + 94) / 3
    assert table.facts["p"].tolist() == [2.5, 2]  # (1 + 4) / 2
    assert any("2 architectures remain of 4 rows, as rows of equal networks were merged" in n for n in table.notes)
    with pytest.raises(DataCorruptError, match="is in lines 2 and 5"):  # of a name alone nothing is known
        own_benchmark(path, "acc")


def test_the_column_of_a_space_is_found(write):
    table = own_benchmark(write("what,cell,acc\nx,22012100,80\nx,10012110,81\n"), "acc", space="nasbenchmacro")
    assert [a.key for a in table.architectures] == ["22012100", "10012110"]
    with pytest.raises(InvalidArchitectureError, match="line 3: '3' is not an architecture of nasbenchmacro"):
        own_benchmark(write("cell,acc\n22012100,80\n3,81\n"), "acc", space="nasbenchmacro", arch="cell")


def test_names_may_be_long_and_odd(write):
    long = "x" * 200_000
    content = f'arch,acc,p\n{long}0,1,2\n{long}1,2,3\n"[[0 1]\n [0 0]]",3,4\nn\x1b\u202e,4,5\n'
    names = [a.key for a in own_benchmark(write(content), "acc").architectures]
    assert names == [f"{long}0", f"{long}1", "[[0 1] [0 0]]", "n\x1b\u202e"]
    digits = "9" * 200_000
    cells = [f"{digits}x", f"{digits}%x", f"{digits}.{digits}x", f"1{',111' * 50_000}x", f"1{' 111' * 50_000}x", digits]
    for cell in cells:  # in linear time
        found = read_columns(write(f'arch;acc;p\na;1;"{cell}"\nb;2;x\n'))
        assert len(found.left_out["p"]) < 200
    with pytest.raises(DataCorruptError) as caught:
        own_benchmark(write(f"arch,acc\n{long},1\n{long},2\n"), "acc")
    assert len(str(caught.value)) < 500


# -- what programs write -----------------------------------------------------------------------

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
    assert note == "The column 'column 1' is left out because it numbers the rows, as pandas' index does."


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
        ((PLAIN + f"#{' ' * (1 << 20)}\nn\0,1,2\n").encode(), "line 6: it holds a NUL character"),
        (b'arch,acc\na,1\n"b,2\nc,3\n', "a quotation mark opens in line 3 and is never closed"),
        (b"# only\n# these\n", "holds nothing but lines that begin with #"),
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


def test_a_first_line_without_names_is_suspected(write):
    with pytest.raises(UnknownNameError, match=r"unknown column 'acc': .*Does the first line name the columns\?"):
        own_benchmark(write("n1,90.5,1\nn2,91,2\n"), "acc")


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
    assert table.notes == ("The column 'when' is left out because it is text ('2020-01-01' in row 1).",)
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


@pytest.mark.parametrize(
    "content",
    [
        "arch\tacc\tflops\na\t0.93\t1,234\nb\t0.9\t12,345\n",
        "arch|acc|flops\na|0.93|1,234\nb|0.9|12,345\n",
        "arch;acc;flops\na;0.93;1,234\nb;0.9;12,345\n",
        "arch\tacc\tparams\tflops\na\t93\t1,234,567\t1,234\nb\t94\t2,345,678\t12,345\n",
        "arch;acc;params;flops\na;93;1.234.567;1.234\nb;94;2.345.678;12.345\n",
        "arch;acc;params;flops\na;93;1.234,5;1.234\nb;94;2.345,5;12.345\n",
    ],
)
def test_other_columns_tell_that_thousands_are_separated(tmp_path, content):
    """1,234 beside 0.93 or 1,234,567 is no 1.234, and 1.234 beside 1.234.567 neither."""
    path = tmp_path / "a.csv"
    path.write_text(content)
    columns = read_columns(path)
    assert "flops" not in columns.numbers
    assert "thousands separator" in columns.left_out["flops"]
    assert columns.numbers["acc"][0] in (0.93, 93)


@pytest.mark.parametrize("other", ["x  y", "x\u00a0y", "x\u2003y"])
def test_names_that_differ_in_spaces_are_one_name(tmp_path, other):
    path = tmp_path / "a.csv"
    path.write_text(f"arch,acc\nx y,1\n{other},2\nz,3\n", encoding="utf-8")
    with pytest.raises(DataCorruptError, match="'x y' is in lines 2 and 3"):
        own_benchmark(path, "acc")
    path.write_text("arch,acc\ncaf\u00e9,1\ncafe\u0301,2\nz,3\n", encoding="utf-8")
    with pytest.raises(DataCorruptError, match="is in lines 2 and 3"):
        own_benchmark(path, "acc")


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
