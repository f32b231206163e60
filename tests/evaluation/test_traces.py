"""What one search found: each function against slow, obvious loops."""

import itertools
import math

import numpy as np
import pytest

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import Known, Trace, best_of_random, cost_to, regret_so_far

NAN = math.nan


def trace(guide, seconds=None, **reported):
    seconds = np.arange(1.0, len(guide) + 1) if seconds is None else seconds
    return Trace(
        "random", 0, np.array(guide, float), np.array(seconds, float), {k: np.array(v) for k, v in reported.items()}
    )


def slow_so_far(guide, values, costs, grid):
    found = []
    for point in grid:
        best, value = -math.inf, NAN
        for row, cost in enumerate(costs):
            if cost <= point and math.isfinite(guide[row]) and guide[row] > best:
                best, value = guide[row], values[row]
        found.append(value)
    return found


def test_the_guide_chooses_and_the_report_judges():
    found = trace([1, 3, 2], test=[0.5, 0.1, 0.9])
    assert found.so_far("test").tolist() == [0.5, 0.1, 0.1]
    assert found.so_far().tolist() == [1, 3, 3]


@pytest.mark.parametrize("seed", range(5))
def test_best_so_far_is_what_a_loop_finds(seed):
    rng = np.random.default_rng(seed)
    guide = rng.integers(0, 6, 40).astype(float)  # with ties
    guide[rng.random(40) < 0.3] = rng.choice([NAN, math.inf, -math.inf])
    values, seconds = rng.random(40), np.cumsum(rng.integers(0, 3, 40)).astype(float)
    found = trace(guide, seconds, test=values)
    grid = np.linspace(-1, seconds[-1] + 5, 60)
    np.testing.assert_array_equal(found.so_far("test", grid, "seconds"), slow_so_far(guide, values, seconds, grid))
    np.testing.assert_array_equal(
        found.so_far("test", range(45)), slow_so_far(guide, values, np.arange(1, 41), range(45))
    )
    np.testing.assert_array_equal(found.so_far("test"), slow_so_far(guide, values, np.arange(1, 41), range(1, 41)))


def test_nothing_is_known_before_the_first_answer_and_the_last_incumbent_stays():
    found = trace([NAN, 2], [5, 9], test=[1, 7])
    np.testing.assert_array_equal(found.so_far("test", [4, 5, 8.9, 9, 1e9], "seconds"), [NAN, NAN, NAN, 7, 7])
    empty = trace([], test=[])
    assert np.isnan(empty.so_far("test", [0, 10])).all() and empty.end() == 0
    assert empty.so_far("test").shape == (0,)


def test_networks_that_were_trained_in_part_count_once():
    found = Trace("hyperband", 0, np.array([NAN, NAN, 3.0]), np.array([1.0, 2, 3]), {}, counts=np.array([1, 2, 2]))
    np.testing.assert_array_equal(found.so_far(None, [1, 2, 3]), [NAN, 3, 3])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seconds": np.array([2.0, 1.0])}, "never decrease"),
        ({"seconds": np.array([-1.0, 1.0])}, "never decrease"),
        ({"seconds": np.array([1.0, NAN])}, "finite"),
        ({"seconds": np.array([1.0])}, r"\(2,\)"),
        ({"reported": {"test": np.zeros(3)}}, r"test has the shape \(3,\)"),
        ({"points": np.zeros((3, 2))}, "points of shape"),
        ({"counts": np.array([2, 1])}, "evaluations of a trace"),
    ],
)
def test_what_does_not_go_together_is_refused(change, words):
    given = {"guide": np.zeros(2), "seconds": np.array([1.0, 2.0])} | change
    with pytest.raises(InvalidInputError, match=words):
        Trace("x", 0, **given)


def test_names_that_are_not_there_are_refused_with_those_that_are():
    with pytest.raises(UnknownNameError, match="test"):
        trace([1.0], test=[1.0]).so_far("tset")
    with pytest.raises(UnknownNameError, match="seconds"):
        trace([1.0]).cost("second")


@pytest.mark.parametrize("higher", [True, False])
def test_rank_share_threshold_and_regret_are_what_counting_gives(higher):
    rng = np.random.default_rng(1)
    values = np.round(rng.random(200), 2)  # with ties
    known = Known("test", np.append(values, [NAN, math.inf]), higher)
    assert len(known) == 200
    for value in (*values[:30], 0.333, -5.0, 5.0):
        better = sum(v > value if higher else v < value for v in values)
        assert known.rank(value) == 1 + better and known.share(value) == (1 + better) / 200
        best = max(values) if higher else min(values)
        assert known.regret(value) == pytest.approx(best - value if higher else value - best)
    for share in (0.001, 0.005, 0.01, 0.3, 1):
        ordered = sorted(values, reverse=higher)
        assert known.threshold(share) == ordered[max(1, math.floor(share * 200)) - 1]
    assert math.isnan(known.rank(NAN)) and math.isnan(known.regret(NAN))


def test_a_share_of_three_hundred_is_three_although_floats_say_less():
    assert Known("a", np.arange(100.0), True).threshold(0.29) == 71  # 0.29 * 100 is 28.999…


@pytest.mark.parametrize("share", [0, -0.1, 1.5, NAN])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(InvalidInputError, match="above 0"):
        Known("a", np.arange(5.0), True).threshold(share)


def test_a_column_without_values_is_refused():
    with pytest.raises(InvalidInputError, match="no finite value"):
        Known("a", np.array([NAN]), True)


def test_improvement_is_relative_to_the_average_architecture():
    known = Known("accuracy", np.array([80.0, 90.0, 100.0]), True)
    assert known.improvement(99.0) == pytest.approx(10)
    assert Known("huge", np.array([1e307, 1e300]), True).improvement(1e307) == pytest.approx(100)
    loss = Known("nll", np.array([1.0, 3.0]), False)
    assert loss.improvement([1.0, 3.0]).tolist() == [50, -50]
    assert np.isnan(Known("odd", np.array([-1.0, 1.0]), True).improvement([1.0, 2.0])).all()


def test_regret_is_of_the_incumbent():
    known = Known("test", np.array([0.5, 0.1, 0.9, 1.0]), True)
    np.testing.assert_allclose(regret_so_far(trace([1, 3, 2], test=[0.5, 0.1, 0.9]), known), [0.5, 0.9, 0.9])


def test_a_goal_is_reached_only_when_the_guide_shows_it():
    known = Known("test", np.arange(100.0), True)
    guide, test = [5, 4, 6, 7], [10, 99, 98, 3]
    found = trace(guide, [10, 20, 30, 40], test=test)
    assert cost_to(found, known, 0.01) == math.inf  # 99 was evaluated, and its guide was not the best
    assert cost_to(found, known, 0.02) == 3 and cost_to(found, known, 0.02, "seconds") == 30
    low = Known("test", np.arange(100.0), False)
    assert cost_to(found, low, 0.05) == 4


@pytest.mark.parametrize("ties", [False, True])
def test_random_search_is_the_mean_over_all_draws(ties):
    rng = np.random.default_rng(2)
    guide = rng.integers(0, 3, 7).astype(float) if ties else rng.random(7)
    guide[2] = NAN
    values = rng.random(7)
    for count in (1, 2, 4, 7):
        found = [
            trace(guide[list(order)], test=values[list(order)]).so_far("test")[-1]
            for order in itertools.permutations(range(7), count)
        ]
        found = [value for value in found if not math.isnan(value)]
        assert best_of_random(guide, values, [count])[0] == pytest.approx(np.mean(found))


def test_random_search_of_everything_finds_the_best_and_of_nothing_nothing():
    guide = np.arange(50_000.0)
    found = best_of_random(guide, guide, [0, 1, 50_000, 10**9])
    np.testing.assert_allclose(found, [NAN, 24_999.5, 49_999, 49_999])
    assert math.isnan(best_of_random([NAN], [1.0], [1])[0])


def test_known_of_a_benchmark_takes_direction_rows_and_facts():
    from toys import toy

    benchmark = toy([[0.4], [0.3], [0.2], [0.1]], higher_is_better=False)
    name = benchmark.default_target
    known = Known.of(benchmark)
    assert (known.name, known.best, known.higher_is_better, known.benchmark) == (name, 0.1, False, benchmark.identifier)
    assert Known.of(benchmark, rows=[0, 1]).best == 0.3
    with pytest.raises(UnknownNameError, match="column"):
        Known.of(benchmark, "nothing")
