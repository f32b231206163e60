"""Forecasts of many runs: as of each by itself, and one that is bad stops no other."""

import numpy as np
import pytest

from zcbench import curves
from zcbench.curves._runs import QUANTILES, forecast_runs
from zcbench.curves._table import Observed
from zcbench.errors import InvalidInputError


def run(values, epochs=None, name="a"):
    values = np.asarray(values, np.float64)
    return Observed(name, np.arange(1.0, len(values) + 1) if epochs is None else np.asarray(epochs, float), values)


GOOD = [0.1, 0.3, 0.4, 0.45, 0.47]


@pytest.mark.parametrize("predictor", ["last_value", "lcpfn"])
def test_as_each_by_itself(predictor):
    several = [run(GOOD), run([0.2, np.nan, 0.3], name="b"), run(GOOD[:3], [1, 5, 9], name="c")]
    found = forecast_runs(several, 50, predictor=predictor, above=0.5)
    for one, given in zip(found, several, strict=True):
        alone = curves.extrapolate(given.values, 50, epochs=given.epochs.tolist(), predictor=predictor)
        np.testing.assert_array_equal(one.epochs, alone.epochs)
        np.testing.assert_allclose(one.mean, alone.mean, atol=1e-5)
        np.testing.assert_allclose(one.above, alone.probability_above(0.5), atol=1e-4)
        for p in QUANTILES:
            np.testing.assert_allclose(one.quantiles[p], alone.quantile(p), atol=1e-4)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (run([np.nan, np.nan]), "at epoch"),
        (run([0.1, np.inf]), "the value at epoch 2 is inf"),
        (run([0.1, 3.0]), "values range from 0.1 to 3"),
        (run(GOOD, [1, 2, 2, 3, 4]), "epoch 2 is repeated"),
        (run(GOOD, [1, 2, 5, 4, 6]), "epoch 4 comes after a later one"),
        (run(GOOD, [1, 2, 5, 40, 60]), "epoch 60, after the horizon 50"),
        (run([]), ""),
    ],
)
def test_a_bad_run_does_not_stop_the_others(bad, message):
    if not len(bad.values) or np.isnan(bad.values).all():
        bad = Observed("bad", bad.epochs, bad.values, "it has no values at epoch 1")
    found = forecast_runs([run(GOOD), bad, run(GOOD[:2])], 50, predictor="last_value", at=[50])
    assert message in found[1].trouble
    assert found[1].trouble
    assert [len(one.epochs) for one in found] == [1, 0, 1]


def test_a_run_that_diverges_is_refused_and_a_constant_one_is_not():
    found = forecast_runs(
        [run([2.3, 4.0, 80.0, 9e9]), run([2.3] * 20), run([2.3, 2.5])], 50, lower_is_better=True, at=[50]
    )
    assert "the training diverges" in found[0].trouble
    assert found[1].quantiles[0.05][0] < 2.3 < found[1].quantiles[0.95][0] + 1e-9
    assert found[2].trouble == ""


def test_runs_that_have_ended():
    """Of long ones too, whose contexts are thinned."""
    for horizon in (5, 400):
        whole = run(np.linspace(0.1, 0.5, horizon))
        found = forecast_runs([whole, run(GOOD[:4], name="b")], horizon, predictor="last_value")
        assert (found[0].ended, found[0].trouble, len(found[0].epochs)) == (True, "", 0)
        assert found[1].epochs.tolist() == list(range(5, horizon + 1))
        with pytest.raises(InvalidInputError, match=f"is not after the last observed epoch {horizon}"):
            curves.extrapolate(whole.values, horizon, predictor="last_value")


def test_ten_thousand_epochs():
    values = 0.9 - 0.8 * np.arange(1, 6001) ** -0.4
    (found,) = forecast_runs([run(values)], 10_000, at=[6001, 10_000])
    truth = 0.9 - 0.8 * 10_000**-0.4
    assert found.quantiles[0.05][-1] - 0.02 < truth < found.quantiles[0.95][-1] + 0.02


def test_epochs_that_a_run_has_passed_are_left_out_for_it():
    found = forecast_runs([run(GOOD), run(GOOD[:2])], 50, predictor="last_value", at=[4, 20])
    assert [one.epochs.tolist() for one in found] == [[20], [4, 20]]
    (late,) = forecast_runs([run(GOOD)], 50, predictor="last_value", at=[4])
    assert late.trouble == "it has passed all requested epochs"


def test_values_outside_their_bounds():
    (found,) = forecast_runs([run([20, 50, 120])], 50, bounds=(0, 100))
    assert found.trouble == "its value 120 lies outside the bounds 0 and 100"
    (found,) = forecast_runs([run([20, 50, 60])], 50, bounds=(0, 100))
    assert 50 < found.mean[-1] < 100


@pytest.mark.parametrize(
    ("horizon", "options"),
    [(np.nan, {}), (0, {}), (50, {"at": [60]}), (50, {"at": []}), (50, {"at": [3, 3]}), (50, {"bounds": (1, 0)})],
)
def test_what_is_wrong_for_all(horizon, options):
    with pytest.raises(InvalidInputError):
        forecast_runs([run(GOOD)], horizon, **options)


def test_rows():
    (found,) = forecast_runs([run(GOOD)], 7, predictor="last_value", above=0.4)
    rows = list(found.rows())
    assert [row["epoch"] for row in rows] == [6, 7]
    assert list(rows[0]) == ["run", "epoch", "mean", "q05", "q25", "q50", "q75", "q95", "probability_above"]
