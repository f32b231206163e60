"""Columns of numbers: what is refused, and ranks from exact comparisons."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from zcbench.errors import InvalidInputError
from zcbench.metrics import kendall_tau, noise_jackknife, precision_at, spearman_rho


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_sentinels_are_refused(bad):
    with pytest.raises(InvalidInputError, match="nan or infinity"):
        kendall_tau([1, 2, bad], [1, 2, 3])
    with pytest.raises(InvalidInputError, match="nan or infinity"):
        spearman_rho([1, 2, 3], [1, 2, bad])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, 2, None], "None, which is not a number"),
        (["1", "2", "3"], "no real numbers"),
        ([1, 2, "3"], "no real numbers"),
        ([1j, 2, 3], "no real numbers"),
        (np.array(["2020-01-01"] * 3, "datetime64[D]"), "no real numbers"),
        (np.ma.masked_array([1, 2, 3], [0, 1, 0]), "masked"),
        ([Decimal("nan"), Decimal(1), Decimal(2)], "nan or infinity"),
        ([2**70, math.inf, 2], "nan or infinity"),
        ([[1, 2, 3]], "expected"),
    ],
)
def test_what_is_no_column_of_numbers_is_refused(column, message):
    for statistic in (kendall_tau, spearman_rho):
        with pytest.raises(InvalidInputError, match=message):
            statistic(column, [1, 2, 3])
        with pytest.raises(InvalidInputError, match=message):
            statistic([1, 2, 3], column)


@pytest.mark.parametrize(
    "column",
    [
        [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3, 2**53 + 5],
        np.array([2**63, 2**63 + 1, 2**63 + 2, 2**63 + 3, 2**63 + 4], np.uint64),
        [10**400, 10**400 + 1, 10**400 + 2, 10**400 + 3, 10**400 + 4],
        [0.5, 2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3],
        np.array([0.5, 2**53, 2**53 + 1, 2**70, 2**70 + 1], object),
        [Decimal("0.1"), Fraction(1, 3), 2, np.float32(3), np.int8(4)],
        [-1.7e308, -1e308, 0.0, 1e308, 1.7e308],
        [-1e-320, -5e-324, 0.0, 5e-324, 1e-323],
        np.array([1, 2, 3, 4, 5], np.float16),
    ],
)
def test_ranks_come_from_exact_comparisons(column):
    assert kendall_tau(column, [1, 2, 3, 4, 5]).value == pytest.approx(1)
    assert spearman_rho([5, 4, 3, 2, 1], column).value == pytest.approx(-1)
    assert precision_at(2, column, [1, 2, 3, 4, 5]) == 1
    assert noise_jackknife(np.stack([np.asarray(column, object)] * 2, axis=1)).value == pytest.approx(1)


def test_lengths_must_agree():
    with pytest.raises(InvalidInputError):
        kendall_tau([1, 2, 3], [1, 2])
