"""What trainings are worth: the chance of random search by drawing, and power by arithmetic."""

import math

import numpy as np
import pytest
from scipy.stats import hypergeom, kstest

from zcbench.testing._contest import LEVEL, STAGES, chance, missed, shortfall, tells, worth
from zcbench.testing._easy_search import truth


def best_of(draws, runs, rng):
    every = truth()
    return [every[rng.choice(len(every), draws, replace=False)].max() for _ in range(runs)]


@pytest.mark.parametrize("trainings", [1, 48, 384])
def test_the_shortfall_is_that_of_drawing_none_as_good(trainings):
    every = np.sort(truth())
    for rank in (1, 2, 30, 400, 4_000):
        value = every[-rank]
        as_good = int((every >= value).sum())
        none = hypergeom(len(every), as_good, trainings).logpmf(0)
        assert shortfall(value, trainings) == pytest.approx(-none, rel=1e-6, abs=1e-9)
    assert shortfall(every[0], trainings) == math.inf == shortfall(-math.inf, trainings)
    assert shortfall(every[-1] + 1, trainings) == 0


def test_shortfalls_of_more_trainings_are_exponential():
    """Three times as many draws are a searcher of worth three, up to what a finite space allows."""
    rng = np.random.default_rng(0)
    found = [shortfall(value, 48) for value in best_of(3 * 48, 2_000, rng)]
    assert kstest(found, "expon", args=(0, 1 / 3)).statistic < 0.05 + 48 / len(truth())
    assert worth(found) == pytest.approx(3, rel=0.15)


def test_random_search_seldom_tells():
    """By drawing: at a level at which it can be counted, and shares of it as the stages take them."""
    rng = np.random.default_rng(1)
    found = [chance([shortfall(value, 48) for value in best_of(48, 6, rng)]) for _ in range(2_000)]
    for level in (0.2, 0.05, 0.01):
        assert np.mean(np.array(found) < level) <= level + 3 * math.sqrt(level / len(found))


def test_whoever_is_worth_more_tells_almost_surely():
    for runs, more in ((6, 25), (24, 5), (96, 2.5)):
        assert missed(more, runs) < 1e-3
    last = STAGES[-1][1]
    assert missed(2.5, last) < 1e-6 and missed(2, last) < 1e-3
    assert missed(1, last) == pytest.approx(1 - LEVEL / len(STAGES))
    rng = np.random.default_rng(2)
    told = [tells(rng.exponential(1 / 4, size=24)) for _ in range(4_000)]
    assert 1 - np.mean(told) == pytest.approx(missed(4, 24), abs=0.003)


def test_worth_of_nothing_and_of_everything():
    assert worth([0.0, 0.0]) == math.inf and chance([0.0, 0.0]) == 0
    assert worth([math.inf, 0.1]) == 0 and chance([math.inf, 0.1]) == 1
