"""Curves as their owner has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from zcbench import curves
from zcbench.curves import Context, CurvePredictor, Extrapolation, Forecast, Normals
from zcbench.errors import InvalidInputError

RISING = [0.31, 0.52, 0.61, 0.64, 0.66]
FALLING = [2.3, 1.9, 1.5, 1.4]


GOOD = [0.31, 0.52, 0.61, 0.64, 0.66]


def one(values: object, horizon: float, **settings: object) -> Extrapolation:
    """One curve's extrapolation."""
    found = curves.extrapolate(values, horizon, **settings)  # type: ignore[arg-type]
    assert isinstance(found, Extrapolation)
    return found


def test_a_curve_is_extrapolated_to_its_horizon() -> None:
    found = one(RISING, 100)
    assert found.epochs.tolist() == list(range(6, 101))
    low, high = found.interval(0.9)
    assert (low < found.median).all()
    assert (found.median < high).all()
    assert 0.6 < found.mean[-1] < 1
    above = found.probability_above(0.7)
    assert above == pytest.approx(1 - found.probability_below(0.7))
    assert (np.diff(found.quantile(0.5)[[0, 30, 94]]) > 0).all()
    assert "to 100" in repr(found)


def test_several_curves_of_any_lengths_are_as_if_alone() -> None:
    rows = [RISING, [0.2], [0.3, np.nan, 0.5, np.nan, 0.55, 0.56]]
    several = curves.extrapolate(rows, 50)
    assert isinstance(several, list)
    for row, found in zip(rows, several, strict=True):
        # float32 sums of other shapes
        assert found.mean == pytest.approx(one(row, 50).mean, abs=2e-4)
    assert several[2].epochs[0] == 7


def test_units_of_the_metric_do_not_matter() -> None:
    plain, percent = one(RISING, 50), one([100 * value for value in RISING], 50, bounds=(0, 100))
    assert percent.mean == pytest.approx(100 * plain.mean, rel=1e-3)
    later = plain.mean
    assert percent.log_density(100 * later) == pytest.approx(plain.log_density(later) - np.log(100), abs=1e-2)
    errors = one([1 - value for value in RISING], 50, bounds=(0, 1), lower_is_better=True)
    assert errors.mean == pytest.approx(1 - plain.mean, abs=1e-3)
    assert errors.quantile(0.1) == pytest.approx(1 - plain.quantile(0.9), abs=1e-3)
    losses, thousands = (one([k * value for value in FALLING], 20, lower_is_better=True) for k in (1, 1000))
    assert thousands.mean == pytest.approx(1000 * losses.mean, rel=1e-3)


def test_a_loss_falls() -> None:
    found = one(FALLING, 50, lower_is_better=True)
    assert found.mean[-1] < 1.4
    assert found.probability_below(1.4)[-1] > 0.5
    assert found.sample(500).shape == (500, 46)


def test_missing_and_numbered_epochs_are_one_thing() -> None:
    with_gaps = one([0.3, np.nan, 0.5, np.nan, 0.55], 20)
    numbered = one([0.3, 0.5, 0.55], 20, epochs=[1, 3, 5])
    assert with_gaps.mean.tolist() == numbered.mean.tolist()


def test_an_epoch_before_training_is_counted_as_one() -> None:
    first = one([0.1, 0.3, 0.5], 20, epochs=[0, 1, 2])
    second = one([0.1, 0.3, 0.5], 21, epochs=[1, 2, 3])
    assert first.mean.tolist() == second.mean.tolist()
    assert first.epochs.tolist() == list(range(3, 21))


def test_ten_thousand_epochs() -> None:
    epochs = np.arange(1, 4001)
    values = 0.9 - 0.6 * epochs**-0.3 + 0.01 * np.random.default_rng(0).standard_normal(4000)
    found = one(values.tolist(), 10_000, at=[5_000, 10_000])
    assert found.mean == pytest.approx(0.9 - 0.6 * np.array([5_000, 10_000]) ** -0.3, abs=0.03)
    assert len(one(values.tolist(), 10_000).mean) == 6_000


@pytest.mark.parametrize(("seen", "horizon"), [(400, 1_000), (4_000, 10_000)])
def test_intervals_of_long_curves_hold_single_values(seen: int, horizon: int) -> None:
    """What is forecast is one value with its noise, and not a mean of many."""
    rng = np.random.default_rng(0)
    epochs = np.arange(1, horizon + 1)
    losses = 0.5 + 2 * epochs**-0.5 + 0.02 * rng.normal(size=(20, horizon))
    at = np.arange(seen + 1, seen + 21)
    found = curves.extrapolate(losses[:, :seen], horizon, at=at, lower_is_better=True)
    assert isinstance(found, list)
    inside = [
        (low <= later) & (later <= high)
        for (low, high), later in zip((one.interval(0.9) for one in found), losses[:, seen : seen + 20], strict=True)
    ]
    assert 0.8 < np.mean(inside) < 0.99


def test_evaluations_within_epochs_are_as_if_they_were_epochs() -> None:
    whole = one(GOOD, 40, at=[10, 40])
    parts = one(GOOD, 4, epochs=[0.1, 0.2, 0.3, 0.4, 0.5], at=[1, 4])
    np.testing.assert_allclose(parts.quantile(0.9), whole.quantile(0.9), atol=1e-6)
    assert one(GOOD, 1, epochs=[0.1, 0.2, 0.3, 0.4, 0.5]).epochs.tolist() == [0.6, 0.7, 0.8, 0.9, 1]
    assert one(GOOD[:2], 1.25, epochs=[0.5, 1]).epochs.tolist() == [1.25]


def test_only_what_is_asked_for() -> None:
    found = one(RISING, 100, at=[10, 50.5, 100])
    assert found.epochs.tolist() == [10, 50.5, 100]
    every = one(RISING, 100)
    assert found.mean[[0, 2]] == pytest.approx(every.mean[[4, 94]], abs=2e-3)  # times between knots are interpolated


@pytest.mark.parametrize("values", [[0.5] * 20, [0.0] * 5, [1.0] * 5, [0.5], [0.9, 0.1, 0.1, 0.1]])
def test_odd_curves_are_forecast(values: list[float]) -> None:
    found = one(values, 60)
    low, high = found.interval()
    assert np.isfinite([low, high, found.mean]).all()
    assert (high > low).all()


def test_an_empty_curve_has_the_forecast_of_the_prior() -> None:
    found = one([], 100)
    low, high = found.interval()
    assert len(found.mean) == 100
    assert (high - low > 0.5).all()


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        ([0.3, np.inf], {}, "end the curve before it"),
        ([0.3, 0.5], {"epochs": [2, 1]}, "comes after a later one"),
        ([0.3, 0.5], {"epochs": [2, 2]}, "is repeated"),
        ([0.3, 0.5], {"epochs": [1]}, "equally long"),
        ([0.3, 0.5], {"epochs": [-1, 2]}, "from 0 on"),
        ([0.3, 0.5], {"horizon": 2}, "is not after the last observed epoch 2"),
        ([0.3, 0.5], {"horizon": np.nan}, "the last epoch of the training"),
        ([30.0, 50.0], {}, "give bounds"),
        ([0.3, 0.5], {"bounds": (1, 0)}, "smallest and the largest"),
        ([0.0, 0.5], {"lower_is_better": True}, "give bounds"),
        ([], {"lower_is_better": True}, "has no scale"),
        ([], {"predictor": "last_value"}, "needs 1"),
        ([0.3, 0.5], {"at": [1.0]}, "after the last observed epoch 2"),
        ([0.3, 0.5], {"at": []}, "one epoch or more"),
        ([0.3, 0.5], {"at": [200]}, "up to the horizon"),
        ([0.3, 0.5], {"horizon": "100"}, "the last epoch of the training"),
        ([0.3, 0.5], {"horizon": 10**400}, "the last epoch of the training"),
        ([0.3, 0.5], {"horizon": 1e9}, "fit into memory: choose fewer epochs with at="),
        ([0.3, 0.5], {"bounds": (0,)}, "smallest and the largest"),
        ([0.3, 0.5], {"bounds": "01"}, "smallest and the largest"),
        ([0.3, 0.5], {"bounds": (-1e308, 1e308)}, "divide or multiply"),
        ([1.7e308, 1e308], {"lower_is_better": True}, "divide or multiply"),
        ([5e-324, 5e-324], {"lower_is_better": True}, "divide or multiply"),
        ([0.3, 0.5], {"lower_is_better": "no"}, "True or False"),
        ([0.3, 0.5], {"predictor": None}, "give the name of a curve predictor"),
    ],
)
def test_bad_input_gets_one_sentence(values: list[float], settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        one(values, **{"horizon": 100, **settings})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_whatever_holds_numbers_is_a_curve() -> None:
    expected = one(GOOD, 20).mean
    masked = np.ma.masked_array([*GOOD, 0.99], [False] * len(GOOD) + [True])
    for values in (np.float32(GOOD).astype(float), masked, (value for value in GOOD), torch.tensor(GOOD)):
        np.testing.assert_allclose(one(values, 20).mean[1:], expected[1:], atol=1e-5)
    several = curves.extrapolate((row for row in [GOOD, GOOD[:2]]), 20, epochs=[None, [3, 4]])  # type: ignore[arg-type]
    assert isinstance(several, list) and [len(found.epochs) for found in several] == [20 - len(GOOD), 16]


def test_a_share_may_be_rounded_beyond_one() -> None:
    assert np.isfinite(one([0.9, 1.0000001], 20).mean).all()
    with pytest.raises(InvalidInputError, match=r"0.5 to 1.0001"):
        one([0.5, 1.0001], 20)


def test_a_horizon_between_two_epochs() -> None:
    assert one(GOOD, len(GOOD) + 0.5).epochs.tolist() == [len(GOOD) + 0.5]
    assert one(GOOD, len(GOOD) + 1.5).epochs.tolist() == [len(GOOD) + 1]


@pytest.mark.parametrize("predictor", ["lcpfn", "last_value", "fits", "evidence"])
def test_what_a_forecast_is_asked(predictor: str) -> None:
    found = one(GOOD, 30, predictor=predictor)
    with np.errstate(all="ignore"):
        later = found.log_density([np.nan] + [0.7] * (len(found.epochs) - 1))
    assert np.isnan(later[0]) and np.isfinite(later[1:]).all()
    outer, inner = found.interval(0.9), found.interval(0.5)
    assert (outer[0] < inner[0]).all() and (inner[1] < outer[1]).all()
    levels = np.linspace(0.01, 0.99, 9)
    quantiles = np.array([found.quantile(level) for level in levels])
    assert (np.diff(quantiles, axis=0) > 0).all()
    for level, values in zip(levels, quantiles, strict=True):
        np.testing.assert_allclose(found.probability_below(values), level, atol=1e-6)
        np.testing.assert_allclose(found.probability_above(values), 1 - level, atol=1e-6)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda found: found.quantile(0), "between 0 and 1"),
        (lambda found: found.quantile("a"), "the probability 'a'"),
        (lambda found: found.interval(1), "an interval of 1: choose a share"),
        (lambda found: found.interval(-0.1), "an interval of -0.1: choose a share"),
        (lambda found: found.probability_above(np.nan), "the value nan: give a number"),
        (lambda found: found.probability_below(None), "the value None: give a number"),
        (lambda found: found.log_density([0.5, 0.6]), r"values of shape \(2,\): give a number, or one for each of 15"),
        (lambda found: found.log_density(None), "values None: give a number"),
        (lambda found: found.sample(-1), "count -1"),
        (lambda found: found.sample(2, seed="a"), "seed 'a'"),
    ],
)
def test_odd_questions_get_one_sentence(ask: Callable[[Extrapolation], object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        ask(one(GOOD, 20, predictor="last_value"))


def test_a_predictor_that_returns_no_forecast() -> None:
    class Odd(CurvePredictor):
        def predict(self, contexts: object, asked: object) -> Any:
            return None

    with pytest.raises(InvalidInputError, match="predict returned NoneType: it must return a Forecast of shape"):
        one(GOOD, 20, predictor=Odd())


def test_a_forecast_that_is_not_finite_is_no_forecast() -> None:
    """As of weights that overflow."""

    class Broken(CurvePredictor):
        def predict(self, contexts: Sequence[Context], asked: Any) -> Forecast:
            return Normals.single(np.full(asked.shape, np.nan), np.ones(asked.shape))

    with pytest.raises(InvalidInputError, match="the forecast is not finite: its predictor, or a file of weights"):
        one(GOOD, 20, predictor=Broken())
    stopper = curves.Stopper(20, incumbent=0.9, predictor=Broken())
    stopper.update(1, 0.3), stopper.update(2, 0.3)
    with pytest.raises(InvalidInputError, match="the forecast is not finite"):
        stopper.update(3, 0.3)
