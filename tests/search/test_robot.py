"""RoBoT: its budget, its queries, its greedy half."""

import numpy as np
import pytest

from zcbench.errors import InvalidInputError
from zcbench.predictors._weightings import normalised
from zcbench.search.robot import robot_search


def test_robot_search_spends_its_budget_and_asks_once():
    random = np.random.default_rng(0)
    metrics = random.uniform(size=(400, 3))
    value = metrics @ [0.2, 1.0, -0.5]
    asked = []
    found = robot_search(metrics, lambda row: asked.append(row) or float(value[row]), 20, seed=1)
    assert len(asked) == len(set(asked)) == 20
    assert found.queried == tuple(asked)
    assert found.values == tuple(value[asked])
    assert found.best == max(asked, key=lambda row: value[row])
    at_random = [value[random.permutation(400)[:20]].max() for _ in range(200)]
    assert value[found.best] > np.quantile(at_random, 0.9)


def test_robot_exploits_the_ranking_of_the_best_weights():
    random = np.random.default_rng(0)
    metrics = random.uniform(size=(100, 2))
    value = metrics @ [1.0, 1.0]
    found = robot_search(metrics, lambda row: float(value[row]), 12, exploring=5, seed=0)
    ranking = np.argsort(-(normalised(metrics) @ found.weights), kind="stable").tolist()

    def rest_is_greedy(explored):
        greedy = [row for row in ranking if row not in found.queried[:explored]]
        return list(found.queried[explored:]) == greedy[: 12 - explored]

    assert len(found.queried) == 12
    assert any(rest_is_greedy(explored) for explored in range(1, 6))


def test_robot_edges():
    one = robot_search(np.ones((1, 2)), lambda row: 3.0, 10)
    assert (one.best, one.queried) == (0, (0,))
    gaps = normalised(np.array([[1.0, np.nan], [3.0, 5.0], [2.0, 6.0]]))
    assert gaps.tolist() == [[0, 0.5], [1, 0], [0.5, 1]]  # a gap is the best by no weight
    for metrics, budget in ((np.zeros((0, 2)), 3), (np.ones((4, 2)), 0)):
        with pytest.raises(InvalidInputError, match="a pool, metrics and a budget"):
            robot_search(metrics, float, budget)
