"""Standard deviations of predictions: one factor, or one number, and an honest coverage."""

import numpy as np
import pytest

from zcbench.runs._cross_validation import HeldOut, folds
from zcbench.runs._deviations import deviations


def held_out(rows=400, factor=3.0, equal=False, seed=0):
    """Predictions whose errors are ``factor`` times what they say, or all of one size."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    size = np.ones(rows) if equal else np.exp(rng.normal(size=rows))
    sigma = np.exp(rng.normal(size=rows)) if equal else size / factor
    predicted = truth + size * rng.normal(size=rows)
    return folds(range(rows), 1, seed), HeldOut(predicted[None], sigma[None]), truth


def test_a_factor_makes_own_deviations_right():
    dealt, held, truth = held_out()
    found = deviations(dealt, held, truth, calibrated=True)
    errors = (held.predicted - truth) / held.deviation
    assert found.own
    assert found.factor == pytest.approx(np.sqrt((errors**2).mean()))
    assert found.factor == pytest.approx(3, rel=0.1)
    assert found.coverage == pytest.approx(0.95, abs=0.03)
    values, std = found.of(np.array([1.0, 2.0]), np.array([0.5, 0.1]))
    assert values.tolist() == [1, 2]
    assert std == pytest.approx(found.factor * np.array([0.5, 0.1]))


@pytest.mark.parametrize("missing", [False, True])
def test_one_number_where_own_deviations_say_nothing(missing):
    dealt, held, truth = held_out(equal=True)
    if missing:
        held = HeldOut(held.predicted, np.full_like(held.deviation, np.nan))
    found = deviations(dealt, held, truth, calibrated=True)
    assert not found.own
    assert found.constant == pytest.approx(np.sqrt(((held.predicted - truth) ** 2).mean()))
    assert found.coverage == pytest.approx(0.95, abs=0.03)
    assert (found.of(np.zeros(3), np.ones(3))[1] == found.constant).all()


def test_deviations_of_zero_are_not_used():
    dealt, held, truth = held_out()
    held.deviation[0, 3] = 0
    assert not deviations(dealt, held, truth, calibrated=True).own


def test_scores_become_values():
    dealt, held, truth = held_out()
    scores = HeldOut(100 * held.predicted + 7, held.deviation)
    found = deviations(dealt, scores, truth, calibrated=False)
    line = np.polyfit(scores.predicted[0], truth, 1)
    assert (found.slope, found.intercept) == pytest.approx(tuple(line))
    values, std = found.of(np.array([7.0, 107.0]), np.full(2, np.nan))
    assert values == pytest.approx(np.polyval(line, [7.0, 107.0]))
    assert np.isfinite(std).all()
    backwards = deviations(dealt, HeldOut(-scores.predicted, scores.deviation), truth, calibrated=False)
    assert backwards.slope == 0  # scores grow with what they rank, or tell nothing


def test_coverage_is_of_rows_that_did_not_decide():
    """One row in each fold is far off: the others' factor does not contain it, however large it makes its own."""
    rows = 25
    dealt = folds(range(rows), 1, 0)
    truth, predicted = np.zeros(rows), np.full((1, rows), 0.1)
    first = [int(np.flatnonzero(dealt[0] == fold)[0]) for fold in range(5)]
    predicted[0, first] = 10.0
    found = deviations(dealt, HeldOut(predicted, np.full((1, rows), np.nan)), truth, calibrated=True)
    assert found.coverage == pytest.approx(0.8)
