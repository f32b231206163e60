"""Your own table in one line: what is read, what is said of bad ones."""

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
from zcbench.metrics import kendall_tau
from zcbench.runs import correlate_columns

GOOD = "arch,acc,naswot,latency\na,90.5,3,1\nb,91,1,NA\nc,80,2,3\nd,70,0.5,4\n"


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
        ("arch,acc\n" + "a,1\n" * 20 + "b,2x\n", "line 22: '2x' in the column 'acc' is not a number: correct it"),
        ("arch,acc\na,x\nb,y\n", "the column 'acc' is text: choose a column of numbers with --target"),
        ("arch,acc\na,NA\nb,\n", "the column 'acc' has no values"),
        ("arch,acc\na,1\nb,2\na,3\n", "'a' is in lines 2 and 4: keep one row of each"),
        ("arch,acc\n" + "a,1\n" * 6 + "b,2\nb,3\n", "'a' is in lines 2, 3, 4, … and 7; 1 more name repeats"),
        ("arch,acc\n,1\nb,2\n", "line 2: the architecture has no name"),
        ("arch,acc\na,1\n", "'acc' has one finite value: there is nothing to rank"),
        ("arch,acc\na,inf\nb,-Infinity\n", "no finite values"),
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
        "The column 'id' is excluded because its name says that it names architectures.",
        "The column 'name' is excluded because it is text ('x' in line 2).",
    )


def test_text_that_repeats_names_nothing(write):
    table = own_benchmark(write("family,acc\nx,2\nx,4\n"), "acc")
    assert [a.key for a in table.architectures] == ["row 2", "row 3"]
    said = "Rows are numbered because the text in 'family' repeats; --arch names the column of architectures."
    assert said in table.notes


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


def test_a_first_line_without_names_is_suspected(write):
    with pytest.raises(UnknownNameError, match=r"unknown column 'acc': .*Does the first line name the columns\?"):
        own_benchmark(write("n1,90.5,1\nn2,91,2\n"), "acc")


@pytest.mark.parametrize("other", ["x  y", "x\u00a0y", "x\u2003y"])
def test_names_that_differ_in_spaces_are_one_name(tmp_path, other):
    path = tmp_path / "a.csv"
    path.write_text(f"arch,acc\nx y,1\n{other},2\nz,3\n", encoding="utf-8")
    with pytest.raises(DataCorruptError, match="'x y' is in lines 2 and 3"):
        own_benchmark(path, "acc")
    path.write_text("arch,acc\ncaf\u00e9,1\ncafe\u0301,2\nz,3\n", encoding="utf-8")
    with pytest.raises(DataCorruptError, match="is in lines 2 and 3"):
        own_benchmark(path, "acc")


CURVES = "arch,acc,params,loss_10,loss_2,loss_1,loss_best\na,90,3,.1,.2,.3,9\nb,80,1,,.5,inf,9\nc,70,2,,,,9\n"


def test_columns_that_are_the_epochs_of_a_curve(write):
    table = own_benchmark(write(CURVES), "acc", curves="loss_*")
    np.testing.assert_array_equal(
        table.curves["loss"][:, 0], [[0.3, 0.2, 0.1], [np.inf, 0.5, np.nan], [np.nan, np.nan, np.nan]]
    )
    assert set(table.facts) == {"params", "loss_best"}
    (note,) = (note for note in table.notes if note.startswith("The curve"))
    assert note.startswith("The curve 'loss' has 3 epochs, the columns 'loss_1' to 'loss_10'")
    assert "do not increase by 1" in note
    assert "loss_best" in note
    named = own_benchmark(write(CURVES), "acc", curves={"valid loss": "loss_*"})
    assert set(named.curves) == {"valid_loss"}
    assert own_benchmark(write(CURVES), "acc").curves == {}


def test_curves_of_equal_networks_are_averaged(write):
    rows = "1,90,2,4\n1,80,4,\n2,70,1,1\n".replace("1,9", "0" * 8 + ",9").replace("1,8", "0" * 8 + ",8")
    content = "arch,acc,l1,l2\n" + rows.replace("2,7", "1" * 8 + ",7")
    table = own_benchmark(write(content), "acc", space="nasbenchmacro", curves="l*")
    np.testing.assert_array_equal(table.curves["l"][:, 0], [[3, 4], [1, 1]])


@pytest.mark.parametrize(
    ("content", "curves", "error", "message"),
    [
        (CURVES, "loss", InvalidInputError, "write one \\* for the number"),
        (CURVES, "acc_*", DataCorruptError, "my.csv: no column matches 'acc_\\*'"),
        (CURVES.replace("loss_2", "a").replace("loss_10", "o"), "loss_*", DataCorruptError, "needs two epochs"),
        (CURVES, ["loss_*", "loss_*"], InvalidInputError, "two curves have the name 'loss'"),
        (CURVES, ["loss_*", "x=loss_1*", "y=los*"], DataCorruptError, "a curve needs two epochs"),
        (CURVES, {"x": "loss_*", "y": "loss_*"}, InvalidInputError, "belongs to two curves"),
        (CURVES.replace(",.2,", ",low,"), "loss_*", DataCorruptError, "'loss_2' is not a column of .*'low' in line 2"),
        ("acc,l1,l2\n" + "1,2,3\n" * 20 + "2,2,x\n", "l*", DataCorruptError, "my.csv, line 22: 'x' in the column 'l2'"),
        (CURVES, 3, InvalidInputError, "curves 3"),
    ],
)  # fmt: skip
def test_one_sentence_for_bad_curves(write, content, curves, error, message):
    with pytest.raises(error, match=message):
        own_benchmark(write(content), "acc", curves=curves)


def test_curves_by_their_patterns(tmp_path):
    """A pattern names the curve where lower is better; as the target a curve is its last epoch."""
    rows = "".join(f"a{k},{k},{9 - k}.5,{5 - k}.25\n" for k in range(4))
    (tmp_path / "t.csv").write_text("arch,acc,loss_1,loss_3\n" + rows)
    for name in ("loss", "loss_*"):
        table = own_benchmark(tmp_path / "t.csv", name, lower=name, curves="loss_*")
        assert table.default_target == "loss_3"
        assert {n: one.higher_is_better for n, one in table.targets.items()} == {"loss": False, "loss_3": False}
        assert table.truth().tolist() == [5.25, 4.25, 3.25, 2.25]
    table = own_benchmark(tmp_path / "t.csv", "acc", lower="loss_*", curves="loss_*")
    assert {n: one.higher_is_better for n, one in table.targets.items()} == {"loss": False, "acc": True}
    with pytest.raises(UnknownNameError, match="valid"):
        own_benchmark(tmp_path / "t.csv", "acc", lower="valid_*", curves="loss_*")
