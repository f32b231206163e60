"""Results of searches."""

import json
import pickle

import numpy as np
import pytest
from toys import toy

import zcbench
from zcbench.search import Objective, SearchResult


@pytest.fixture(scope="module")
def result():
    return zcbench.search("digits-201", objectives="valid_nll", report=["test_nll"], searcher="random", budget=30)


def test_the_best_is_an_architecture_with_its_values(result):
    benchmark = zcbench.get_benchmark("digits-201")
    valid = benchmark.truth("valid_nll")[benchmark.rows(result.architectures)]
    row = int(np.argmin(valid))
    assert result.best.architecture == result.architectures[row]
    assert result.best.values == {"valid_nll": valid[row], "test_nll": result.values["test_nll"][row]}
    assert [one.architecture for one in result.front] == [result.best.architecture]


def test_its_table_is_the_benchmarks(result):
    truth = zcbench.get_benchmark("digits-201").truth("test_nll")
    known = result.report.known("test_nll")
    assert known.best == truth.min() and len(known) == len(truth) and not known.higher_is_better
    value = result.best.values["test_nll"]
    assert json.loads(result.to_json())["known"]["test_nll"]["rank"] == 1 + (truth < value).sum()


def test_every_form_tells_the_same(result, tmp_path):
    assert result.to_markdown(tmp_path / "r.md") == (tmp_path / "r.md").read_text()
    assert str(result) == result.report.to_text()
    assert result.to_csv(tmp_path / "r.csv").count("\n") == 31
    assert json.loads(result.to_json(tmp_path / "r.json"))["best"]["architecture"] == result.best.architecture.key
    assert result.best.architecture.key.split("|")[1] in result._repr_html_()
    assert len(result.trace) == 30 and result.trace.seed == 0


def test_it_survives_pickling(result):
    assert pickle.loads(pickle.dumps(result)).to_json() == result.to_json()


def test_a_function_has_no_table():
    space = zcbench.get_space("digits-201")
    found = zcbench.search(space, lambda architecture: float(len(architecture.key)), searcher="random", budget=5)
    assert found.table is None and found.report.known("value") is None
    assert found.best.values["value"] == max(found.values["value"])
    assert "the best of 5 evaluations by value" in " ".join(str(found).split())


def made(constraints, facts=True):
    benchmark = toy([0.1, 0.2, 0.3, 0.4])
    if facts:
        benchmark.facts["params"] = np.array([1.0, 2, 3, np.nan])
    return SearchResult(
        searcher="random@1",
        objectives=(Objective("quality"),),
        architectures=benchmark.architectures[:2],
        epochs=np.full(2, np.nan),
        values={"quality": np.array([0.1, 0.2])},
        seconds=np.array([1.0, 2.0]),
        spent={},
        asks=2,
        equal=0,
        scored=0,
        ended="",
        head={"evaluate": "toy@1", "seed": 0, "constraints": constraints},
        table=benchmark,
    )


def test_the_known_best_keeps_the_constraints():
    assert made(["params<=2.0"]).report.known("quality").best == 0.2
    assert made([]).report.known("quality").best == 0.4
    assert "Constraints: params<=2.0." in made(["params<=2.0"]).report.footnotes()


def test_constraints_that_columns_do_not_tell_of_are_told():
    found = made(["naswot<=2.0"])
    assert found.report.known("quality").best == 0.4
    assert any("no column to decide which rows satisfy naswot<=2.0" in note for note in found.report.footnotes())


def test_the_head_tells_of_scorers_and_of_the_reference():
    given = {"objectives": ["valid_nll", "-train_seconds"], "reference": {"valid_nll": 1, "train_seconds": 2}}
    found = zcbench.search("digits-201", searcher="nsga2", budget=20, scorer="params", **given)
    assert found.report.known_front.reference.tolist() == [1, 2]
    assert list(found.report.scorers) == ["warm-start"] and found.report.scorers["warm-start"][0].startswith("params@")


def test_columns_have_the_order_in_which_they_were_asked_for():
    names = ["valid_accuracy", "test_nll", "train_seconds", "test_accuracy", "valid_nll"]
    found = zcbench.search("digits-201", objectives=names[:1], report=names[1:], searcher="random", budget=2)
    assert list(found.values) == names


def test_nothing_found_is_none():
    found = zcbench.search("digits-201", searcher="random", budget=0)
    assert found.best is None and found.front == [] and "nothing was found" in " ".join(str(found).split())
