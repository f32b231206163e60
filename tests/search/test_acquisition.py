"""Rules of acquisition against slow, obvious implementations."""

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import norm

from zcbench.search._acquisition import expected_improvement, value_of


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (2.0, 0.3), (-3.0, 1.5), (1.0, 0.01), (-5.0, 1.0)])
def test_expected_improvement_is_an_integral(mean, deviation):
    best = 0.5
    exact, _ = integrate.quad(
        lambda f: (f - best) * norm.pdf(f, mean, deviation), best, max(best, mean) + 12 * deviation, epsabs=0, limit=200
    )
    found = expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert np.exp(found[0]) == pytest.approx(exact, rel=1e-6)


def test_expected_improvement_far_below_the_best_still_orders():
    z = -np.geomspace(0.1, 1e6, 400)
    found = expected_improvement(z, np.ones(400), 0.0)
    assert np.isfinite(found).all() and (np.diff(found) < 0).all()


def test_rules():
    mean, deviation = np.array([1.0, 0.5, -np.inf]), np.array([0.0, 1.0, 1.0])
    rng = np.random.default_rng(0)
    given = {"best": 1.0, "kappa": 2.0, "count": 3, "rng": rng}
    assert value_of("top", mean, deviation, **given).argmax() == 0
    assert value_of("ucb", mean, deviation, **given)[0].tolist() == pytest.approx([1.0, 2.5, -np.inf])
    assert value_of("ei", mean, deviation, **given).argmax() == 1
    assert value_of("ei", mean, deviation, **given)[0, 2] == -np.inf
    drawn = np.concatenate([value_of("ts", mean, deviation, **{**given, "count": 2000})])
    assert drawn.shape == (2000, 3)
    assert drawn[:, :2].mean(0) == pytest.approx([1.0, 0.5], abs=0.1)
    assert drawn[:, :2].std(0) == pytest.approx([0.0, 1.0], abs=0.1)


def test_without_uncertainty_the_mean_decides():
    nothing = np.full(3, np.nan)
    for rule in ("ei", "ucb", "ts"):
        found = value_of(rule, np.arange(3.0), nothing, 1.0, 2.0, 1, np.random.default_rng(0))
        assert found.tolist() == [[0.0, 1.0, 2.0]]
