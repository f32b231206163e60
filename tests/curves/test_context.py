"""Contexts, the common time axis, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Axis, Context
from zcbench.curves._context import checked, thinned
from zcbench.errors import InvalidInputError


def test_the_beginning_of_a_curve() -> None:
    curve = Context(np.array([1.0, 2.0, 5.0]), np.array([0.1, 0.2, 0.3]), 9.0, np.array([7.0]))
    begun = curve.until(4.9)
    assert (len(curve), len(begun), len(curve.until(0.5)), len(curve.until(5))) == (3, 2, 0, 3)
    assert begun.values.tolist() == [0.1, 0.2]
    assert begun.end == 9 and begun.code is curve.code


def test_short_trainings_keep_their_epochs() -> None:
    assert Axis(100).times(np.array([1.0, 7.0, 100.0])).tolist() == [1, 7, 100]
    assert Axis(12).end == 12
    assert Axis(11, 1).times(np.array([0.0, 11.0])).tolist() == [1, 12]


@pytest.mark.parametrize("horizon", [101, 200, 10_000])
def test_long_trainings_are_compressed(horizon: int) -> None:
    axis = Axis(horizon)
    times = axis.times(np.arange(1, horizon + 1.0))
    assert times[0] == 1 and times[-1] == axis.end == pytest.approx(100)
    np.testing.assert_allclose(np.diff(times), 99 / (horizon - 1))


def test_epoch_zero_of_a_long_training_is_the_first() -> None:
    assert Axis(200, 1).times(np.array([0.0, 200.0])).tolist() == pytest.approx([1, 100])


@pytest.mark.parametrize(
    ("epochs", "horizon", "times", "end"),
    [
        ([1, 2, 3], 50, [1, 2, 3], 50),
        ([0, 1, 2], 49, [1, 2, 3], 50),
        ([2, 4, 6], 50, [2, 4, 6], 50),
        ([0.1, 0.2, 0.3], 3, [1, 2, 3], 30),
        ([0, 0.1, 0.3, 0.4], 3, [1, 2, 4, 5], 31),
        ([0.25], 3, [1], 12),
        ([0], 3, [1], 4),
        ([], 3, [], 3),
        ([0.32, 0.64, 0.96], 3, [0.96 + 1, 1.92 + 1, 2.88 + 1], 10),  # of thirds
        ([0.001, 0.002], 1, [1, 1 + 99 / 999], 100),
        ([0, 1e-300], 1, [1, 1], 100),
    ],
)
def test_values_that_come_several_times_an_epoch(
    epochs: list[float], horizon: float, times: list[float], end: float
) -> None:
    axis = Axis.of(np.array(epochs, dtype=float), horizon)
    np.testing.assert_allclose(axis.times(np.array(epochs, dtype=float)), times, rtol=1e-9)
    assert axis.end == pytest.approx(end)


def test_thinning_keeps_the_last_point_of_each_part() -> None:
    """Against a loop over the parts."""
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(1, 100, 997))
    values = rng.normal(0, 1, 997)
    few_times, few = thinned(times, values, 40)
    span = times[-1] - times[0]
    slow = []
    for part in range(40):
        low, high = times[0] + part * span / 40, times[0] + (part + 1) * span / 40
        inside = [v for t, v in zip(times, values, strict=True) if low <= t < high or (part == 39 and t == times[-1])]
        if inside:
            slow.append(inside[-1])
    np.testing.assert_array_equal(few, slow)
    assert (np.diff(few_times) > 0).all() and len(few) <= 40 and few[-1] == values[-1]
    np.testing.assert_array_equal(thinned(times[:40], values[:40], 40)[0], times[:40])


def test_missing_values_are_left_out() -> None:
    epochs, values = checked(np.array([1.0, 2.0, 3.0]), np.array([0.1, np.nan, 0.3]))
    assert epochs.tolist() == [1, 3] and values.tolist() == [0.1, 0.3]


@pytest.mark.parametrize(
    ("epochs", "values", "message"),
    [
        ([1, 2, 2], [0, 0, 0], "epoch 2 is repeated: give each epoch once"),
        ([1, 3, 2], [0, 0, 0], "epoch 2 comes after a later one"),
        ([-1, 2], [0, 0], "from 0 on"),
        ([1, np.nan], [0, 0], "finite numbers"),
        ([1, 2], [0, np.inf], "value at epoch 2 is inf: end the curve before it"),
        ([1, 2], [0], "equally long"),
        ([[1, 2]], [[0, 1]], "equally long"),
    ],
)
def test_odd_curves_are_refused(epochs: list[float], values: list[float], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        checked(np.array(epochs, dtype=float), np.array(values, dtype=float))
