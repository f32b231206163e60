"""Rungs and brackets."""

import numpy as np
import pytest
from partly import with_columns, with_curves

import zcbench
from zcbench.search import Budget, Domain, Objective, Problem
from zcbench.search._brackets import Bracket, rungs


def problem(epochs, levels=()):
    table = with_curves()
    domain = Domain(table.space, table.architectures)
    return Problem(domain, (Objective("valid"),), Budget(9), np.random.default_rng(0), epochs=epochs, levels=levels)


@pytest.mark.parametrize(
    ("networks", "first", "epochs", "eta", "expected"),
    [
        (81, 1, 81, 3, [[81, 1], [27, 3], [9, 9], [3, 27], [1, None]]),
        (34, 3, 81, 3, [[34, 3], [11, 9], [3, 27], [1, None]]),
        (27, 1, 12, 3, [[27, 1], [9, 4], [3, None]]),
        (16, 1, 10, 2, [[16, 1], [8, 2], [4, 5], [2, None]]),
        (5, 9, 9, 3, [[5, None]]),
        (2, 1, 9, 3, [[2, 1], [1, 3], [1, None]]),
        (9, 1, 1, 3, [[9, None]]),
        (9, 1, 1000, 10, [[9, 1], [1, 10], [1, 100], [1, None]]),
    ],
)
def test_rungs(networks, first, epochs, eta, expected):
    assert rungs(networks, first, problem(epochs), eta) == expected


def test_rungs_are_what_can_be_had():
    assert rungs(27, 1, problem(108, (4, 12, 36, 108)), 3) == [[27, 4], [3, 12], [1, 36], [1, None]]
    assert rungs(27, 4, problem(108, (4, 12, 36, 108)), 3) == [[27, 4], [9, 12], [3, 36], [1, None]]
    assert rungs(16, 1, problem(200, (12, 200)), 2)[-1][1] is None


def test_the_best_go_on():
    bracket = Bracket(
        [[4, 1], [2, 3], [1, None]], left=[], out=["e"], done=[["a", 1.0], ["b", None], ["c", 2.0], ["d", 2.0]]
    )
    assert bracket.promote()
    assert (bracket.left, bracket.out, bracket.done, bracket.epochs) == (["c", "d"], [], [], 3)
    bracket.done = [["c", None], ["d", None]]
    assert not bracket.promote()
    last = Bracket([[4, None]], done=[["a", 1.0]])
    assert not last.promote()


def test_a_late_answer_does_not_disturb():
    searcher, given = zcbench.get_searcher("halving:networks=9"), problem(9)
    searcher.begin(given)
    asked = [searcher.ask(1)[0] for _ in range(40)]  # nothing is ever answered
    assert len({one.architecture for one in asked}) > 30
    assert len(searcher.state()["open"]) <= 3
    out = {key for bracket in searcher.state()["open"] for key in bracket["out"]}
    late = next(one for one in asked if one.architecture.key not in out)
    searcher.tell([zcbench.search.Answer(late, (1.0,))])
    assert not any(bracket["done"] for bracket in searcher.state()["open"])
    (known,) = [one for one in asked if one.architecture.key == searcher.state()["open"][1]["out"][2]][-1:]
    searcher.tell([zcbench.search.Answer(known, (1.0,))])
    assert searcher.state()["open"][1]["done"] == [[known.architecture.key, 1.0]]


def test_a_table_of_columns_pays_for_each_training():
    table = with_columns()
    found = zcbench.search(table, searcher="halving:networks=9:least=4", objectives="valid_accuracy_36ep", budget=4)
    assert found.epochs[:9].tolist() == [4.0] * 9
    assert found.epochs[9:13].tolist()[:3] == [12.0] * 3
    assert np.isnan(found.epochs[12])
    first = table.truth("valid_accuracy_4ep")[table.rows(found.architectures[:9])]
    np.testing.assert_array_equal(found.values["valid_accuracy_36ep"][:9], first)
    assert found.spent["training"] == found.seconds[-1]
    assert found.seconds[12] == pytest.approx(9 * 4 + 3 * 12 + 36)  # none goes on where it stopped
