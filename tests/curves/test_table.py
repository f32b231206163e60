"""Tables of curves, in the forms in which people export them."""

import re

import numpy as np
import pytest

from zcbench.curves._table import read_curves
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, UnknownNameError


@pytest.fixture
def table(tmp_path):
    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def by_name(runs):
    return {run.name: run for run in runs}


def test_columns_are_ordered_by_their_numbers_and_empty_cells_are_missing(table):
    path = table("model,loss_10,loss_2,loss_1,loss_best\na,.1,.2,.3,9\nb,,.5,,9\n")
    runs = by_name(read_curves(path, curve="loss_*"))
    assert runs["a"].epochs.tolist() == [1, 2, 10]
    assert runs["a"].values.tolist() == [0.3, 0.2, 0.1]
    np.testing.assert_array_equal(runs["b"].values, [np.nan, 0.5, np.nan])
    assert read_curves(path)[0].values.tolist() == runs["a"].values.tolist()  # there is only one curve


def test_long_form_takes_rows_in_any_order(table):
    runs = by_name(read_curves(table("run,epoch,value\na,2,.5\nb,1,.1\na,1,.4\nb,5,\n")))
    assert (runs["a"].epochs.tolist(), runs["a"].values.tolist()) == ([1, 2], [0.4, 0.5])
    np.testing.assert_array_equal(runs["b"].values, [0.1, np.nan])


def test_a_column_for_each_run(table):
    path = table("Step,calm - loss,calm - loss__MIN,wild - loss\n0,2,2,3\n1,1,1,\n")
    runs = read_curves(path, value="* - loss")
    assert [run.name for run in runs] == ["calm", "wild"]
    assert runs[0].epochs.tolist() == [0, 1]


def test_an_export_of_weights_and_biases_needs_no_options(table):
    """Each column has one of its least and one of its greatest value, and steps stand beside the metric."""
    names = [f"{run} - {name}" for run in ("calm", "wild") for name in ("_step", "loss")]
    header = ",".join(f'"{name}{end}"' for name in names for end in ("", "__MIN", "__MAX"))
    path = table(f"Step,{header}\n1,{','.join(['7'] * 12)}\n2,{','.join(['8'] * 12)}\n")
    runs = read_curves(path)
    assert [(run.name, run.values.tolist()) for run in runs] == [("calm", [7, 8]), ("wild", [7, 8])]
    both = table("Step,a - loss,a - acc,b - loss,b - acc\n1,1,1,1,1\n")
    with pytest.raises(InvalidInputError, match=r"--value.*: \* - loss, \* - acc\.$"):
        read_curves(both)
    assert [run.name for run in read_curves(both, value="* - acc")] == ["a", "b"]
    assert read_curves(table("Step,a - acc__MIN\n1,.5\n"), value="a - acc__MIN")[0].values.tolist() == [0.5]


def test_a_log_with_a_row_for_each_step(table):
    """The value of an epoch stands in one of its rows."""
    text = "epoch,step,train_loss,val_acc\n0,10,2.5,\n0,20,2.4,\n0,30,,.3\n1,40,2.2,\n1,50,,.4\n2,60,2.0,\n"
    (run,) = read_curves(table(text), value="val_acc")
    assert (run.epochs.tolist(), run.values.tolist(), run.trouble) == ([0, 1], [0.3, 0.4], "")
    (run,) = read_curves(table(text), value="train_loss")
    assert "epoch 0 is repeated (line 2 and line 3)" in run.trouble


def test_a_log_of_one_run(table):
    (run,) = read_curves(table("epoch;acc;loss\n1;0,5;2\n2;0,75;1\n"), value="acc")
    assert (run.name, run.values.tolist()) == ("acc", [0.5, 0.75])


def test_one_bad_run_leaves_the_others(table):
    wide = by_name(read_curves(table("model,e1,e2,e3\na,.1,.2,.3\nb,.1,oops,.3\nc,,,\n")))
    assert wide["a"].trouble == ""
    assert "'oops' in the column 'e2'" in wide["b"].trouble
    assert wide["c"].trouble == "it has no values"
    long = by_name(read_curves(table("run,epoch,value\na,1,.1\na,1,.2\nb,x,.1\nc,1,.1\nd,1,?!\n")))
    assert long["a"].trouble.startswith(
        "epoch 1 is repeated (line 2 and line 3): keep one row of each epoch, or give a column"
    )
    assert "'x' in line 4" in long["b"].trouble
    assert long["c"].trouble == ""
    assert "'?!' in line 6" in long["d"].trouble


def test_runs_of_one_name_are_told_apart(table):
    runs = read_curves(table("model,e1,e2\na,1,2\na,3,4\n,5,6\n"))
    assert [run.name for run in runs] == ["a (line 2)", "a (line 3)", "line 4"]
    runs = read_curves(table("e1,e2\n1,2\n"))
    assert [run.name for run in runs] == ["line 2"]


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("a,b\n1,2\n", {}, InvalidInputError, "neither a column for each epoch"),
        (
            "x_1,x_2,y_1,y_2\n1,2,3,4\n",
            {},
            InvalidInputError,
            r"several curves \(x_\*, y_\*\): choose one with --curve",
        ),
        ("x_1,x_01\n1,2\n", {"curve": "x_*"}, DataCorruptError, "'x_1' and 'x_01' are both epoch 1"),
        ("x_1,y\n1,2\n", {"curve": "x_*"}, DataCorruptError, "only the column 'x_1' matches 'x_*'"),
        ("x_1,y\n1,2\n", {"curve": "z_*"}, DataCorruptError, "no column matches 'z_*'"),
        ("x_1,y\n1,2\n", {"curve": "x"}, InvalidInputError, "write one * for the number"),
        ("x_1,x_2\n1,2\n", {"run": "model"}, UnknownNameError, "model"),
        ("x_1,x_2\n1,2\n", {"value": "x_1"}, InvalidInputError, "give its name with --epoch"),
        ("x_1,x_2\n1,2\n", {"value": "x_1", "curve": "x_*"}, InvalidInputError, "choose one"),
        (
            "epoch,a,b\n1,2,3\n",
            {},
            InvalidInputError,
            'give the column of values with --value, or several by a pattern ("*" for all): a, b',
        ),
        ("epoch,a,b\n1,2,3\n", {"value": "c"}, UnknownNameError, "c"),
        ("run,epoch,a,b\nr,1,2,3\n", {"value": "*"}, InvalidInputError, "2 columns of values"),
        ("epoch,epoch\n1,2\n", {}, DataCorruptError, "two columns named 'epoch'"),
    ],
)
def test_one_sentence_for_what_is_not_clear(table, text, options, error, message):
    pattern = message if "\\" in message else re.escape(message)
    with pytest.raises(error, match=pattern):
        read_curves(table(text), **options)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataMissingError):
        read_curves(tmp_path / "no.csv")
