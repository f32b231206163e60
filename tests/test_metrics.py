"""Rank correlations equal scipy's; their intervals cover what they should."""

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata, spearmanr

from zcbench.errors import InvalidInputError
from zcbench.metrics import (
    ceiling_fraction,
    coverage,
    gaussian_nll,
    kendall_tau,
    noise_ceiling,
    noise_jackknife,
    precision_at,
    regret_at,
    spearman_rho,
    tau_difference,
)
from zcbench.metrics._columns import ranked
from zcbench.metrics._leave_one_out import kendall_without_each, smaller_before, spearman_without_each


def columns(n: int, *, ties: bool = False, seed: int = 0, rho: float = 0.6):
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=n), rng.normal(size=n)
    y = rho * x + math.sqrt(1 - rho**2) * noise
    return (np.round(x), np.round(2 * y)) if ties else (x, y)


def tau_by_counting(x, y) -> float:
    """Tau-b from its definition: pairs in order, pairs out of order, ties."""
    concordant = discordant = only_x = only_y = 0
    for i, j in itertools.combinations(range(len(x)), 2):
        a, b = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
        concordant += a * b > 0
        discordant += a * b < 0
        only_x += a != 0
        only_y += b != 0
    return (concordant - discordant) / math.sqrt(only_x * only_y)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [4, 17, 600])
def test_values_are_scipys(n, ties):
    x, y = columns(n, ties=ties, seed=n)
    tau, rho = kendall_tau(x, y), spearman_rho(x, y)
    assert tau.value == kendalltau(x, y).statistic
    assert rho.value == spearmanr(x, y).statistic
    assert tau.n == rho.n == n
    assert tau.value == pytest.approx(tau_by_counting(x, y), abs=1e-12)
    for estimate in (tau, rho):
        assert -1 <= estimate.low <= estimate.value <= estimate.high <= 1


@pytest.mark.parametrize("ties", [False, True])
def test_leave_one_out_equals_leaving_one_out(ties):
    x, y = columns(40, ties=ties)
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


@pytest.mark.parametrize("statistic", [kendall_tau, spearman_rho])
def test_intervals_cover(statistic):
    """300 draws of a bivariate normal with known tau and rho: 95 % means between 91 and 99 here."""
    truth = {kendall_tau: 2 / math.pi * math.asin(0.6), spearman_rho: 6 / math.pi * math.asin(0.3)}[statistic]
    estimates = [statistic(*columns(60, seed=seed)) for seed in range(300)]
    covered = np.mean([e.low <= truth <= e.high for e in estimates])
    assert 0.91 <= covered <= 0.99
    # an interval that covers by being endless would be no use: compare with the spread of the values
    spread = np.std([e.value for e in estimates])
    width = np.mean([e.high - e.low for e in estimates])
    assert width == pytest.approx(2 * 1.96 * spread, rel=0.2)


def test_perfect_and_undefined():
    x = np.arange(10.0)
    perfect = kendall_tau(x, 2 * x)
    assert perfect.low == perfect.value == perfect.high == pytest.approx(1)
    for a, b in ((x, np.ones(10)), (np.ones(10), x), ([1.0], [2.0]), ([], [])):
        estimate = kendall_tau(a, b)
        assert math.isnan(estimate.value)
        assert math.isnan(estimate.low)
    short = spearman_rho([1, 2, 3], [1, 3, 2])
    assert short.value == 0.5
    assert math.isnan(short.low)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_sentinels_are_refused(bad):
    with pytest.raises(InvalidInputError, match="nan or infinity"):
        kendall_tau([1, 2, bad], [1, 2, 3])
    with pytest.raises(InvalidInputError, match="nan or infinity"):
        spearman_rho([1, 2, 3], [1, 2, bad])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, 2, None], "None, which is no number"),
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
    assert noise_ceiling(np.stack([np.asarray(column, object)] * 2, axis=1)).value == pytest.approx(1)


def test_truth_values_and_signed_zeros():
    assert kendall_tau([True, False, True, False], [1, 0, 1, 0]).value == pytest.approx(1)
    assert math.isnan(kendall_tau([0.0, -0.0, 0.0, -0.0], [1, 2, 3, 4]).value)


def test_lengths_must_agree():
    with pytest.raises(InvalidInputError):
        kendall_tau([1, 2, 3], [1, 2])


# -- the ceiling -------------------------------------------------------------------------------


def repeats(n: int = 200, seeds: int = 3, noise: float = 0.7):
    rng = np.random.default_rng(1)
    truth = rng.normal(size=n)
    return truth, truth[:, None] + noise * rng.normal(size=(n, seeds))


def test_ceiling_is_the_mean_over_pairs_of_seeds():
    _, values = repeats()
    taus = [kendalltau(values[:, a], values[:, b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))]
    estimate = noise_ceiling(values)
    assert estimate.value == pytest.approx(np.mean(taus))
    assert estimate.low < estimate.value < estimate.high


def test_ceiling_without_repeats_is_unknown():
    assert math.isnan(noise_ceiling(np.ones((5, 1))).value)
    assert math.isnan(noise_ceiling(np.ones((5, 3))).value)


@pytest.mark.parametrize("hole", [math.nan, math.inf])
def test_rows_without_all_seeds_are_left_out(hole):
    _, values = repeats(50)
    holes = np.vstack([values, [[1, hole, 2]]])
    assert noise_ceiling(holes) == noise_ceiling(values)


def test_fraction_of_the_ceiling():
    truth, values = repeats(noise=0.7)
    one_more_training = truth + 0.7 * np.random.default_rng(2).normal(size=len(truth))
    as_good = ceiling_fraction(one_more_training, values)
    assert as_good.low < 1 < as_good.high
    assert ceiling_fraction(truth, values).low > 1  # knowing the expectation beats one training
    noise = ceiling_fraction(np.random.default_rng(3).normal(size=len(truth)), values)
    assert noise.low < 0 < noise.high
    taus = [kendalltau(truth, values[:, s]).statistic for s in range(3)]
    assert ceiling_fraction(truth, values).value == pytest.approx(np.mean(taus) / noise_ceiling(values).value)


def test_a_known_ceiling_changes_nothing():
    truth, values = repeats(50)
    values[3, 1] = math.nan
    assert ceiling_fraction(truth, values, noise_jackknife(values)) == ceiling_fraction(truth, values)


# -- differences -------------------------------------------------------------------------------


def test_difference_is_paired():
    truth, values = repeats(300)
    a, b = values[:, 0], values[:, 0] + 0.1 * values[:, 1]
    difference = tau_difference(a, b, truth)
    assert difference.value == pytest.approx(kendalltau(a, truth).statistic - kendalltau(b, truth).statistic)
    unpaired = kendall_tau(a, truth)
    assert difference.high - difference.low < (unpaired.high - unpaired.low) / 2


def test_difference_of_equals_is_zero():
    x, y = columns(50)
    difference = tau_difference(x, x, y)
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_differences_cover():
    """Two equally noisy readings of one truth: the interval holds zero in about 95 of 100."""
    held = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=60)
        readings = truth + rng.normal(size=(2, 60))
        difference = tau_difference(*readings, truth)
        held.append(difference.low <= 0 <= difference.high)
    assert 0.9 <= np.mean(held) <= 0.99


def _expected_over_ties(statistic, k, predicted, truth):
    """The mean over all orders of the columns: ties of a stable sort are then broken every way, equally often."""
    found = []
    for order in itertools.permutations(range(len(truth))):
        p, t = np.array(predicted, float)[list(order)], np.array(truth, float)[list(order)]
        found.append(statistic(np.argsort(-p, kind="stable")[:k], np.argsort(-t, kind="stable")[:k], t))
    return np.mean(found)


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [([3, 2, 1, 0, 5], [1, 5, 3, 2, 4]), ([1, 1, 1, 0, 0], [5, 4, 1, 2, 3]), ([0] * 5, [3, 1, 2, 2, 5])],
)
@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_precision_and_regret_at_the_top(predicted, truth, k):
    distinct = len(set(truth)) == len(truth)
    wanted = _expected_over_ties(lambda top, best, t: t.max() - t[top].max(), k, predicted, truth)
    assert regret_at(k, predicted, truth) == pytest.approx(wanted)
    if distinct:  # else "the k best" are a matter of ties as well, independent of the prediction's
        wanted = _expected_over_ties(lambda top, best, t: len(set(top) & set(best)) / k, k, predicted, truth)
        assert precision_at(k, predicted, truth) == pytest.approx(wanted)


def test_more_than_there_are():
    assert precision_at(10, [1, 2], [2, 1]) == 1
    assert regret_at(10, [1, 2], [2, 1]) == 0
    assert math.isnan(precision_at(3, [], []))
    assert math.isnan(regret_at(3, [], []))


def test_normal_predictions():
    from scipy.stats import norm

    random = np.random.default_rng(0)
    mean, deviation, truth = random.normal(size=50), random.uniform(0.5, 2, 50), random.normal(size=50)
    assert gaussian_nll(mean, deviation, truth) == pytest.approx(-norm(mean, deviation).logpdf(truth).mean())
    inside = [abs(t - m) <= 1.96 * d for m, d, t in zip(mean, deviation, truth, strict=True)]
    assert coverage(mean, deviation, truth) == np.mean(inside)


@pytest.mark.parametrize("statistic", [kendall_tau, spearman_rho])
def test_one_architecture_alone_gives_no_interval(statistic):
    alone = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0])
    found = statistic(alone, alone)
    assert math.isclose(found.value, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert statistic(np.arange(6), np.arange(6)).low == pytest.approx(1)
