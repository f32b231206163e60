"""Epochs of a search, by hand."""

import pytest
from partly import with_columns, with_curves

from zcbench.search import Answer, History, Proposal, TableEvaluator
from zcbench.search._epochs import Epochs

CURVES, COLUMNS = with_curves(), with_columns()


def epochs(table, trained=()):
    history = History(1)
    for key, number in trained:
        history.add(key, Answer(Proposal(table.architectures[0], number), (1.0,)))
    return Epochs(TableEvaluator(table, [table.default_target]), history)


def test_a_curve_goes_on():
    found = epochs(CURVES, [("a", 3), ("b", None)])
    assert [found.paid("a", k) for k in (1, 3, 5, None)] == [0, 0, 2, 6]
    assert [found.paid(key, None) for key in "bc"] == [0, 9]
    assert found.rest("a", 6, {"training": 12.0, "waiting": 1.0}) == {"training": 6.0, "waiting": 1.0}
    assert found.rest("c", None, {"training": 12.0}) == {"training": 12.0}


def test_a_shorter_training_of_its_own_does_not():
    found = epochs(COLUMNS, [("a", 4)])
    assert [found.paid("a", k) for k in (12, None)] == [12, 36]
    assert found.rest("a", 12, {"training": 12.0}) == {"training": 12.0}


def test_room():
    found = epochs(CURVES)
    found.trained = 10
    assert (found.left(2, True), found.left(2, False), found.left(1, True)) == (8, 0, -1)
    assert not found.exceed(2, 8)
    assert found.exceed(2, 9)
    assert not found.exceed(None, 10**9)


def test_without_parts():
    found = Epochs(TableEvaluator(CURVES, ["test"]), History(1))
    assert found.whole is None
    assert (found.paid("a", None), found.exceed(1, 5)) == (0, False)
    assert found.rest("a", None, {"training": 3.0}) == {"training": 3.0}


def test_what_a_part_gives_and_costs():
    table = TableEvaluator(CURVES, ["valid", "test"], objectives=["valid"])
    part = table.evaluate(CURVES.architectures[5], 3)
    assert part.values["valid"] == pytest.approx(CURVES.curves["valid"][5, :, 2].mean())
    assert part.values["test"] != part.values["test"]
    assert (part.status, part.seconds) == ("ok", {"training": 3.0})
