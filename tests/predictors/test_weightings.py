"""RoBoT's weightings: metrics on one scale, and where the next weighting is looked for."""

import numpy as np
import pytest

from zcbench.errors import InvalidInputError
from zcbench.predictors._weightings import Weightings, bounds, explore, normalised, scaled


def test_metrics_on_one_scale():
    gaps = normalised(np.array([[1.0, np.nan, 2.0], [3.0, 5.0, 2.0], [2.0, 6.0, 2.0]]))
    assert gaps.tolist() == [[0, 0.5, 0], [1, 0, 0], [0.5, 1, 0]]  # a gap is the best by no weight
    fixed = bounds(np.array([[0.0], [2.0]]))
    assert scaled(np.array([[4.0], [np.nan]]), *fixed).tolist() == [[2.0], [0.5]]


def test_explore_goes_to_where_weightings_are_worth_most():
    random = np.random.default_rng(0)
    scores = random.uniform(size=(500, 2))
    value = scores @ [1.0, -1.0]
    found = explore(scores, lambda row: float(value[row]), 15, random)
    assert len(found.tried) == 15
    assert found.best[0] > 0 > found.best[1]
    late = np.mean(np.array(found.tried[5:]) @ [1.0, -1.0])
    assert late > 0.8  # 0 at random


def test_explore_ends_where_worth_says_so():
    given = iter([1.0, 2.0, None, 3.0])
    found = explore(np.eye(3), lambda row: next(given), 10, np.random.default_rng(0))
    assert found.worth == [1.0, 2.0]
    with pytest.raises(InvalidInputError, match="a pool, and at least one metric"):
        explore(np.zeros((3, 0)), lambda row: 1.0, 10, np.random.default_rng(0))


def test_equal_worths_are_no_ground_for_a_process():
    found = Weightings(2)
    random, same = np.random.default_rng(1), np.random.default_rng(1)
    for _ in range(3):
        assert np.array_equal(found.draw(random), same.uniform(-1, 1, (2000, 2))[0])
        found.learn(np.ones(2), 1.0)
