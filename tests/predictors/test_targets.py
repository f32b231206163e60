"""Scales of targets and of columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from zcbench.errors import InvalidInputError
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
