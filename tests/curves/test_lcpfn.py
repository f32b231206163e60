"""LC-PFN with the weights that ship."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Binned, Context, Mixture, get_curve_predictor
from zcbench.curves._weights import load
from zcbench.curves.last_value import LastValue
from zcbench.curves.lcpfn import LCPFN, RANGE, SHIPPED
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError


def contexts(prior: str, count: int, seen: int, seed: int = 5) -> tuple[list[Context], np.ndarray, np.ndarray]:
    """Beginnings of a prior's curves, times that are asked for, and what comes there."""
    sample = PRIORS[prior].sample(np.random.default_rng(seed), count)
    rows = [Context(sample.times[:seen], values[:seen], 100.0) for values in sample.values]
    return rows, np.broadcast_to(sample.times[seen:], (count, 100 - seen)), sample.values[:, seen:]


def test_the_weights_fit_into_the_package() -> None:
    assert SHIPPED.stat().st_size <= 6_000_000
    about = load(SHIPPED).about
    assert about["priors"] == list(PRIORS)
    assert about["training"]["curves"] > 100_000


@pytest.mark.parametrize("prior", list(PRIORS))
@pytest.mark.parametrize("seen", [10, 50])
def test_it_beats_the_calibrated_last_value_on_new_curves(prior: str, seen: int) -> None:
    given, asked, later = contexts(prior, 200, seen)
    ours = LCPFN(prior=prior).predict(given, asked).log_density(later).clip(-20)
    base = LastValue(prior=prior).predict(given, asked).log_density(later).clip(-20)
    difference = (ours - base).mean(1)
    assert difference.mean() > 3 * difference.std() / np.sqrt(len(difference))


def test_its_intervals_hold_what_they_say_on_new_curves() -> None:
    given, asked, later = contexts("paper", 400, 20, seed=6)
    forecast = LCPFN(prior="paper").predict(given, asked)
    inside = (forecast.quantile(0.05) <= later) & (later <= forecast.quantile(0.95))
    assert 0.87 <= inside.mean() <= 0.93


def test_means_lie_within_the_range_whatever_the_outer_bins_hold() -> None:
    given = [
        Context(np.arange(1.0, 4), np.array([0.9, 0.95, 0.99]), 100.0),
        Context(np.arange(1.0, 2), np.array([0.5]), 100.0),
    ]
    for prior in ("paper", "extended", "mixed"):
        forecast = LCPFN(prior=prior).predict(given, np.array([[10.0, 100.0]] * 2))
        assert (forecast.mean() > RANGE[0]).all()
        assert (forecast.mean() < RANGE[1]).all()
        assert abs(float(forecast.mean()[0, 1]) - 0.99) < 0.2


def test_a_training_that_diverges_is_unlikely_and_not_impossible() -> None:
    forecast = LCPFN().predict([Context(np.arange(1.0, 6), np.linspace(0.5, 0.9, 5), 10.0)], np.array([[8.0, 10.0]]))
    for value in (-3.0, 3.0, -5_000.0):
        assert -40 < forecast.log_density(np.array(value)).min() < -7
    outside = forecast.cdf(np.array(RANGE[0])) + 1 - forecast.cdf(np.array(RANGE[1]))
    assert outside == pytest.approx(np.full((1, 2), 1e-3), rel=1e-3)


def test_a_curve_is_forecast_alone_as_in_company() -> None:
    given, asked, _ = contexts("paper", 6, 10)
    given[2] = given[2].until(4)
    given[4] = Context(np.empty(0), np.empty(0), 100.0)
    together = LCPFN().predict(given, asked)
    for row, one in enumerate(given):
        alone = LCPFN().predict([one], asked[[row]])
        assert isinstance(alone, Binned)
        # float32 sums of other shapes
        assert alone.mean()[0] == pytest.approx(together.mean()[row], abs=2e-4)


def test_mixed_goes_with_the_prior_that_forecast_the_curve_better() -> None:
    given, asked, _ = contexts("paper", 50, 60)
    mixed = LCPFN(prior="mixed").predict(given, asked)
    assert isinstance(mixed, Mixture)
    assert mixed.weights.sum(1) == pytest.approx(np.ones(50))
    paper = mixed.weights[:, 0].mean()
    given, asked, _ = contexts("extended", 50, 60)
    other = LCPFN(prior="mixed").predict(given, asked)
    assert isinstance(other, Mixture)
    assert paper > 0.5 > other.weights[:, 0].mean()


def test_more_curves_than_fit_into_one_pass() -> None:
    given, asked, _ = contexts("paper", 300, 5)
    whole = LCPFN().predict(given, asked[:, :3]).mean()
    assert whole.shape == (300, 3)
    assert LCPFN().predict(given[256:], asked[256:, :3]).mean() == pytest.approx(whole[256:], abs=2e-4)


def test_many_times_are_interpolated_between_those_that_the_network_is_asked_for() -> None:
    given, asked, later = contexts("extended", 100, 10)
    many = LCPFN().predict(given, asked)
    for column in (0, 7, 40, 89):
        alone = LCPFN().predict(given, asked[:, [column]])
        difference = many.log_density(later)[:, column] - alone.log_density(later[:, [column]])[:, 0]
        assert np.abs(difference).mean() < 0.02
        assert abs(difference.mean()) < 0.01
        assert many.mean()[:, column] == pytest.approx(alone.mean()[:, 0], abs=6e-3)


def test_fewer_digits_change_forecasts_little() -> None:
    given, asked, later = contexts("paper", 50, 20)
    fine, coarse = (LCPFN(precision=kind).predict(given, asked) for kind in ("float32", "bfloat16"))
    assert coarse.mean() == pytest.approx(fine.mean(), abs=0.01)
    assert abs((coarse.log_density(later) - fine.log_density(later)).mean()) < 0.01


def test_bad_settings_are_named() -> None:
    given, asked, _ = contexts("paper", 1, 5)
    with pytest.raises(InvalidInputError, match=r"choose one of mixed, paper, extended"):
        get_curve_predictor("lcpfn:prior=flat").predict(given, asked)
    with pytest.raises(InvalidInputError, match="float32 or bfloat16"):
        LCPFN(precision="half").predict(given, asked)
    with pytest.raises(InvalidInputError, match="not contain weights of a curve network"):
        LCPFN(weights="nowhere.safetensors").predict(given, asked)
    long = Context(np.arange(1.0, 102), np.linspace(0.1, 0.5, 101), 200.0)
    with pytest.raises(InvalidInputError, match="at most 100 values"):
        LCPFN().predict([long], np.array([[150.0]]))
