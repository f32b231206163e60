"""Forecasts between bounds: against sums over a fine grid, and two ways against each other."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench import curves
from zcbench.curves._forecast import Binned, Forecast, Mixture, Normals
from zcbench.curves._within import Truncated, within

RNG = np.random.default_rng(0)
NORMALS = Normals(np.array([[[0.3, 0.7]]]), np.array([[[0.9, 0.4]]]), np.array([[[0.2, 0.05]]]))
EDGES = np.sort(RNG.normal(0.5, 0.6, (1, 1, 31)))
WEIGHTS = RNG.dirichlet(np.ones(30), (1, 1))
BINNED = Binned(EDGES, WEIGHTS)
MIXED = Mixture([NORMALS, BINNED], np.array([[0.4, 0.6]]))
GRID = (np.arange(200_000) + 0.5) / 200_000


@pytest.mark.parametrize("whole", [NORMALS, BINNED, MIXED], ids=["normals", "binned", "mixed"])
def test_what_lies_beyond_the_bounds_goes_to_what_lies_between(whole: Forecast) -> None:
    found = within(whole, 0.0, 1.0)
    density = np.exp([whole.log_density(np.array(x))[0, 0] for x in GRID[::100]])
    share = density / density.sum()
    # 2,000 steps of .0005; densities have jumps
    assert found.mean()[0, 0] == pytest.approx((share * GRID[::100]).sum(), abs=2e-3)
    for value in (0.1, 0.42, 0.8, 0.99):
        assert found.cdf(np.array(value))[0, 0] == pytest.approx(share[GRID[::100] <= value].sum(), abs=3e-3)
        wanted = np.log(density[np.searchsorted(GRID[::100], value)] / density.mean())
        assert found.log_density(np.array(value))[0, 0] == pytest.approx(wanted, abs=0.05)
    for probability in (0.05, 0.5, 0.95):
        at = found.quantile(probability)
        assert 0 <= at[0, 0] <= 1
        assert found.cdf(at)[0, 0] == pytest.approx(probability, abs=1e-6)
    assert found.cdf(np.array(-1.0)) == 0
    assert found.cdf(np.array(2.0)) == pytest.approx(1, abs=1e-12)
    assert np.isneginf(found.log_density(np.array(1.01))).all()
    assert np.isnan(found.log_density(np.array(np.nan))).all()


def test_the_closed_form_of_bins_is_the_general_one() -> None:
    one, other = within(BINNED, 0.0, 1.0), Truncated(BINNED, np.zeros((1, 1)), np.ones((1, 1)))
    assert isinstance(one, Binned)
    assert one.mean() == pytest.approx(other.mean(), abs=2e-3)  # the rule of quadrature knows no bins
    for value in np.linspace(-0.2, 1.2, 29):
        assert one.cdf(np.array(value)) == pytest.approx(other.cdf(np.array(value)), abs=1e-12)
        assert one.log_density(np.array(value)) == pytest.approx(other.log_density(np.array(value)), abs=1e-9)
        assert one.crps(np.array(value)) == pytest.approx(other.crps(np.array(value)), abs=5e-3)


@pytest.mark.parametrize("factor", [100.0, -100.0])
def test_other_units(factor: float) -> None:
    found = within(NORMALS, 0.0, 1.0).affine(np.array([[3.0]]), np.array([[factor]]))
    assert found.mean() == pytest.approx(3 + factor * within(NORMALS, 0.0, 1.0).mean(), abs=1e-6 * abs(factor))
    low, high = found.support()
    assert (low, high) == ((3.0, 103.0) if factor > 0 else (-97.0, 3.0))
    assert found.rows(slice(0, 1)).first(1).shape == (1, 1)


def test_nothing_lies_between() -> None:
    far = Normals.single(np.array([[50.0]]), np.array([[0.1]]))
    found = within(far, 0.0, 1.0)
    assert found.mean() == pytest.approx(0.5)
    assert found.cdf(np.array(0.25)) == pytest.approx(0.25)
    assert found.log_density(np.array(0.25)) == pytest.approx(0.0)


@pytest.mark.parametrize("predictor", ["lcpfn", "fits", "last_value", "evidence"])
def test_an_accuracy_is_never_forecast_beyond_its_bounds(predictor: str) -> None:
    accuracy = [0.9, 0.97, 0.985, 0.992, 0.995, 0.99, 0.997]
    for values, bounds in ((accuracy, None), ([100 * one for one in accuracy], (0, 100))):
        found = curves.extrapolate(values, 20, predictor=predictor, bounds=bounds)
        top = bounds[1] if bounds else 1
        assert isinstance(found, curves.Extrapolation)
        assert found.interval(0.999)[1].max() <= top
        assert found.mean.max() < top
        assert found.probability_above(top).max() < 1e-12


def test_what_is_not_finite_stays_so() -> None:
    """And is no uniform distribution, which would pass for a forecast."""
    for whole in (Normals.single(np.array([[np.nan]]), np.ones((1, 1))), Binned(EDGES, WEIGHTS * np.nan)):
        found = within(whole, 0.0, 1.0)
        assert np.isnan(found.cdf(np.array(0.5))).all() and np.isnan(found.log_density(np.array(0.5))).all()
