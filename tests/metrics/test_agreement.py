"""Agreement of several rankings, against the definitions."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, kendalltau

from zcbench.errors import InvalidInputError
from zcbench.metrics import kendall_w, mean_tau


def test_equal_rankings_agree_completely():
    assert kendall_w([[1, 2, 3], [10, 20, 30], [0.1, 0.2, 9]]) == pytest.approx(1)
    assert mean_tau([[1, 2, 3], [10, 20, 30]]) == pytest.approx(1)


def test_two_opposite_rankings_do_not_agree():
    assert kendall_w([[1, 2, 3, 4], [4, 3, 2, 1]]) == pytest.approx(0)
    assert mean_tau([[1, 2, 3, 4], [4, 3, 2, 1]]) == pytest.approx(-1)


@pytest.mark.parametrize("levels", [3, 50])
def test_w_is_friedmans_statistic_over_its_largest_value(levels):
    # Friedman's chi-squared, which scipy corrects for ties, is m (n - 1) W.
    values = np.random.default_rng(levels).integers(levels, size=(5, 7))
    statistic = friedmanchisquare(*values.T).statistic
    assert kendall_w(values) == pytest.approx(statistic / (5 * 6))


def test_mean_tau_is_the_mean_over_pairs():
    values = np.random.default_rng(0).integers(4, size=(4, 6))
    expected = np.mean([kendalltau(a, b).statistic for a, b in itertools.combinations(values, 2)])
    assert mean_tau(values) == pytest.approx(expected)


def test_where_nothing_can_be_said():
    assert math.isnan(kendall_w([[1, 2, 3]]))
    assert math.isnan(kendall_w([[1], [2]]))
    assert math.isnan(kendall_w([[1, 1], [2, 2]]))
    assert math.isnan(mean_tau([[1, 1], [1, 2]]))


def test_what_cannot_be_compared():
    with pytest.raises(InvalidInputError, match="different lengths"):
        kendall_w([[1, 2], [1, 2, 3]])
    with pytest.raises(InvalidInputError, match="nan"):
        kendall_w([[1, math.nan], [1, 2]])
