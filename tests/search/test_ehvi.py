"""Expected hypervolume improvement: choices by definition, batches, reference points, exact resume."""

from __future__ import annotations

import numpy as np
import pytest
from easy import check_restored, digits, keys, problem, run, trade, two

from zcbench.metrics import hypervolume, pareto_front
from zcbench.scorers import Scorer
from zcbench.search._improvement import expected_improvement
from zcbench.search.ehvi import EHVI
from zcbench.search.random_search import RandomSearch


class Cost(Scorer):
    """The second objective."""

    label = "value1"

    def value(self, architecture):
        return trade(architecture)[1]


def test_choices_are_the_greedy_ones():
    """The slow way: every improvement anew after each choice."""
    searcher = EHVI(initial=15, every=6)
    search = run(searcher, 15, score=trade, given=two())
    searcher.models.fit()
    candidates = [one for one in digits(6, 4) if one.key not in search.problem.history][::7]
    mean = searcher.models.mean(candidates)
    std = searcher.optimism * searcher.models.std(candidates)
    good = search.problem.history.good
    origin, scale = searcher._reference(good[pareto_front(good)], mean)
    known, left, expected = good, np.ones(len(candidates), bool), []
    for _ in range(6):
        values = expected_improvement((mean - origin) / scale, std / scale, (known - origin) / scale, np.zeros(2))
        best = int(np.argmax(np.where(left, values, -1)))
        expected.append(best)
        left[best] = False
        known = np.vstack([known, mean[best]])
    assert searcher.choose(candidates, mean, 6) == expected


def test_a_reference_point_decides_where_it_looks():
    """What is known not to be better than the reference in all objectives is not looked for."""

    def costs(**more):
        given = problem(digits(4, 4), objectives=2, known={"value1": Cost()}, **more)
        return -run(EHVI(initial=10), 25, score=trade, given=given).problem.history.good[10:, 1]

    assert (costs(reference=(0.0, -6.0)) < 6).all()
    assert (costs() > 6).any()


def test_outliers_do_not_move_the_reference():
    searcher = EHVI()
    searcher.begin(two())
    predicted = np.random.default_rng(0).random((1000, 2)) + 90
    predicted[0] = 10.0
    origin, scale = searcher._reference(predicted[pareto_front(predicted)], predicted)
    assert (origin > 87).all() and (origin < 90.1).all() and (scale > 0).all()
    same, scale = searcher._reference(predicted[:1], predicted[:1])
    assert np.isfinite(same).all() and (scale > 0).all()


def test_better_than_chance():
    reference = [0.0, -20.0]

    def volume(make):
        runs = (run(make(), 4, 10, trade, two(seed, digits(5, 4))) for seed in range(3))
        return np.mean([hypervolume(one.problem.history.good, reference) for one in runs])

    assert volume(EHVI) > volume(RandomSearch) * 1.01


def test_one_objective_is_maximised():
    search = run(EHVI(initial=8), 30, score=lambda one: trade(one)[0], given=problem(digits(4, 4)))
    assert search.problem.history.good.max() == trade(digits(4, 4).from_choices("3333"))[0]


@pytest.mark.parametrize("batch", [1, 5])
def test_no_network_twice_and_exact_resume(batch):
    whole = check_restored(lambda: EHVI(initial=8, every=4, pool=0, visits=40), 12, 6, batch, trade, two)
    assert len(set(keys(whole))) == 12 * batch


def test_three_objectives():
    def score(architecture):
        return *trade(architecture), float(architecture.key.count("1"))

    search = run(EHVI(initial=10, every=5), 40, score=score, given=problem(digits(5, 4), objectives=3))
    assert len(search.problem.history) == 40
