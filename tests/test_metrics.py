"""Rank correlations equal scipy's; their intervals cover what they should."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from zcbench.errors import InvalidInputError
from zcbench.metrics import (
    _kendall_without_each,
    _spearman_without_each,
    ceiling_fraction,
    coverage,
    gaussian_nll,
    kendall_tau,
    noise_ceiling,
    precision_at,
    regret_at,
    spearman_rho,
    tau_difference,
)


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
    np.testing.assert_allclose(_kendall_without_each(x, y), expected, atol=1e-12)
    expected = [spearmanr(np.delete(x, i), np.delete(y, i)).statistic for i in rows]
    np.testing.assert_allclose(_spearman_without_each(x, y), expected, atol=1e-12)


def test_leave_one_out_in_blocks(monkeypatch):
    x, y = columns(23, ties=True)
    whole = _kendall_without_each(x, y), _spearman_without_each(x, y)
    monkeypatch.setattr("zcbench.metrics._BLOCK", 5)
    np.testing.assert_allclose(_kendall_without_each(x, y), whole[0], atol=1e-15)
    np.testing.assert_allclose(_spearman_without_each(x, y), whole[1], atol=1e-15)


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


def test_rows_without_all_seeds_are_left_out():
    _, values = repeats(50)
    holes = np.vstack([values, [[1, np.nan, 2]]])
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
