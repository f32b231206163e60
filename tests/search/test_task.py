"""What a search is asked for: columns, functions, reference points, and what does not go together."""

import math

import pytest

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.scorers import Context
from zcbench.search import FunctionEvaluator, Objective, TableEvaluator
from zcbench.search._task import Calls, task_of


@pytest.fixture(scope="module")
def table():
    return zcbench.get_benchmark("digits-201")


def made(table, evaluate="table", **given):
    usual = {"objectives": "valid_nll", "reported": [], "scored": (), "cost": None, "constraints": None}
    usual |= {"calls": Calls(None, 0, None, 0), "context": Context.of(table), "equal": "canonical", "reference": None}
    return task_of(table.space, table, table if evaluate == "table" else evaluate, **(usual | given))


def test_directions_are_the_tables_and_those_of_facts_are_written(table):
    task = made(table, objectives=["valid_nll", "valid_accuracy", "-train_seconds"])
    assert task.objectives == (
        Objective("valid_nll", False),
        Objective("valid_accuracy", True),
        Objective("train_seconds", False),
    )
    assert made(table, objectives=["-valid_accuracy"]).objectives == (Objective("valid_accuracy", True),)
    assert isinstance(task.evaluator, TableEvaluator) and task.domain.candidates == table.architectures


def test_reported_columns_are_looked_up_and_never_searched_for(table):
    task = made(table, reported=["test_nll", "valid_nll"])
    assert list(task.evaluator.columns) == ["valid_nll", "test_nll"]
    assert [goal.name for goal in task.objectives] == ["valid_nll"]


def test_a_function_names_what_it_gives(table):
    task = made(table, len, objectives=["accuracy", "-flops"])
    assert isinstance(task.evaluator, FunctionEvaluator)
    assert task.objectives == (Objective("accuracy"), Objective("flops", False))
    assert made(table, len, objectives=None).objectives == (Objective("value"),)
    assert task.domain.candidates is None


def test_the_reference_point_is_turned(table):
    task = made(
        table, objectives=["valid_accuracy", "-train_seconds"], reference={"train_seconds": 9, "valid_accuracy": 0.5}
    )
    assert task.reference == (0.5, -9.0)
    assert task.head["reference"] == {"train_seconds": 9.0, "valid_accuracy": 0.5}


def test_the_head_tells_tasks_apart(table):
    heads = [
        made(table),
        made(table, objectives="valid_accuracy"),
        made(table, constraints=lambda architecture: "none" not in architecture.key),
        made(table, equal=str),
        made(table, len, objectives="valid_nll"),
    ]
    assert len({repr(task.head) for task in heads}) == len(heads)


def test_nothing_but_scores_needs_nothing_that_evaluates(table):
    task = made(table, None, objectives=None, scored=[Objective("params", False)])
    assert task.objectives == (Objective("params", False),)
    assert task.evaluator.evaluate(table.architectures[0]).values == {}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"evaluate": None}, InvalidInputError, "give evaluate"),
        ({"evaluate": 7}, InvalidInputError, "give a benchmark or a function"),
        ({"objectives": []}, InvalidInputError, "a search needs an objective"),
        ({"objectives": "valid_nil"}, UnknownNameError, "did you mean 'valid_nll'"),
        ({"reported": ["test_nil"]}, UnknownNameError, "did you mean 'test_nll'"),
        ({"evaluate": len, "cost": 3}, InvalidInputError, "cost applies only to a table"),
        ({"cost": "trian_seconds"}, UnknownNameError, "did you mean 'train_seconds'"),
        ({"reference": {"valid": 1}}, InvalidInputError, "give a number for each objective by name"),
        ({"reference": {"valid_nll": math.inf}}, InvalidInputError, "choose a finite number"),
        ({"scored": [Objective("valid_nll")]}, InvalidInputError, "remove one of them"),
        ({"constraints": "train_seconds<=1"}, InvalidInputError, "which a scorer must not know"),
    ],
)
def test_what_does_not_go_together(table, given, error, message):
    with pytest.raises(error, match=message):
        made(table, **given)


@pytest.mark.parametrize("name", ["", "-", " ", "- "])
def test_an_objective_has_a_name(table, name):
    with pytest.raises(InvalidInputError, match="an objective has no name"):
        made(table, lambda a: 1.0, objectives=["x", name])


@pytest.mark.parametrize("names", [["x", "x"], ["x", "-x"], ["a", "x", "-x"]])
def test_an_objective_is_named_once(table, names):
    with pytest.raises(InvalidInputError, match="x is given as an objective twice"):
        made(table, lambda a: 1.0, objectives=names)
    with pytest.raises(InvalidInputError, match="valid_nll is given as an objective twice"):
        made(table, objectives=["valid_nll", "-valid_nll"])
