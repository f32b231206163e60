"""Scales of targets and of columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from zcbench.errors import InvalidInputError
from zcbench.predictors._features import Scaling
from zcbench.predictors._targets import Ranks, Standard, target_scale

values = st.lists(st.integers(-1000, 1000).map(lambda i: i / 7), min_size=2, max_size=40).filter(
    lambda v: len(set(v)) > 1
)


@given(values)
def test_scales_increase_strictly_and_come_back(targets):
    targets = np.array(targets)
    wide = np.linspace(targets.min() - 50, targets.max() + 50, 301)
    for scale in (Standard(targets), Ranks(targets)):
        image = scale.forward(wide)
        assert (np.diff(image) > 0).all()
        assert np.allclose(scale.backward(image), wide, atol=1e-6 * np.abs(wide).max())


def test_ranks_are_normal_scores():
    targets = np.array([3.0, 1.0, 2.0, 2.0])
    expected = norm.ppf((np.array([4, 1, 2.5, 2.5]) - 0.5) / 4)
    assert np.allclose(Ranks(targets).forward(targets), expected)


def test_unknown_scale():
    with pytest.raises(InvalidInputError, match="targets='log': choose one of standard, ranks"):
        target_scale("log", np.array([1.0, 2.0]))


def test_columns_are_scaled_by_the_training_rows_alone():
    x = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, 2.0], [5.0, 5.0, 4.0]])
    scaling = Scaling(x, np.array([0, 0, 1]))
    assert scaling.groups.tolist() == [0, 1]  # the constant column is gone
    scaled = scaling(x)
    assert np.allclose(scaled.mean(0), 0)
    assert np.allclose(scaled.std(0), 1)
    assert scaled[0, 1] == pytest.approx((3.0 - 3.0) / x[1:, 2].std(), abs=1e-9)  # the gap took the median
    one = scaling(np.array([[7.0, 1.0, 2.0]]))
    assert one[0, 0] == pytest.approx((7 - 3) / np.std([1, 3, 5]))


def test_a_column_that_spans_magnitudes_is_read_by_them():
    x = 10.0 ** np.arange(12)[:, None]
    scaled = Scaling(x, np.zeros(1, int))(x)[:, 0]
    steps = np.diff(scaled)[1:]
    assert np.allclose(steps, steps.mean(), rtol=0.4)  # equal steps, not one giant
    plain = Scaling(np.arange(12.0)[:, None], np.zeros(1, int))(np.arange(12.0)[:, None])[:, 0]
    assert np.allclose(np.diff(plain), np.diff(plain)[0])


def test_a_column_without_any_number():
    x = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    assert Scaling(x, np.array([0, 0]))(x).shape == (2, 1)
