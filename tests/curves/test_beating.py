"""The probability of beating an incumbent, against the forecasts themselves."""

import numpy as np
import pytest

from zcbench import curves
from zcbench.curves._beating import LATER, chances_of_beating, probability_of_beating

VALUES = np.array([0.1, 0.3, 0.4, 0.45, 0.47])
EPOCHS = np.arange(1.0, 6)


@pytest.mark.parametrize("predictor", ["last_value", "lcpfn"])
@pytest.mark.parametrize(("lower", "bounds", "factor", "offset"), [
    (False, None, 1, 0), (True, None, -2.0, 2.4), (False, (0, 100), 100, 0), (True, (0, 100), -100, 100),
])  # fmt: skip
def test_it_is_the_forecast_s(predictor, lower, bounds, factor, offset):
    values, incumbent = offset + factor * VALUES, offset + factor * 0.5
    made = curves.get_curve_predictor(predictor)
    settings = {"lower_is_better": lower, "bounds": bounds}
    found = curves.extrapolate(values, 50, predictor=made, **settings)
    beating = found.probability_below(incumbent) if lower else found.probability_above(incumbent)
    got = [probability_of_beating(incumbent, EPOCHS, values, 50, made, later=later, **settings) for later in (0, 1)]
    assert got[0] == pytest.approx(beating[-1], abs=1e-6)
    assert got[1] == pytest.approx(beating.max(), abs=1e-6)


def test_missing_epochs_epoch_zero_and_long_trainings():
    made = curves.get_curve_predictor("last_value")
    values = np.array([0.1, np.nan, 0.3])
    for epochs, horizon in (([0, 1, 2], 9), ([1, 5, 9], 12), ([10, 500, 2000], 10_000)):
        found = curves.extrapolate(values, horizon, epochs=epochs, predictor=made)
        got = probability_of_beating(0.35, np.array(epochs, float), values, horizon, made)
        assert got == pytest.approx(found.probability_above(0.35)[-1])
        assert got <= probability_of_beating(0.35, np.array(epochs, float), values, horizon, made, later=True) + 1e-12
    assert LATER == 100


def test_a_training_that_diverges():
    made = curves.get_curve_predictor("last_value")
    values = np.array([2.0, 1.5, 90.0])
    assert probability_of_beating(1.0, np.arange(1.0, 4), values, 9, made, lower_is_better=True) == 0


@pytest.mark.parametrize("predictor", ["last_value", "lcpfn", "lkgp"])
def test_several_at_once_are_each_by_itself(predictor):
    made = curves.get_curve_predictor(predictor)
    several = [(EPOCHS[:n], 0.9 * VALUES[:n] + 0.02 * n) for n in (5, 3, 4)] + [(EPOCHS[:2], np.array([0.2, -30.0]))]
    found = chances_of_beating(0.5, several, 50, made, bounds=(0, 1))
    each = [probability_of_beating(0.5, *one, 50, made, bounds=(0, 1)) for one in several]
    np.testing.assert_allclose(found, each, atol=1e-5)
    assert found[-1] == 0
    assert chances_of_beating(0.5, [], 50, made).shape == (0,)
