"""Facts of a table that searchers know of networks that nobody trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import toy

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.search._facts import Fact
from zcbench.search.random_search import RandomSearch

PARAMS, SECONDS = np.array([10.0, 40.0, 20.0, 30.0]), np.array([1.0, 2.0, 3.0, 4.0])
TABLE = replace(toy(higher_is_better=False), facts={"params": PARAMS, "train_seconds": SECONDS})


class Looking(RandomSearch):
    """Keeps what it was given."""

    def begin(self, problem):
        super().begin(problem)
        Looking.given = problem


def given_with(**asked):
    zcbench.search(TABLE, searcher=Looking(), budget=1, **asked)
    return Looking.given


def test_a_fact_is_the_column_and_costs_nothing():
    rows = [3, 0, 2]
    scores = Fact(TABLE, "params").score([TABLE.architectures[row] for row in rows])
    assert scores.values.tolist() == [30.0, 10.0, 20.0]
    assert scores.seconds.tolist() == [0.0] * 3


def test_facts_are_known_and_what_training_gives_is_not():
    given = given_with(objectives=["quality", "-params", "-train_seconds"])
    assert list(given.foreseen) == [1]
    some = list(TABLE.architectures)
    np.testing.assert_array_equal(given.foresee(some)[:, 1], -PARAMS)
    assert np.isnan(given.foresee(some)[:, [0, 2]]).all()


def test_a_reference_point_is_turned():
    given = given_with(objectives=["quality", "-params"], reference={"quality": 2.0, "params": 1e5})
    assert given.reference == (-2.0, -1e5)


@pytest.mark.parametrize("reference", [{"quality": 2.0}, {"quality": 2.0, "params": float("inf")}, [1, 2]])
def test_another_reference_point_is_refused(reference):
    with pytest.raises(InvalidInputError, match="reference point"):
        given_with(objectives=["quality", "-params"], reference=reference)
