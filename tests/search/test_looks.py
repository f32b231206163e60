"""Where trainings are looked at between rungs; a search that leaves them is the same as a slow one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from partly import with_columns, with_curves

import zcbench
from zcbench import curves
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.search import Answer, Proposal, Search, get_searcher
from zcbench.search._looks import Looks
from zcbench.testing import check_searcher
from zcbench.testing._easy_search import EPOCHS, bounded_domain, problem, quality, scattered


def in_unit():
    """A table of curves in [0, 1], some of which cross."""
    table = with_curves(rows=200)
    slower = np.random.default_rng(1).uniform(0, 1, (200, 1, 1)) * np.linspace(1, 0, 9) ** 3
    several = table.curves["valid"] - np.ptp(table.truth("valid")) * slower
    several = (several - several.min()) / np.ptp(several)
    return replace(table, values={**table.values, "valid": several[:, :, -1]}, curves={"valid": several})


TABLE = in_unit()
CURVES = TABLE.curves["valid"].mean(1)
WHOLE = CURVES.shape[1]
THRESHOLD = 0.4


def test_looks_on_the_way():
    given = problem(0, epochs=True)
    one = given.domain.sample(np.random.default_rng(0), 1, set())[0]
    key = given.domain.key(one)
    for every, rows in ((1, [(0, 5, 1), (1, 5, 2), (4, 5, 5), (26, None, None), (25, None, 26)]), (4, [(3, 9, 7)])):
        for done, goal, expected in rows:
            given.history.__init__(1)
            if done:
                given.history.add(key, Answer(Proposal(one, done), (1.0,)))
            assert Looks(given, 0.1, "last_value", every).on_the_way(key, goal) == expected
            assert Looks(given, 0.0, "last_value", every).on_the_way(key, goal) == goal
    given.levels = (1, 3, EPOCHS)
    assert Looks(given, 0.1, "last_value", 1).on_the_way(key, None) is None


def test_predictors_are_asked_for_with_a_threshold_alone():
    zcbench.search(TABLE, searcher="asha:predictor=lcpfm", objectives="valid", budget=2)
    with pytest.raises(UnknownNameError, match="did you mean 'lcpfn'"):
        zcbench.search(TABLE, searcher="asha:predictor=lcpfm:threshold=.2", objectives="valid", budget=2)
    with pytest.raises(InvalidInputError, match="needs learning curves"):
        zcbench.search(TABLE.space, lambda one: 1.0, searcher="asha:threshold=.2", budget=2)


def chance(row, seen, ends):
    """The probability of the best end, by the public function."""
    if not 3 <= seen < WHOLE or not ends:
        return 1.0
    values = CURVES[row, :seen]
    return curves.extrapolate(values, WHOLE, predictor="last_value").probability_above(max(ends))[-1]


def next_of_asha(trained, rungs, eta, ends):
    """What algorithm 2 does next, with forecasts: (row, epochs); None for a new network.

    Args:
        trained: epochs by row of the table, in the order in which they were last trained.
    """
    for row, seen in sorted(trained.items(), key=lambda pair: -next(r for r in rungs if r >= pair[1])):
        if seen not in rungs and chance(row, seen, ends) >= THRESHOLD:
            return row, seen + 1
    for number in reversed(range(len(rungs) - 1)):
        there = sorted(
            (row for row in trained if trained[row] >= rungs[number]), key=lambda r: -CURVES[r, rungs[number] - 1]
        )
        for row in there[: len(there) // eta]:
            if trained[row] == rungs[number] and chance(row, trained[row], ends) >= THRESHOLD:
                return row, trained[row] + 1
    return None


@pytest.mark.parametrize("seed", [0, 1])
def test_asha_as_slowly(seed):
    given = f"asha:eta=2:threshold={THRESHOLD}:predictor=last_value"
    found = zcbench.search(TABLE, searcher=given, objectives="valid", budget=20, seed=seed)
    trained, ends, begun, on = {}, [], 0, 0
    for row, epochs in zip(TABLE.rows(found.architectures).tolist(), found.epochs, strict=True):
        epochs = WHOLE if np.isnan(epochs) else int(epochs)
        expected = next_of_asha(trained, [1, 2, 4, WHOLE], 2, ends)
        if expected is None:
            assert epochs == 1 and row not in trained
            begun += 1
        else:
            assert (row, epochs) == expected
            on += 1
        trained.pop(row, None)
        trained[row] = epochs
        if epochs == WHOLE:
            ends.append(CURVES[row, -1])
    assert begun > 20 and on > 20
    ended = list(trained.values())
    assert ended.count(3) > 9 and ended.count(4)  # between rungs, and at one


def test_a_killed_search_goes_on_exactly_and_spends_the_same(tmp_path):
    given = {"searcher": "asha:threshold=0.3", "objectives": "valid", "seed": 3, "batch": 3}
    whole = zcbench.search(TABLE, budget=14, **given)
    for budget in (3, 8, 14):
        again = zcbench.search(TABLE, budget=budget, ledger=tmp_path / "ledger.jsonl", **given)
    assert again.architectures == whole.architectures
    np.testing.assert_array_equal(again.epochs, whole.epochs)
    most = {}
    for one, epochs in zip(whole.architectures, np.nan_to_num(whole.epochs, nan=WHOLE), strict=True):
        assert epochs > most.get(one, 0)
        most[one] = epochs
    assert whole.spent["training"] == pytest.approx(sum(most.values()))
    assert sum(most.values()) <= 14 * WHOLE


def test_trainings_of_their_own_have_no_looks_between():
    table = with_columns()
    runs = [
        zcbench.search(table, searcher=one, objectives="valid_accuracy_36ep", budget=8)
        for one in ("asha:least=4", "asha:least=4:threshold=0.2")
    ]
    assert runs[0].architectures == runs[1].architectures
    np.testing.assert_array_equal(runs[0].epochs, runs[1].epochs)


@pytest.mark.parametrize("least", [1, 9])
def test_a_small_space_is_trained_to_the_end(least):
    """What was left goes on where nothing else is left, also before the first rung."""
    given = problem(0, epochs=True, domain=bounded_domain(10**6, scattered(7)))
    search = Search(get_searcher(f"asha:threshold=1:predictor=last_value:least={least}"), given)
    order = []
    while proposals := search.ask(2):
        order += proposals
        search.tell([Answer(one, (quality(one.architecture, one.epochs),)) for one in proposals])
        assert len(order) < 7 * EPOCHS
    assert [one.epochs for one in order].count(None) == 7
    assert "nothing more to propose" in search.ended


def test_what_fails_on_its_way_is_the_worst_of_its_rung():
    search = Search(get_searcher("asha:threshold=0.01:predictor=last_value"), problem(0, epochs=True))
    failed = None
    for _ in range(60):
        (one,) = search.ask()
        assert failed is None or one.architecture != failed
        if one.epochs == 2 and failed is None:
            failed = one.architecture
        search.tell([Answer(one, (np.nan if one.architecture == failed else quality(one.architecture, one.epochs),))])
    assert failed is not None


@pytest.mark.slow
def test_contract():
    assert check_searcher("asha:threshold=0.2").ok
