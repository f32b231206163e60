"""Figures of forecasts are those of slow arithmetic, value by value."""

import math

import numpy as np
import pytest
from scipy import stats

from zcbench.curves import Normals
from zcbench.curves._judging import judged

rng = np.random.default_rng(0)
MEANS, SPREADS = rng.normal(size=(6, 5)), rng.uniform(0.2, 2, (6, 5))
SEEN = np.where(rng.random((6, 5)) < 0.3, np.nan, rng.normal(size=(6, 5)))
SEEN[:, 0] = 0.5


def test_means_over_the_values_that_were_observed():
    found = judged(Normals.single(MEANS, SPREADS), SEEN)
    for row in range(6):
        there = [k for k in range(5) if not math.isnan(SEEN[row, k])]
        normals = [stats.norm(MEANS[row, k], SPREADS[row, k]) for k in there]
        values = [SEEN[row, k] for k in there]
        pairs = list(zip(normals, values, strict=True))
        assert found.log_density[row] == pytest.approx(np.mean([n.logpdf(v) for n, v in pairs]))
        assert found.squared[row] == pytest.approx(np.mean([(n.mean() - v) ** 2 for n, v in pairs]))
        assert found.crps[row] == pytest.approx(np.mean([_crps(n, v) for n, v in pairs]), abs=1e-4)
        for share in (0.5, 0.9):
            inside = [n.interval(share)[0] <= v <= n.interval(share)[1] for n, v in pairs]
            assert found.covered[share][row] == pytest.approx(np.mean(inside))
        assert found.true[row] == values[-1] and found.predicted[row] == pytest.approx(MEANS[row, there[-1]])
    assert not found.impossible.any()


def _crps(normal, value):
    """∫ (F(x) - 1[x ≥ y])² dx, summed in many small steps."""
    x = np.linspace(-20, 20, 200_001)
    return float(np.sum((normal.cdf(x) - (x >= value)) ** 2) * (x[1] - x[0]))


def test_without_a_spread_means_alone_are_judged():
    found = judged(Normals.single(MEANS, SPREADS), SEEN, spread=False)
    assert np.isnan(found.log_density).all() and np.isnan(found.crps).all() and np.isfinite(found.squared).all()


def test_what_was_held_to_be_impossible_is_counted():
    from zcbench.curves import Binned

    edges = np.broadcast_to(np.linspace(0, 1, 5), (2, 3, 5))
    found = judged(Binned(edges, np.full((2, 3, 4), 0.25)), np.array([[0.5, 2.0, np.nan], [0.1, 0.2, 0.3]]))
    assert found.impossible.tolist() == [1, 0] and found.log_density[0] == -np.inf
    assert found.log_density[1] == pytest.approx(0)


def test_a_forecast_that_is_no_number_gives_no_number():
    means = MEANS.copy()
    means[0] = np.nan
    found = judged(Normals.single(means, SPREADS), SEEN)
    assert np.isnan(found.predicted[0]) and np.isnan(found.log_density[0]) and np.isfinite(found.squared[1:]).all()
