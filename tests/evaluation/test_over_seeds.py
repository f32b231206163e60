"""Statistics over seeds: against scipy, slow loops and simulated coverage."""

import math

import numpy as np
import pytest

from zcbench.errors import InvalidInputError
from zcbench.evaluation import Reach, median_interval, paired_difference, speed_up

INF = math.inf


def reach(costs, end=100.0):
    costs = np.array(costs, float)
    return Reach(costs, np.where(np.isfinite(costs), np.maximum(costs, end), end))


@pytest.mark.parametrize("seed", range(6))
def test_the_survival_is_scipys_where_searches_end_at_different_costs(seed):
    from scipy.stats import CensoredData, ecdf

    rng = np.random.default_rng(seed)
    truth, ends = rng.integers(1, 20, 15).astype(float), rng.integers(3, 25, 15).astype(float)
    found = Reach(np.where(truth <= ends, truth, INF), ends)
    times, survival = found._survival(np.ones((1, 15)))
    theirs = ecdf(CensoredData(uncensored=truth[truth <= ends], right=ends[truth > ends])).sf
    for time in np.unique(times):
        ours = survival[0][times <= time][-1]
        assert ours == pytest.approx(float(theirs.evaluate(time)), abs=1e-12)
    for horizon in (5.0, found.horizon):
        grid = np.arange(0, horizon, 0.5)  # steps are at whole numbers: the sum is the area
        area = 0.5 * sum(float(theirs.evaluate(point)) for point in grid)
        assert found.mean(horizon).value == pytest.approx(area)


@pytest.mark.parametrize(
    "costs", [[3, 1, 2], [4, 1, 2, 3], [1, INF, INF], [1, 2, INF, INF], [1, 2, 3, INF], [5], [INF]]
)
def test_the_median_is_numpys_where_all_ended_together(costs):
    assert reach(costs).median().value == np.median(costs)


def test_the_restricted_mean_counts_a_search_that_never_came_there_as_the_horizon():
    assert reach([10, 20, INF, 90]).mean(50).value == pytest.approx((10 + 20 + 50 + 50) / 4)
    assert reach([10, 20, INF, INF]).share == 0.5


def test_the_interval_of_the_median_covers_it():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        costs = rng.geometric(0.02, 30).astype(float)
        found = reach(np.where(costs <= 60, costs, INF), 60.0).median()
        covered += found.low <= 35 <= found.high  # the median of the geometric distribution
    assert 0.91 <= covered / 300 <= 0.99


def test_one_search_has_no_interval_and_the_same_searches_have_the_same():
    assert math.isnan(reach([5]).median().low) and math.isnan(reach([5]).mean(9).low)
    assert reach([5, 7, 9, INF]).median() == reach([5, 7, 9, INF]).median()
    assert reach([5, 7, 9, INF]).median().high == INF


def test_what_is_no_cost_is_refused():
    for costs, ends in (([], []), ([1.0], [1.0, 2.0]), ([math.nan], [1.0])):
        with pytest.raises(InvalidInputError, match="one per search"):
            Reach(np.array(costs), np.array(ends))


def test_speed_up_is_the_ratio_of_medians_and_its_interval_covers_it():
    rng = np.random.default_rng(1)
    found = speed_up(reach(rng.exponential(200, 60), 1e4), reach(rng.exponential(20, 60), 1e4))
    assert found.low < 10 < found.high and not found.at_least
    covered = 0
    for _ in range(150):
        found = speed_up(reach(rng.exponential(200, 40), 1e4), reach(rng.exponential(20, 40), 1e4))
        covered += found.low <= 10 <= found.high
    assert covered / 150 >= 0.9


def test_a_slow_searcher_that_never_came_there_gives_a_lower_bound_and_a_fast_one_nothing():
    never, fast = reach([INF] * 10), reach([2.0, 4, 4, 4, 5, 5, 6, 4, 4, 5])
    found = speed_up(never, fast)
    assert found.at_least and found.value == 100 / 4 and found.high == INF and 100 / 6 <= found.low <= 25
    assert math.isnan(speed_up(fast, never).value)


def test_a_bound_is_never_above_the_truth():
    rng = np.random.default_rng(2)
    truth = rng.exponential(200, 50)
    fast = reach(rng.exponential(20, 50), 1e4)
    whole = speed_up(reach(truth, 1e4), fast)
    cut = speed_up(Reach(np.where(truth <= 50, truth, INF), np.full(50, 50.0)), fast)
    assert cut.at_least and cut.value <= whole.value and cut.low <= whole.low


def test_pairs_take_common_seeds_with_a_value_only():
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(3)
    a, b = rng.normal(size=20), rng.normal(size=20)
    first = dict(enumerate(a)) | {50: 1.0, 60: math.nan}
    second = dict(enumerate(b)) | {51: 1.0, 60: 2.0}
    found, theirs = paired_difference(first, second), ttest_rel(a, b).confidence_interval()
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high)) and found.n == 20
    assert math.isnan(paired_difference({1: 1.0}, {2: 1.0}).value)


def test_the_median_of_ranks_may_be_negative_or_missing():
    assert median_interval([-3.0, -1.0, -2.0]).value == -2
    assert math.isnan(median_interval([1.0, math.nan]).value) and math.isnan(median_interval([]).value)
