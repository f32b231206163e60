"""Averages and intervals of rankings, each against slow arithmetic."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from zcbench.metrics import kendall_tau
from zcbench.supernets._ranking_statistics import (
    Baseline,
    View,
    agreement,
    better_half,
    means_of_others,
    weighted_taus,
)


def columns(count=30, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=count)
    near, far = truth + rng.normal(size=count), truth + 3 * rng.normal(size=count)
    return truth, near, far


def signs(column):
    return np.sign(column[:, None] - column)


def test_weights_count_elements_several_times():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 6, 20).astype(float), rng.integers(0, 6, 20).astype(float)
    weights = rng.multinomial(20, np.full(20, 1 / 20), 5)
    found = weighted_taus(signs(x), signs(y), weights.astype(float))
    for row, tau in zip(weights, found, strict=True):
        drawn = np.repeat(np.arange(20), row)
        assert tau == pytest.approx(kendalltau(x[drawn], y[drawn]).statistic, abs=1e-12)
    assert np.isnan(weighted_taus(signs(np.ones(20)), signs(y), weights.astype(float))).all()


def test_one_view_is_the_metric_itself():
    truth, near, _ = columns()
    rows = np.arange(len(truth))
    found = agreement([View(rows, near, truth)], Baseline(truth))
    assert found.tau == kendall_tau(near, truth)
    assert found.rho.value == pytest.approx(spearmanr(near, truth).statistic)
    best = truth >= np.median(truth)
    assert found.half.value == pytest.approx(kendalltau(near[best], truth[best]).statistic)
    assert found.by_seed == (found.tau.value,) and math.isnan(found.spread) and math.isnan(found.of_ceiling)


def test_views_are_averaged_by_seed_first_and_the_interval_is_a_jackknife_over_subnets():
    truth, near, far = columns(12)
    rows = np.arange(12)
    views = [
        View(rows[:9], near[:9], truth[:9], 0),
        View(rows[3:], far[3:], truth[3:], 0),
        View(rows, far, truth, 1),
    ]  # fmt: skip

    def mean(without=-1):
        taus = []
        for view in views:
            kept = view.rows != without
            taus.append(kendalltau(view.scores[kept], view.truth[kept]).statistic)
        return ((taus[0] + taus[1]) / 2 + taus[2]) / 2

    found = agreement(views, Baseline(near))
    assert found.tau.value == pytest.approx(mean()) and found.tau.n == 12
    left = np.array([mean(row) for row in rows])
    error = math.sqrt(11 / 12 * ((left - left.mean()) ** 2).sum())
    half = 2.2009851600916384 * error / (1 - mean() ** 2)  # Student's t of 11
    assert found.tau.low == pytest.approx(math.tanh(math.atanh(mean()) - half))
    assert len(found.by_seed) == 2 and found.spread == pytest.approx(np.std(found.by_seed, ddof=1))


def test_the_difference_is_paired():
    truth, near, far = columns(60)
    rows = np.arange(60)
    base = Baseline(near)
    same = base.difference([View(rows, near * 2, truth)])
    assert (same.value, same.low, same.high) == (0, 0, 0)
    found = base.difference([View(rows, far, truth)])
    assert found.value == pytest.approx(kendalltau(far, truth).statistic - kendalltau(near, truth).statistic)
    # The same by drawing subnets, one resample after the other.
    drawn = np.random.default_rng([60, 0]).multinomial(60, np.full(60, 1 / 60), base.resamples)
    slow = []
    for row in drawn:
        chosen = np.repeat(rows, row)
        slow.append(
            kendalltau(far[chosen], truth[chosen]).statistic - kendalltau(near[chosen], truth[chosen]).statistic
        )
    low, high = np.quantile(slow, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.01) and found.high == pytest.approx(high, abs=0.01)
    assert found.low <= found.value <= found.high and found.high < 0
    assert agreement([View(rows, far, truth)], base).standing == "below"


def test_seeds_that_differ_widen_the_interval():
    truth, near, far = columns(60)
    rows = np.arange(60)
    alike = Baseline(near).difference([View(rows, far, truth, 0), View(rows, far, truth, 1)])
    apart = Baseline(near).difference([View(rows, -truth, truth, 0), View(rows, truth, truth, 1)])
    one = Baseline(near).difference([View(rows, far, truth, 0)])
    assert alike.high - alike.low == pytest.approx(one.high - one.low)
    assert apart.high - apart.low > 1.5


def test_only_subnets_that_both_have_are_compared():
    truth, near, far = columns(20)
    broken = near.copy()
    broken[:5] = np.nan
    found = Baseline(broken).difference([View(np.arange(20), far, truth)])
    wanted = kendalltau(far[5:], truth[5:]).statistic - kendalltau(near[5:], truth[5:]).statistic
    assert found.value == pytest.approx(wanted) and found.n == 15
    few = Baseline(np.full(20, np.nan)).difference([View(np.arange(20), far, truth)])
    assert math.isnan(few.value) and few.n == 0


def test_constant_scores_have_no_tau():
    truth, near, _ = columns(10)
    found = agreement([View(np.arange(10), np.ones(10), truth)], Baseline(near), np.stack([truth, near], 1))
    assert math.isnan(found.tau.value) and math.isnan(found.over.value) and found.standing == ""


def test_coverage_of_the_difference():
    """In 200 worlds the interval holds the true difference about as often as it says."""
    hits = 0
    for world in range(200):
        rng = np.random.default_rng(world)
        truth = rng.normal(size=50)
        a, b = (truth + rng.normal(size=50) for _ in range(2))  # equally good: the true difference is 0
        found = Baseline(a, 300).difference([View(np.arange(50), b, truth)])
        hits += found.low <= 0 <= found.high
    assert 178 <= hits <= 199


def test_helpers():
    view = better_half(View(np.array([2, 5, 7]), np.array([1.0, 2, 3]), np.array([0.1, 0.9, 0.5])))
    assert view.rows.tolist() == [5, 7]
    assert means_of_others(np.array([[1.0, 2, 6]])).tolist() == [[4.0, 3.5, 1.5]]
