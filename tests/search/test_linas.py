"""LINAS: the best predicted front is evaluated, resume is exact, and exploring can be turned off."""

from __future__ import annotations

import numpy as np
import pytest
from easy import check_restored, digits, keys, run, trade, two

from zcbench.metrics import hypervolume, pareto_ranks
from zcbench.search.linas import LINAS
from zcbench.search.nsga2 import NSGA2
from zcbench.search.random_search import RandomSearch


def test_what_is_evaluated_next_is_the_front_of_predictions():
    search = run(LINAS(initial=30, every=12, explore=0.0), 30, score=trade, given=two())
    asked = {one.architecture.key for one in search.ask(12)}
    left = [one for one in digits() if one.key not in search.problem.history]
    predicted = search.searcher.models.mean(left)
    ranks = pareto_ranks(predicted)
    worst = max(rank for one, rank in zip(left, ranks, strict=True) if one.key in asked)
    better = {one.key for one, rank in zip(left, ranks, strict=True) if rank < worst}
    assert better <= asked and len(asked) == 12


def test_better_than_evolution_and_chance_where_predictors_are_good():
    reference = [0.0, -25.0]

    def volume(make):
        runs = (run(make(), 8, 10, trade, two(seed)) for seed in range(4))
        return np.mean([hypervolume(one.problem.history.good, reference) for one in runs])

    assert volume(LINAS) > volume(NSGA2) > volume(RandomSearch)


@pytest.mark.parametrize("batch", [1, 7])
def test_no_network_twice_and_exact_resume(batch):
    def make():
        return LINAS(initial=8, every=6, pool=0, visits=40)

    whole = check_restored(make, 12, 6, batch, trade, two)
    assert len(set(keys(whole))) == 12 * batch


def test_exploring_alone_is_random_search():
    search = run(LINAS(initial=5, every=5, explore=1.0), 40, score=trade, given=two(space=digits(6, 4)))
    assert np.mean([sum(map(int, key)) for key in keys(search)]) == pytest.approx(9, abs=1.5)


def test_failures_are_not_learned_from():
    def score(architecture):
        return trade(architecture) if architecture.key[0] != "0" else (np.nan, np.nan)

    history = run(LINAS(initial=10, every=5), 60, score=score, given=two()).problem.history
    assert len(history) == 60 and 40 < len(history.complete) < 60
    assert len(run(LINAS(initial=5), 30, score=lambda one: (np.nan, 1.0), given=two()).problem.history) == 30
