"""Successive halving, against a slow one over the whole table."""

from dataclasses import replace

import numpy as np
import pytest
from partly import with_curves

import zcbench
from zcbench._process import stable_seed
from zcbench.search import Domain, History

TABLE = with_curves()


def slowly(table, seed, networks, eta, first, brackets):
    """(key, epochs) in order: sort everything, keep the best."""
    rng, domain = np.random.default_rng(stable_seed("search", seed)), Domain(table.space, table.architectures)
    whole, seen, found = table.curves["valid"].shape[2], set(), []
    for _ in range(brackets):
        drawn = domain.sample(rng, networks, seen)
        seen |= {domain.key(one) for one in drawn}
        epochs, stay, kept = first, drawn, len(drawn)
        while True:
            last = epochs >= whole
            found += [(one.key, None if last else epochs) for one in stay]
            if last:
                break
            column = table.curves["valid"].mean(1)[:, epochs - 1]
            ranked = sorted(stay, key=lambda one: (-column[table.rows([one])[0]], stay.index(one)))
            kept //= eta
            stay, epochs = ranked[: max(1, kept)], epochs * eta
    return found


@pytest.mark.parametrize(
    ("networks", "eta", "least", "first"), [(9, 3, 1, 1), (10, 3, 3, 3), (20, 3, 1, 1), (5, 9, 1, 1)]
)
def test_the_same_as_slowly(networks, eta, least, first):
    given = f"halving:networks={networks}:eta={eta}:least={least}"
    for seed in (0, 1):
        found = zcbench.search(TABLE, searcher=given, objectives="valid", budget=12, seed=seed)
        asked = [
            (one.key, None if np.isnan(k) else int(k)) for one, k in zip(found.architectures, found.epochs, strict=True)
        ]
        expected = slowly(TABLE, seed, networks, eta, first, 12)
        assert len(asked) > networks
        assert asked == expected[: len(asked)]


def test_what_goes_on_pays_for_the_rest():
    found = zcbench.search(TABLE, searcher="halving:networks=9", objectives="valid", report="test", budget=7)
    epochs = np.nan_to_num(found.epochs, nan=9.0)
    most = {}
    for one, value in zip(found.architectures, epochs, strict=True):
        most[one] = max(most.get(one, 0), value)
    assert found.spent["training"] == pytest.approx(sum(most.values()))
    assert sum(most.values()) <= 7 * 9 < sum(epochs)
    assert np.isfinite(found.values["test"]).tolist() == np.isnan(found.epochs).tolist()


def test_budgets_are_whole_trainings_for_all():
    for searcher in ("halving", "random", "hyperband", "asha", "stopping"):
        for budget in (1, 2, 5):
            found = zcbench.search(TABLE, searcher=searcher, objectives="valid", budget=budget, batch=4)
            assert budget * 9 - 9 < found.spent["training"] <= budget * 9, (searcher, budget)
    assert len(zcbench.search(TABLE, searcher="halving", objectives="valid", budget=0)) == 0


def test_a_search_that_goes_on_is_the_same(tmp_path):
    whole = zcbench.search(TABLE, searcher="halving:networks=9", objectives="valid", budget=9)
    for budget in (2, 4, 9):
        last = zcbench.search(
            TABLE, searcher="halving:networks=9", objectives="valid", budget=budget, ledger=tmp_path / "ledger"
        )
    assert last.architectures == whole.architectures
    np.testing.assert_array_equal(last.epochs, whole.epochs)
    np.testing.assert_allclose(last.seconds, whole.seconds)


def test_a_warm_start_chooses_the_first_rung():
    found = zcbench.search(TABLE, scorer="oracle(valid)", searcher="halving:networks=9", objectives="valid", budget=5)
    best = np.sort(TABLE.truth("valid"))[-9]
    first = TABLE.rows(found.architectures[:9])
    assert (TABLE.truth("valid")[first] >= best).all()


def test_a_function_that_takes_epochs():
    calls = []

    def train(architecture, epochs=None):
        calls.append(epochs)
        row = TABLE.rows([architecture])[0]
        return TABLE.curves["valid"].mean(1)[row, (epochs or 9) - 1]

    found = zcbench.search(
        TABLE.space,
        lambda one, epochs=None: len(one.key) - 1 / (epochs or 9),
        searcher="halving:networks=9",
        budget=5,
        epochs=9,
    )
    assert {1.0, 3.0} <= set(found.epochs.tolist())
    with pytest.raises(zcbench.errors.InvalidInputError, match="needs learning curves"):
        zcbench.search(TABLE.space, train, searcher="halving", budget=5)
    assert not calls


def test_what_a_network_was_trained_for():
    history = History(1)
    from zcbench.search import Answer, Proposal

    one = TABLE.architectures[0]
    assert history.trained("a", 9) == 0
    for epochs, expected in ((3, 3), (1, 3), (None, 9)):
        history.add("a", Answer(Proposal(one, epochs), (1.0,)))
        assert history.trained("a", 9) == expected


def test_a_column_that_is_only_reported_is_no_failure():
    values = {**TABLE.values, "test": TABLE.values["test"].copy()}
    values["test"][:] = np.nan
    blind = replace(TABLE, values=values)
    found = zcbench.search(blind, searcher="evolution", objectives="valid", report="test", budget=20)
    assert np.isnan(found.values["test"]).all()
    known = zcbench.search(TABLE, searcher="evolution", objectives="valid", report="test", budget=20)
    assert found.architectures == known.architectures


def test_epochs_that_cannot_be_had():
    class Odd(zcbench.Searcher):
        epochs = True
        wanted = 0

        def ask(self, count):
            return [zcbench.search.Proposal(one, self.wanted) for one in self.problem.initial(1)]

        def tell(self, answers):
            pass

        def state(self):
            return {}

        def restore(self, state):
            pass

    for wanted in (0, 10, 2.0, True, "3"):
        Odd.wanted = wanted
        with pytest.raises(zcbench.errors.InvalidInputError, match="epochs, which is not available"):
            zcbench.search(TABLE, searcher=Odd(), objectives="valid", budget=2)
    Odd.wanted, Odd.epochs = 3, False
    with pytest.raises(zcbench.errors.InvalidInputError, match="for 3 epochs, which is not available"):
        zcbench.search(TABLE, searcher=Odd(), objectives="valid", budget=2)
    Odd.wanted = 9  # all of them
    assert np.isnan(zcbench.search(TABLE, searcher=Odd(), objectives="valid", budget=2).epochs).all()
