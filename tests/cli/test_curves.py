"""zcbench curves."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

WIDE = "model,acc_1,acc_2,acc_3,acc_4\na,.1,.3,.4,.45\nb,.2,.3,,\nbad,.1,x,.3,\nover,.1,.2,.3,inf\n"


@pytest.fixture
def wide(place):
    (place / "w.csv").write_text(WIDE)
    return "w.csv"


def test_a_table_of_runs(cli, wide):
    result = cli("curves", "predict", wide, "--horizon", 20, "--above", 0.5)
    assert result.status == 1  # two runs have no forecast
    lines = result.out.splitlines()
    assert lines[0].split() == ["run", "seen", "last", "epoch", "median", "90", "%", "interval", "P(>", "0.5)"]
    assert [line.split()[:4] for line in lines[1:]] == [["a", "4", "0.45", "20"], ["b", "2", "0.3", "20"]]
    assert all(len(line) <= 80 for line in lines)
    said = result.err.splitlines()
    assert len(said) == 2
    assert "'bad' has no forecast: 'x' in the column 'acc_2' is not a number" in said[0] or "('x' in" in said[0]
    assert "'over' has no forecast: the value at epoch 4 is inf" in said[1]


def test_json_and_csv_agree(cli, wide):
    pytest.importorskip("matplotlib")
    words = ["--predictor", "last_value", "--json", "--out", "f.csv", "--figure", "f.png"]
    result = cli("curves", "predict", wide, "--horizon", 6, *words)
    runs = {run["run"]: run for run in json.loads(result.out)["runs"]}
    assert [row["epoch"] for row in runs["a"]["forecast"]] == [5, 6]
    assert runs["bad"]["trouble"]
    assert (runs["a"]["seen"], runs["a"]["last"], runs["a"]["last_epoch"]) == (4, 0.45, 4)
    with Path("f.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], float(row["epoch"])) for row in rows] == [
        ("a", 5), ("a", 6), ("b", 3), ("b", 4), ("b", 5), ("b", 6),
    ]  # fmt: skip
    assert float(rows[1]["q95"]) == runs["a"]["forecast"][1]["q95"]


def test_long_form_and_percent(cli, place):
    (place / "l.csv").write_text("run,epoch,value\n" + "".join(f"r,{e},{90 - 60 / e}\n" for e in range(1, 9)))
    assert (
        "30 to 82.5: give --bounds 0,100 for percent, or --lower for a loss"
        in cli("curves", "predict", "l.csv", "--horizon", 20).sentence
    )
    result = cli("curves", "predict", "l.csv", "--horizon", 20, "--bounds", "0,100", "--at", "10,20")
    assert result.status == 0
    medians = [float(line.split()[4]) for line in result.out.splitlines()[1:]]
    assert len(medians) == 2
    assert 80 < medians[0] < 95


def test_runs_that_have_ended_are_no_mistake(cli, wide):
    result = cli("curves", "predict", wide, "--horizon", 4, "--predictor", "last_value")
    assert "ended" in result.out.splitlines()[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.csv", "--horizon", 9], "none.csv is not a file"),
        (["w.csv", "--horizon", "nan"], "a horizon of nan"),
        (["w.csv", "--horizon", 20, "--bounds", "0"], "write two numbers"),
        (["w.csv", "--horizon", 20, "--bounds", "1,0"], "smallest and the largest value"),
        (["w.csv", "--horizon", 20, "--at", "soon"], "write numbers separated by commas"),
        (["w.csv", "--horizon", 20, "--at", "30"], "epoch 30 is requested, but the horizon is 20"),
        (["w.csv", "--horizon", 20, "--above", "nan"], "give a number"),
        (["w.csv", "--horizon", 20, "--above", "80"], "80 lies outside the metric's range, 0 to 1"),
        (
            ["w.csv", "--horizon", 20, "--figure", "f.txt"],
            "'f.txt' is not an image's name: use one of the suffixes .png",
        ),
        (["w.csv", "--horizon", 20, "--predictor", "lcpfm"], "lcpfn"),
        (["w.csv", "--horizon", 20, "--curve", "loss_*"], "no column matches 'loss_*'"),
    ],
)
def test_one_sentence(cli, wide, words, message):
    assert message in cli("curves", "predict", *words).sentence


def test_many_bad_runs_do_not_flood(cli, place):
    """Those of one kind are told in one line, and of many kinds ten."""
    (place / "m.csv").write_text("model,e1,e2\n" + "".join(f"r{k},3{k},4{k}\n" for k in range(50)))
    result = cli("curves", "predict", "m.csv", "--horizon", 9)
    assert "'r0' and 49 other runs have no forecast: values range from 30 to 40: give --bounds" in result.sentence
    words = [f"{chr(97 + k)}{chr(97 + j)}" for k in range(5) for j in range(10)]
    (place / "m.csv").write_text("model,e1,e2\n" + "".join(f"{word},.1,x{word}\n" for word in words))
    result = cli("curves", "predict", "m.csv", "--horizon", 9)
    assert (result.status, result.out, len(result.err.splitlines())) == (1, "", 11)
    assert "40 more runs have no forecast" in result.err


def test_what_does_not_fit_into_memory_is_not_tried(cli, wide):
    result = cli("curves", "predict", wide, "--horizon", 5_000_000, "--out", "f.csv")
    assert "500,000 fit into memory: choose epochs with --at." in result.err


def test_shares_that_are_called_percent_get_a_note(cli, wide):
    result = cli("curves", "predict", wide, "--horizon", 20, "--bounds", "0,100", "--predictor", "last_value")
    assert "no value is above 1: if the values are fractions, omit --bounds" in result.err


def test_files_are_written_before_the_table_is_printed(cli, wide, place, monkeypatch):
    def broken(*given):
        raise BrokenPipeError

    monkeypatch.setattr("zcbench.cli.curves._show", broken)
    cli("curves", "predict", wide, "--horizon", 20, "--out", "f.csv", "--predictor", "last_value")
    assert (place / "f.csv").exists()


def test_losses(cli, place):
    values = 0.5 + 2 / np.arange(1, 13)
    (place / "loss.csv").write_text(
        "run," + ",".join(f"valid_loss_{k}" for k in range(12)) + "\nr," + ",".join(map(str, values)) + "\n"
    )
    result = cli("curves", "predict", "loss.csv", "--horizon", 50, "--lower", "--json")
    (row,) = json.loads(result.out)["runs"][0]["forecast"]
    assert row["q05"] < 0.5 + 2 / 51 < row["q95"]
