"""Tables as evaluators: what they look up, what it costs, what they do not have."""

from dataclasses import replace

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.search import TableEvaluator
from zcbench.types import Status


@pytest.fixture(scope="module")
def table():
    return zcbench.get_benchmark("digits-201")


def without(table, row, column="valid_nll"):
    values = {name: column.copy() for name, column in table.values.items()}
    values[column][row] = np.nan
    return replace(table, values=values)


def test_columns_are_looked_up_as_they_are_and_training_costs_what_it_cost(table):
    evaluator = TableEvaluator(table, ["valid_nll", "test_accuracy", "train_seconds"])
    for row in (0, 17, len(table) - 1):
        found = evaluator.evaluate(table.architectures[row])
        assert found.status is Status.OK
        assert found.values == {
            "valid_nll": table.truth("valid_nll")[row],
            "test_accuracy": table.truth("test_accuracy")[row],
            "train_seconds": table.facts["train_seconds"][row],
        }
        assert found.seconds == {"training": table.facts["train_seconds"][row]}


@pytest.mark.parametrize(("given", "seconds"), [(2.5, 2.5), (0, 0.0), ("train_seconds", None)])
def test_the_cost_can_be_said(table, given, seconds):
    found = TableEvaluator(table, ["valid_nll"], given).evaluate(table.architectures[3])
    assert found.seconds["training"] == (table.facts["train_seconds"][3] if seconds is None else seconds)


def test_a_cost_of_fewer_epochs_is_scaled_to_those_of_the_column(table):
    target = replace(table.target("valid_nll"), name="x_200ep")
    short = replace(
        table,
        facts={"train_seconds_12ep": np.full(len(table), 12.0)},
        curves={},
        targets={"x_200ep": target},
        values={"x_200ep": table.values["valid_nll"]},
        seeds={},
        default_target="x_200ep",
    )
    assert TableEvaluator(short, ["x_200ep"]).seconds[0] == pytest.approx(200.0)


def test_what_the_table_lacks_is_a_reason_and_what_is_only_reported_is_none(table):
    guided = TableEvaluator(without(table, 5), ["valid_nll", "test_nll"])
    found = guided.evaluate(table.architectures[5])
    assert found.status is Status.UNSUPPORTED and found.detail == "the table has no valid_nll of this network."
    assert np.isnan(found.values["valid_nll"])
    reported = TableEvaluator(without(table, 5, "test_nll"), ["valid_nll", "test_nll"])
    assert reported.evaluate(table.architectures[5]).status is Status.OK


def test_parts_of_a_training_come_from_the_curves(table):
    evaluator = TableEvaluator(table, ["valid_nll", "test_nll"])
    whole = evaluator.epochs
    assert whole == table.curves["valid_nll"].shape[2]
    found = evaluator.evaluate(table.architectures[9], whole // 3)
    assert found.values["valid_nll"] == pytest.approx(np.nanmean(table.curves["valid_nll"][9, :, whole // 3 - 1]))
    assert found.seconds["training"] == pytest.approx(table.facts["train_seconds"][9] * (whole // 3) / whole)
    for epochs in (0, -1, whole, whole + 1):
        with pytest.raises(InvalidInputError, match="has no value of valid_nll after"):
            evaluator.evaluate(table.architectures[9], epochs)


def test_what_is_not_in_the_table(table):
    with pytest.raises(UnknownNameError):
        TableEvaluator(table, ["valid_nil"])
    elsewhere = zcbench.get_space("nasbenchmacro").sample(np.random.default_rng(0))
    with pytest.raises(InvalidInputError, match="is not in the table"):
        TableEvaluator(table, ["valid_nll"]).evaluate(elsewhere)


def test_positions_come_with_what_was_found(table):
    evaluator = TableEvaluator(table, ["valid_nll"])
    asked = [zcbench.search.Proposal(one) for one in table.architectures[:4]]
    found = dict(evaluator.each(asked))
    assert found == {place: evaluator.evaluate(one.architecture) for place, one in enumerate(asked)}


@pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), True])
def test_a_cost_that_cannot_be_is_refused(table, cost):
    with pytest.raises(InvalidInputError, match="the cost"):
        TableEvaluator(table, ["valid_nll"], cost)


def test_seconds_that_cannot_be_are_refused_and_those_that_nobody_knows_are_told(table):
    seconds = np.ones(len(table))
    seconds[:3] = [-1.0, np.inf, np.nan]
    odd = replace(table, facts={**table.facts, "secs": seconds})
    with pytest.raises(
        InvalidInputError, match="training seconds of 2 networks of digits-201 are negative or infinite"
    ):
        TableEvaluator(odd, ["valid_nll"], "secs")
    seconds = np.where(np.arange(len(table)) < 3, np.nan, 1.0)
    evaluator = TableEvaluator(replace(table, facts={**table.facts, "secs": seconds}), ["valid_nll"], "secs")
    assert evaluator.notes == ["3 of 4,930 networks have no training seconds: they are counted as 0 s."]
    assert evaluator.evaluate(table.architectures[0]).seconds == {"training": 0.0}
    assert not TableEvaluator(table, ["valid_nll"]).notes


def test_unknown_seconds_are_said_in_the_report(table):
    seconds = np.where(np.arange(len(table)) < 3, np.nan, 1.0)
    found = zcbench.search(replace(table, facts={**table.facts, "secs": seconds}), cost="secs", budget=3)
    assert "3 of 4,930 networks have no training seconds: they are counted as 0 s." in found.report.footnotes()
