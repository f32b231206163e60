"""The files that ``--out`` writes."""

import json

import pytest

import zcbench
from zcbench.cli._written import write_boards, write_efficiency, write_evaluations
from zcbench.errors import StoreError
from zcbench.records import Store


@pytest.fixture
def evaluation(place):
    return zcbench.evaluate("digits-201", ["params", "num_layers"], limit=4, batch_size=8, store="runs")


def test_evaluations(place, evaluation):
    write_evaluations(place / "out", "board", [evaluation], [evaluation], Store("runs"))
    assert (place / "out" / "board.csv").read_text() == evaluation.to_csv()
    assert (place / "out" / "board.md").read_text() == evaluation.to_markdown()
    assert "params" in (place / "out" / "board.html").read_text()


def test_boards(place, evaluation):
    write_boards(place / "out", "several", [evaluation, evaluation])
    assert len((place / "out" / "several.csv").read_text().splitlines()) == 5
    assert (place / "out" / "several.html").read_text().count("<table") == 2


def test_efficiency(place):
    found = zcbench.run("digits-201", predictors="bayesian_ridge:encoding=stats", limit=20, train_sizes=5, seeds=2)
    write_efficiency(place / "out", "digits-201", found)
    assert {path.name for path in (place / "out").iterdir()} == {
        f"digits-201-predictors.{suffix}" for suffix in ("csv", "md", "svg")
    }
    assert json.loads(found.to_json())["points"]


def test_a_folder_that_cannot_be_made(place, evaluation):
    (place / "out").write_text("")
    with pytest.raises(StoreError, match="is not a folder"):
        write_boards(place / "out", "x", [evaluation])
