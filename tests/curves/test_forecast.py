"""Distributions: closed forms against numerical integration, and the traps of bins far out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from zcbench.curves import Binned, Forecast, Mixture, Normals

RNG = np.random.default_rng(3)


def binned() -> Binned:
    edges = np.linspace(-0.3, 1.3, 9) + RNG.uniform(-0.08, 0.08, (3, 2, 9))
    return Binned(edges, RNG.dirichlet(np.ones(8), (3, 2)))


def normals(parts: int = 3) -> Normals:
    return Normals(
        RNG.dirichlet(np.ones(parts), (3, 2)),
        RNG.normal(0.5, 0.3, (3, 2, parts)),
        RNG.uniform(0.02, 0.3, (3, 2, parts)),
    )


def mixture() -> Mixture:
    return Mixture([binned(), normals()], RNG.dirichlet(np.ones(2), 3))


EVERY: list[Forecast] = [binned(), normals(), normals(1), mixture()]
IDS = ["bins", "normals", "normal", "both"]


def density(forecast: Forecast, row: int, column: int, at: np.ndarray) -> np.ndarray:
    many = forecast.rows(np.full(len(at), row))
    return np.exp(many.log_density(at[:, None]))[:, column]


@pytest.mark.parametrize("forecast", EVERY, ids=IDS)
def test_by_numerical_integration(forecast: Forecast) -> None:
    """Mean, cumulative probability, quantile and score of each are those of its density on a fine grid."""
    y = RNG.uniform(-0.2, 1.2, forecast.shape)
    low, high = forecast.support()
    for row in range(3):
        for column in range(2):
            left, right = low[row, column], high[row, column]
            grid = left + (right - left) * (np.arange(20_000) + 0.5) / 20_000
            step = (right - left) / 20_000
            p = density(forecast, row, column, grid) * step
            assert p.sum() == pytest.approx(1, abs=1e-3)
            assert forecast.mean()[row, column] == pytest.approx((p * grid).sum(), abs=1e-3)
            below = p.cumsum()
            value = y[row, column]
            assert forecast.cdf(y)[row, column] == pytest.approx(p[grid <= value].sum(), abs=1e-3)
            middle = forecast.quantile(0.3)[row, column]
            assert np.interp(middle, grid, below) == pytest.approx(0.3, abs=1e-3)
            wide = np.concatenate([[min(left, value)], grid, [max(right, value)]])
            score = integrate.trapezoid((np.interp(wide, grid, below, 0, 1) - (wide >= value)) ** 2, wide)
            assert forecast.crps(y)[row, column] == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("forecast", EVERY, ids=IDS)
def test_the_score_between_quantiles_is_that_of_the_closed_form(forecast: Forecast) -> None:
    y = RNG.uniform(-0.2, 1.2, forecast.shape)
    np.testing.assert_allclose(forecast.crps(y), Forecast.crps(forecast, y), atol=1e-3)


def test_narrow_parts_beside_wide_ones_are_scored() -> None:
    """A rule with equal steps misses a part that is ten thousand times narrower than the support."""
    sharp = Normals(np.array([[[0.9, 0.1]]]), np.array([[[0.5, 0.5]]]), np.array([[[1e-4, 1.0]]]))
    y = np.array([[0.5003]])
    exact = sharp.crps(y)
    np.testing.assert_allclose(Forecast.crps(sharp, y), exact, rtol=1e-2)
    many = Normals(*(np.tile(one, 100) for one in (sharp.weights / 100, sharp.means, sharp.spreads)))
    np.testing.assert_allclose(many.crps(y), exact, rtol=1e-2)


def test_one_normal_distribution_is_scipys() -> None:
    forecast = Normals.single(np.array([[0.3, 0.7]]), np.array(0.1))
    y = np.array([[0.35, 0.4]])
    truth = stats.norm([0.3, 0.7], 0.1)
    np.testing.assert_allclose(forecast.log_density(y), truth.logpdf(y))
    np.testing.assert_allclose(forecast.cdf(y), truth.cdf(y))
    np.testing.assert_allclose(forecast.quantile(0.9), truth.ppf(0.9)[None], atol=1e-9)
    z = (y - truth.mean()) / 0.1  # Gneiting and Raftery 2007, equation 21
    score = 0.1 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(forecast.crps(y), score, atol=1e-12)


@pytest.mark.parametrize("forecast", EVERY, ids=IDS)
def test_other_units(forecast: Forecast) -> None:
    offset, factor = np.array([[1.0], [0.0], [2.0]]), np.array([[2.0], [-0.5], [-3.0]])
    moved = forecast.affine(offset, factor)
    y = RNG.uniform(0.2, 0.8, forecast.shape)
    at = offset + factor * y
    np.testing.assert_allclose(moved.mean(), offset + factor * forecast.mean(), atol=1e-9)
    np.testing.assert_allclose(moved.log_density(at), forecast.log_density(y) - np.log(np.abs(factor)), atol=1e-9)
    np.testing.assert_allclose(moved.crps(at), np.abs(factor) * forecast.crps(y), atol=5e-4)
    right = np.where(factor > 0, forecast.cdf(y), 1 - forecast.cdf(y))
    np.testing.assert_allclose(moved.cdf(at), right, atol=1e-9)


@pytest.mark.parametrize("forecast", EVERY, ids=IDS)
def test_draws_follow_the_distribution(forecast: Forecast) -> None:
    drawn = forecast.sample(np.random.default_rng(0), 2_000)
    assert drawn.shape == (2_000, *forecast.shape)
    below = np.array([forecast.cdf(one) for one in drawn])
    for row in range(3):
        assert stats.kstest(below[:, row, 1], "uniform").pvalue > 1e-4


@pytest.mark.parametrize("forecast", EVERY, ids=IDS)
def test_some_curves(forecast: Forecast) -> None:
    y = RNG.uniform(0, 1, forecast.shape)
    for chosen in (np.array([2, 0]), slice(1, 3)):
        np.testing.assert_array_equal(forecast.rows(chosen).cdf(y[chosen]), forecast.cdf(y)[chosen])


def test_edges_may_be_shared_by_all_times() -> None:
    edges, probabilities = np.linspace(0, 1, 6)[None, None], RNG.dirichlet(np.ones(5), (1, 4))
    shared, each = Binned(edges, probabilities), Binned(np.repeat(edges, 4, 1), probabilities)
    y = np.array([[0.1, 0.35, 0.7, 1.0]])
    for name in ("cdf", "log_density", "crps"):
        np.testing.assert_array_equal(getattr(shared, name)(y), getattr(each, name)(y))
    assert shared.support()[0].shape == shared.shape == (1, 4)


def test_bins_far_out_decide_no_mean() -> None:
    """A thousandth of the probability in a bin as wide as a hundred ranges moved the mean by half of the range."""
    edges = np.array([-100.0, 0.0, 0.4, 0.5, 0.6, 1.0, 101.0])[None, None]
    probabilities = np.array([0.001, 0.1, 0.4, 0.398, 0.1, 0.001])[None, None]
    wild = Binned(edges, probabilities)
    lopsided = Binned(edges, np.array([0.0, 0.1, 0.4, 0.398, 0.1, 0.002])[None, None])
    inner = (probabilities * np.diff(edges))[..., 1:-1]
    assert lopsided.mean()[0, 0] > 0.59
    for one in (wild, lopsided):
        cut = one.within(0.0, 1.0)
        assert cut.mean()[0, 0] == pytest.approx(0.498, abs=0.01)
        assert cut.support()[0][0, 0] == 0 and cut.support()[1][0, 0] == 1
        assert cut.probabilities.sum() == pytest.approx(1)
    assert inner.sum() > 0
    # In the middle, log-densities change by no more than what was cut away.
    y = np.array([[0.45]])
    assert wild.within(0, 1).log_density(y)[0, 0] == pytest.approx(wild.log_density(y)[0, 0], abs=0.003)


def test_bins_that_were_cut_away() -> None:
    cut = Binned(np.array([-2.0, -1.0, 0.2, 0.8, 3.0])[None, None], np.full((1, 1, 4), 0.25)).within(0.0, 1.0)
    with np.errstate(all="raise"):
        assert cut.cdf(np.array([[-0.5]])) == 0 and cut.cdf(np.array([[0.0]])) == 0
        assert cut.cdf(np.array([[1.0]])) == 1 and cut.cdf(np.array([[2.0]])) == 1
        assert cut.log_density(np.array([[-0.5]]))[0, 0] == -np.inf
        assert cut.log_density(np.array([[1.5]]))[0, 0] == -np.inf
    outside = Binned(np.array([2.0, 3.0])[None, None], np.ones((1, 1, 1))).within(0.0, 1.0)
    assert np.isfinite(outside.probabilities).all()


def test_densities_do_not_underflow() -> None:
    far = Normals.single(np.zeros((1, 1)), np.array(1e-3))
    assert far.log_density(np.array([[1.0]]))[0, 0] == pytest.approx(stats.norm(0, 1e-3).logpdf(1.0))
    both = Mixture([far, far], np.array([[0.5, 0.5]]))
    assert both.log_density(np.array([[1.0]]))[0, 0] == pytest.approx(far.log_density(np.array([[1.0]]))[0, 0])


def test_quantiles_of_bins_are_those_by_halving() -> None:
    """Of bins without probability, and without width, too; of 32-bit probabilities."""
    edges = np.sort(RNG.normal(size=(3, 2, 9)), -1)
    edges[0, 0, 3] = edges[0, 0, 4]
    probabilities = RNG.dirichlet(np.ones(8), (3, 2)).astype(np.float32)
    probabilities[1, 1, [0, 4, 7]] = 0
    probabilities /= probabilities.sum(-1, keepdims=True)
    binned = Binned(edges, probabilities)
    for level in (1e-12, 0.05, 0.3, 0.5, 0.9, 1 - 1e-9):
        found = binned.quantile(level)
        np.testing.assert_allclose(found, Forecast._quantiles(binned, np.full((3, 2), level)), atol=1e-6)
        np.testing.assert_allclose(binned.cdf(found), level, atol=2e-7)


def test_what_was_not_observed_has_no_density() -> None:
    binned = Binned(np.array([[[0.0, 1.0, 2.0]]]), np.array([[[0.5, 0.5]]]))
    assert np.isnan(binned.log_density(np.array([[np.nan]]))).all()


def test_bins_that_are_nan_have_no_quantiles() -> None:
    forecast = Binned(np.linspace(0, 1, 5)[None, None], np.array([[[0.2, np.nan, 0.3, 0.1]]]))
    assert np.isnan(forecast.quantile(0.5)).all()
