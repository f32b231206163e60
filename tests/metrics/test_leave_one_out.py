"""Correlations without each row against leaving it out."""

import math
from fractions import Fraction

import numpy as np
import pytest
from matrices import correlated
from scipy.stats import kendalltau, rankdata, spearmanr

from zcbench.metrics._columns import ranked
from zcbench.metrics._leave_one_out import kendall_without_each, smaller_before, spearman_without_each


@pytest.mark.parametrize("ties", [False, True])
def test_leave_one_out_equals_leaving_one_out(ties):
    x, y = correlated(40, ties=ties)
    rows = range(len(x))
    expected = [kendalltau(np.delete(x, i), np.delete(y, i)).statistic for i in rows]
    np.testing.assert_allclose(kendall_without_each(*ranked(x, y)), expected, atol=1e-12)
    expected = [spearmanr(np.delete(x, i), np.delete(y, i)).statistic for i in rows]
    np.testing.assert_allclose(spearman_without_each(*ranked(x, y)), expected, atol=1e-12)


def kendall_pair_by_pair(x, y):
    """Tau-b without each row, from the signs of all pairs."""
    n = len(x)
    dx, dy = ((c[:, None] > c).astype(float) - (c[:, None] < c) for c in (x, y))
    concordance, ties_x, ties_y = (dx * dy).sum(1), (dx == 0).sum(1) - 1, (dy == 0).sum(1) - 1
    pairs = (n - 1) * (n - 2) / 2
    free_x, free_y = (pairs - (ties.sum() / 2 - ties) for ties in (ties_x, ties_y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (concordance.sum() / 2 - concordance) / np.sqrt(free_x * free_y)


def spearman_pair_by_pair(x, y):
    """Rho without each row: ranks above it fall by one, those tied with it by a half."""
    n, ranks = len(x), []
    for c in (x, y):
        signs = (c > c[:, None]).astype(float) - (c < c[:, None])
        ranks.append(rankdata(c) - (signs + 1) / 2 - n / 2)
        np.fill_diagonal(ranks[-1], 0)
    a, b = ranks
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))


def hostile(n: int, rng) -> np.ndarray:
    """A column of one of many kinds: without ties, with few, with many, constant but for one, extreme, denormal."""
    one = np.zeros(n)
    one[rng.integers(n)] = 1
    return [
        rng.normal(size=n),
        rng.integers(0, 2 * n, n).astype(float),
        rng.integers(0, 3, n).astype(float),
        one,
        np.ones(n),
        np.sort(rng.normal(size=n)),
        rng.choice([0.0, -0.0, 5e-324, -5e-324, 1e-310], n),
        rng.choice([1e308, -1e308, 1.79e308, -1.79e308, 0.0, 1.0], n),
        rng.choice([1.0, np.nextafter(1.0, 2.0), 1e-300], n),
    ][rng.integers(9)]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 9, 31, 64, 65, 200])
def test_leave_one_out_equals_pair_by_pair(n):
    rng = np.random.default_rng(n)
    for _ in range(60):
        x, y = hostile(n, rng), hostile(n, rng)
        codes = ranked(x, y)
        np.testing.assert_allclose(kendall_without_each(*codes), kendall_pair_by_pair(x, y), rtol=0, atol=1e-12)
        np.testing.assert_allclose(spearman_without_each(*codes), spearman_pair_by_pair(x, y), rtol=0, atol=1e-12)


@pytest.mark.parametrize("levels", [None, 7])
def test_leave_one_out_of_as_many_as_nasbench101_has(levels):
    """A few rows against sums of whole numbers, where the sums over all pairs no longer fit a float."""
    n, rng = 423_624, np.random.default_rng(5)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)
    if levels:
        x, y = (np.clip(np.round(c), -levels // 2, levels // 2) for c in (x, y))
    taus, rhos = (f(*ranked(x, y)) for f in (kendall_without_each, spearman_without_each))
    u, v = ((2 * rankdata(c)).astype(np.int64) - n - 1 for c in (x, y))
    ties_x, ties_y = (sum(int(k) * (int(k) - 1) // 2 for k in np.unique(c, return_counts=True)[1]) for c in (x, y))
    signs = [(np.sign(x[i] - x).astype(np.int64), np.sign(y[i] - y).astype(np.int64)) for i in range(0, n, n // 9)]
    total = kendalltau(x, y).statistic * math.sqrt(n * (n - 1) // 2 - ties_x) * math.sqrt(n * (n - 1) // 2 - ties_y)
    for i, (s, t) in zip(range(0, n, n // 9), signs, strict=True):
        a, b = u + s, v + t
        a[i] = b[i] = 0
        exact = Fraction(int(a @ b) ** 2, int(a @ a) * int(b @ b))
        assert int(a.sum()) == int(b.sum()) == 0
        assert rhos[i] == pytest.approx(math.copysign(math.sqrt(exact), int(a @ b)), rel=0, abs=1e-12)
        pairs = (n - 1) * (n - 2) // 2
        free = math.sqrt((pairs - ties_x + int((s == 0).sum()) - 1) * (pairs - ties_y + int((t == 0).sum()) - 1))
        assert taus[i] == pytest.approx((total - int(s @ t)) / free, rel=0, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 100])
def test_smaller_before(n):
    order = np.random.default_rng(n).permutation(n)
    expected = [sum(int(order[j] < order[i]) for j in range(i)) for i in range(n)]
    assert smaller_before(order).tolist() == expected
