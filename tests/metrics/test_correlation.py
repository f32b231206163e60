"""Rank correlations equal scipy's; their intervals cover what they should."""

import itertools
import math

import numpy as np
import pytest
from matrices import correlated
from scipy.stats import kendalltau, spearmanr

from zcbench.metrics import ceiling_fraction, kendall_tau, noise_ceiling, noise_jackknife, spearman_rho, tau_difference


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
@pytest.mark.parametrize("n", [10, 17, 600])
def test_values_are_scipys(n, ties):
    x, y = correlated(n, ties=ties, seed=n)
    tau, rho = kendall_tau(x, y), spearman_rho(x, y)
    assert tau.value == kendalltau(x, y).statistic
    assert rho.value == spearmanr(x, y).statistic
    assert tau.n == rho.n == n
    assert tau.value == pytest.approx(tau_by_counting(x, y), abs=1e-12)
    for estimate in (tau, rho):
        assert -1 <= estimate.low <= estimate.value <= estimate.high <= 1


@pytest.mark.parametrize("statistic", [kendall_tau, spearman_rho])
def test_intervals_cover(statistic):
    """300 draws of a bivariate normal with known tau and rho: 95 % means between 91 and 99 here."""
    truth = {kendall_tau: 2 / math.pi * math.asin(0.6), spearman_rho: 6 / math.pi * math.asin(0.3)}[statistic]
    estimates = [statistic(*correlated(60, seed=seed)) for seed in range(300)]
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


def test_truth_values_and_signed_zeros():
    assert kendall_tau([True, False, True, False], [1, 0, 1, 0]).value == pytest.approx(1)
    assert math.isnan(kendall_tau([0.0, -0.0, 0.0, -0.0], [1, 2, 3, 4]).value)


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


def test_difference_is_paired():
    truth, values = repeats(300)
    a, b = values[:, 0], values[:, 0] + 0.1 * values[:, 1]
    difference = tau_difference(a, b, truth)
    assert difference.value == pytest.approx(kendalltau(a, truth).statistic - kendalltau(b, truth).statistic)
    unpaired = kendall_tau(a, truth)
    assert difference.high - difference.low < (unpaired.high - unpaired.low) / 2


def test_difference_of_equals_is_zero():
    x, y = correlated(50)
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


@pytest.mark.parametrize("statistic", [kendall_tau, spearman_rho])
def test_one_architecture_alone_gives_no_interval(statistic):
    alone = np.array([1.0] * 11 + [2.0])
    found = statistic(alone, alone)
    assert math.isclose(found.value, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert statistic(np.arange(12), np.arange(12)).low == pytest.approx(1)


@pytest.mark.parametrize("n", [2, 4, 9, 10])
def test_intervals_and_ceilings_need_ten_architectures(n):
    x, y = correlated(n, seed=n)
    enough = n == 10
    assert kendall_tau(x, y).value == pytest.approx(kendalltau(x, y).statistic)
    for estimate in (kendall_tau(x, y), spearman_rho(x, y), tau_difference(x, -x, y), noise_ceiling(np.c_[x, y])):
        assert estimate.n == n
        assert math.isfinite(estimate.low) == math.isfinite(estimate.high) == enough
    for estimate in (noise_ceiling(np.c_[x, y]), ceiling_fraction(x, np.c_[x, x + y]), tau_difference(x, -x, y)):
        assert math.isfinite(estimate.value) == enough


@pytest.mark.filterwarnings("error")
def test_a_ceiling_that_one_architecture_makes_has_no_interval():
    values = [[6, 8], [7, 4], [8, 8], [8, 0], [4, 5], [2, 3], [5, 7], [5, 1], [6, 7], [1, 4]]
    without = [kendalltau(*np.delete(values, i, 0).T).statistic for i in range(10)]
    assert 0 in np.round(without, 12)
    found = ceiling_fraction(range(10), values)
    assert math.isfinite(found.value)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
