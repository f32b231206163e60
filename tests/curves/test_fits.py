"""Forecasts from fits: criteria, spreads, weights, and curves that determine nothing."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Context, Normals, get_curve_predictor
from zcbench.curves._least_squares import Curves, curves_of, fit
from zcbench.curves.fits import criterion, forecast_of
from zcbench.curves.last_value import LastValue
from zcbench.errors import InvalidInputError

TIMES = np.arange(1, 26.0)
ASKED = np.array([[26.0, 50.0, 100.0]])
NOISY = Context(TIMES, 0.8 - 0.5 * TIMES**-0.7 + 0.01 * np.random.default_rng(0).standard_normal(25), 100.0)


def predict(name: str, *contexts: Context) -> Normals:
    found = get_curve_predictor(name).predict(contexts, np.repeat(ASKED, len(contexts), 0))
    assert isinstance(found, Normals)
    return found


def test_criteria() -> None:
    """AICc and BIC by hand; the residuals that are taken for granted are .005² at one point."""
    n, p, rss = 20, 3, 0.04
    k, base = p + 1, n * np.log((rss + 0.005**2) / n)
    points, squares = np.array([20.0]), np.array([rss])
    assert criterion(squares, points, p, "aicc")[0] == pytest.approx(base + 2 * k + 2 * k * (k + 1) / (n - k - 1))
    assert criterion(squares, points, p, "bic")[0] == pytest.approx(base + k * np.log(n))
    assert np.isfinite(criterion(np.zeros(1), points, p, "aicc"))
    assert criterion(squares, np.array([5.0]), p, "aicc")[0] == np.inf


def test_the_spread_is_what_new_data_show() -> None:
    """Fits of 200 curves with the same truth spread as the delta method says of one of them."""
    rng = np.random.default_rng(1)
    truth = 0.8 - 0.5 * TIMES**-0.7
    curves = Curves.of([Context(TIMES, truth + 0.01 * rng.standard_normal(25), 100.0) for _ in range(200)])
    found = fit("pow3", curves, 2)
    means, variance = forecast_of(found, curves, np.repeat(ASKED, 200, 0))
    for column in (0, 1):
        real = np.sqrt(means[:, column].var() + 0.01**2)
        assert np.median(np.sqrt(variance[:, column])) == pytest.approx(real, rel=0.2)
    np.testing.assert_allclose(means, curves_of("pow3", found.at, np.repeat(ASKED, 200, 0)))


def test_ensembles_weigh_by_aicc() -> None:
    """Weights against Akaike's formula, from fits of each family alone."""
    names = ["pow3", "ilog2", "hill"]
    whole = predict("fits:families=pow3+ilog2+hill", NOISY)
    costs = []
    for name in names:
        found = fit(name, Curves.of([NOISY]), 4)
        costs.append(float(criterion(found.squares, np.array([25.0]), found.at.shape[1], "aicc")[0]))
    raw = np.exp(-0.5 * (np.array(costs) - min(costs)))
    by_family = whole.weights[0, 0].reshape(2, 4).sum(0)  # each normal, and its tail
    np.testing.assert_allclose(by_family, [*(raw / raw.sum()), 0.0], atol=1e-4)
    best = predict("best_fit:families=pow3+ilog2+hill", NOISY).weights[0, 0].reshape(2, 4).sum(0)
    assert best.tolist() == [1.0 if cost == min(costs) else 0.0 for cost in costs] + [0.0]


def test_tails_and_doubt() -> None:
    plain, usual = (predict(f"best_fit:families=ilog2:doubt={doubt}", NOISY) for doubt in (0.0, 0.5))
    assert usual.weights[0, 0].tolist() == pytest.approx([0.85, 0, 0.15, 0])
    assert (usual.spreads[0, :, 2] == 4 * usual.spreads[0, :, 0]).all()
    change = usual.means[0, :, 0] - NOISY.values[-3:].mean()
    np.testing.assert_allclose(usual.spreads[0, :, 0] ** 2, plain.spreads[0, :, 0] ** 2 + (0.5 * change) ** 2)


def test_short_curves_use_what_they_determine() -> None:
    few = [NOISY.until(count) for count in (1, 4, 5, 6)]
    found = predict("fits", *few)
    simple = LastValue().predict(few, np.repeat(ASKED, 4, 0))
    np.testing.assert_array_equal(found.mean()[:2], simple.mean()[:2])
    np.testing.assert_allclose(found.cdf(np.array(0.5))[:2], simple.cdf(np.array(0.5))[:2])
    used = (found.weights[:, 0] > 0).reshape(4, 2, -1).any(1).sum(1)
    assert used[0] == used[1] == 1  # around the last value
    assert used[2] == 2  # families of two parameters: ilog2, loglog_linear
    assert used[3] == 6  # and of three: pow3, log_power, vap, hill


@pytest.mark.parametrize(
    "values", [np.full(25, 0.4), 0.8 - 0.5 * TIMES**-0.7, np.zeros(25), np.linspace(0.9, 0.1, 25), 10.0**TIMES]
)
def test_curves_without_noise_have_a_spread(values: np.ndarray) -> None:
    found = predict("fits", Context(TIMES, values, 100.0))
    assert np.isfinite(found.mean()).all()
    assert (found.spreads[found.weights > 0] > 1e-4).all()
    assert (found.spreads <= 1).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [("fits:criterion=aic", "choose aicc or bic"), ("best_fit:families=pow3+pow5", "there is no family 'pow5'")],
)
def test_settings_that_say_nothing(name: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        predict(name, NOISY)
