"""Precision and regret at the top, and how good stated deviations are."""

import itertools
import math

import numpy as np
import pytest

from zcbench.metrics import coverage, gaussian_nll, precision_at, regret_at


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
