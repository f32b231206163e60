"""From metrics to units and back."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Scale, scale_of
from zcbench.errors import InvalidInputError

VALUES = np.array([2.3, 1.7, 1.1])


def test_there_and_back() -> None:
    scale = Scale(1.5, -0.25)
    np.testing.assert_allclose(scale.metric(scale.unit(VALUES)), VALUES)
    assert scale.unit(np.array([2.0]))[0] == 1.0


def test_accuracies_stay_as_they_are() -> None:
    np.testing.assert_array_equal(scale_of(VALUES / 3).unit(VALUES / 3), VALUES / 3)


def test_bounds_become_zero_and_one() -> None:
    assert scale_of(VALUES, bounds=(0, 100)).unit(np.array([0.0, 25.0, 100.0])).tolist() == [0, 0.25, 1]
    down = scale_of(VALUES, lower_is_better=True, bounds=(-1, 3))
    np.testing.assert_allclose(down.unit(np.array([-1.0, 0.0, 3.0])), [1, 0.75, 0])


def test_a_loss_is_measured_by_its_first_value() -> None:
    scale = scale_of(VALUES, lower_is_better=True)
    np.testing.assert_allclose(scale.unit(np.array([2.3, 0.0, 2.3 * 0.5])), [0.1, 1.0, 0.55])


def test_later_values_change_no_scale() -> None:
    assert scale_of(VALUES, lower_is_better=True) == scale_of(VALUES[:1], lower_is_better=True)


@pytest.mark.parametrize(
    ("values", "more", "message"),
    [
        ([50.0, 60.0], {}, "values range from 50 to 60: give bounds"),
        ([-0.1], {}, "give bounds"),
        ([0.0, 1.0], {"lower_is_better": True}, "the first value of a loss is 0"),
        ([], {"lower_is_better": True}, "an empty curve of a loss has no scale"),
        ([0.5], {"bounds": (1, 0)}, "give the smallest and the largest value"),
        ([0.5], {"bounds": (0, np.inf)}, "give the smallest and the largest value"),
    ],
)
def test_what_has_no_scale(values: list[float], more: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        scale_of(np.array(values), **more)
