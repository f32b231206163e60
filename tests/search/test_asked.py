"""``zcbench.search`` from end to end."""

import re

import numpy as np
import pytest
import toys

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.search import Budget, read_search


@pytest.fixture(scope="module")
def table():
    return zcbench.get_benchmark("digits-201")


def count(architecture):
    return architecture.key.count("nor_conv_3x3")


def test_validation_guides_and_test_is_reported(table):
    found = zcbench.search(table, searcher="random", budget=25)
    assert [goal.name for goal in found.objectives] == ["valid_nll"]
    assert {"test_nll", "test_accuracy"} <= set(found.values)
    rows = table.rows(found.architectures)
    assert np.array_equal(found.values["valid_nll"], table.truth("valid_nll")[rows])
    assert found.best.architecture == found.architectures[int(np.argmin(found.values["valid_nll"]))]
    assert found.seconds == pytest.approx(np.cumsum(table.facts["train_seconds"][rows]))


def test_what_is_reported_changes_nothing(table):
    one = zcbench.search(table, searcher="evolution", budget=30, objectives="valid_nll", report="test_nll")
    other = zcbench.search(table, searcher="evolution", budget=30, objectives="valid_nll")
    assert one.architectures == other.architectures and "test_nll" not in other.values


def test_a_benchmark_may_be_named_and_may_evaluate_a_space(table):
    by_name = zcbench.search("digits-201", searcher="random", budget=5, seed=3)
    by_space = zcbench.search(table.space, table, searcher="random", budget=5, seed=3)
    assert by_name.architectures == by_space.architectures


def test_a_function_is_called_once_for_each_network(table):
    calls = []

    def evaluate(architecture):
        calls.append(table.space.canonical(architecture).key)
        return count(architecture)

    found = zcbench.search(table.space, evaluate, budget=40)
    assert len(calls) == len(set(calls)) == len(found) == 40
    assert found.best.values == {"value": float(max(map(count, found.architectures)))}


def test_a_ledger_goes_on_and_tells_what_was_found(table, tmp_path):
    path, calls = tmp_path / "mine.jsonl", []

    def evaluate(architecture):
        calls.append(architecture)
        return count(architecture)

    short = zcbench.search(table.space, evaluate, budget=10, ledger=path)
    longer = zcbench.search(table.space, evaluate, budget=15, ledger=path)
    assert longer.architectures[:10] == short.architectures and len(calls) == 15
    assert longer.architectures == zcbench.search(table.space, evaluate, budget=15).architectures
    assert read_search(path).architectures == longer.architectures


@pytest.mark.parametrize("budget", [0, 1, Budget(seconds=0.0), "1s"])
def test_the_least_budgets(table, budget):
    found = zcbench.search(table, budget=budget)
    assert len(found) == (budget if isinstance(budget, int) else len(found)) <= 3
    assert found.ended.startswith("the budget is spent")
    if not len(found):
        assert found.best is None


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"searcher": "evolutoin"}, UnknownNameError, "did you mean 'evolution'"),
        ({"searcher": 7}, InvalidInputError, "searcher"),
        ({"budget": "soon"}, InvalidInputError, "budget"),
        ({"budget": -1}, InvalidInputError, "budget"),
        ({"budget": None}, InvalidInputError, "budget"),
        ({"batch": 0}, InvalidInputError, "batch"),
        ({"seed": -1}, InvalidInputError, "seed"),
        ({"scorer": "parms"}, UnknownNameError, "params"),
        ({"scorer": "params", "role": "warm"}, UnknownNameError, "warm-start"),
        ({"objectives": ["valid_nll", "-train_seconds"], "searcher": "evolution"}, InvalidInputError, "one objective"),
        ({"timeout": -1}, InvalidInputError, "timeout"),
        ({"workers": -1}, InvalidInputError, "workers"),
    ],
)
def test_what_is_wrong_in_one_sentence(table, given, error, message):
    with pytest.raises(error, match=message) as caught:
        zcbench.search(table, **({"budget": 3} | given))
    assert "\n" not in str(caught.value)


CHANGES = {
    "seed": {"seed": 1},
    "batch": {"batch": 4},
    "searcher": {"searcher": "evolution:population=5"},
    "evaluate": {"evaluate": toys.toy([0.1] * 40, version=2)},
    "objectives": {"objectives": "other"},
    "constraints": {"constraints": ["params<=1e9"]},
    "scorers": {"scorer": "params"},
    "report": {"report": "other"},
    "cost": {"cost": 5.0},
    "code": {"evaluate": toys.toy([0.2] * 40)},  # edited without another version
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_ledger_of_another_search_is_refused_and_kept(tmp_path, name):
    path = tmp_path / "a.jsonl"
    usual = {"evaluate": toys.toy([0.1] * 40), "searcher": "evolution:population=4", "budget": 6, "ledger": path}
    space = usual["evaluate"].space
    zcbench.search(space, **usual)
    before = path.read_bytes()
    with pytest.raises(InvalidInputError, match=rf"is the ledger of another search: its {name} "):
        zcbench.search(space, **usual | CHANGES[name])
    assert path.read_bytes() == before


class Mine(zcbench.Searcher):
    def __init__(self, first=1):
        self.first = first

    def ask(self, count):
        return [zcbench.search.Proposal(one) for one in self.problem.domain.sample(self.problem.rng, count)]

    def tell(self, answers):
        pass

    def state(self):
        return {}

    def restore(self, state):
        pass


def test_a_searcher_that_was_never_registered_is_known_by_settings_and_code(tmp_path):
    path = tmp_path / "a.jsonl"
    benchmark = toys.toy([0.1] * 40)
    found = zcbench.search(benchmark, searcher=Mine(), budget=3, ledger=path)
    assert re.fullmatch(r"Mine:first=1#[0-9a-f]{16}", found.searcher)
    with pytest.raises(InvalidInputError, match="its searcher is"):
        zcbench.search(benchmark, searcher=Mine(2), budget=3, ledger=path)


@pytest.mark.parametrize("space", [3, None, [], object()])
def test_what_is_no_space_is_refused(space):
    with pytest.raises(InvalidInputError, match=r"the search space is .*: give a search space or a benchmark"):
        zcbench.search(space, lambda a: 1.0)
