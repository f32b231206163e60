"""Diverse sets: greedy choices by determinants, and what weights do."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.search._diverse import diverse, scaled


def kernel(codes, weight):
    """Quality times similarity, as written in the module's docstring."""
    codes = scaled(codes)
    distances = np.abs(codes[:, None] - codes[None]).sum(-1)
    n = len(codes)
    unit = distances.sum() / (n * (n - 1))
    quality = np.arange(1, n + 1) ** (-0.5 / weight)
    return quality[:, None] * np.exp(-distances / unit) * quality


@pytest.mark.parametrize("weight", [0.3, 1.0, 5.0])
def test_choices_make_the_determinant_largest(weight):
    """The slow way: the determinant of every set with one more."""
    codes = np.random.default_rng(3).random((40, 5)) * [1, 10, 100, 1, 1]
    whole, expected = kernel(codes, weight), []
    for _ in range(6):
        values = {
            row: np.linalg.det(whole[np.ix_([*expected, row], [*expected, row])])
            for row in range(40)
            if row not in expected
        }
        expected.append(max(values, key=values.get))
    assert diverse(codes, 6, weight) == expected


def test_weights_go_from_the_best_to_the_most_unlike():
    codes = np.array([[0.0], [0.01], [0.02], [1.0]])
    assert diverse(codes, 2, 0.0) == [0, 1]
    assert diverse(codes, 2, 1.0) == [0, 3]


def test_equal_candidates_and_columns_without_numbers():
    codes = np.array([[1.0, np.nan], [1.0, 0.0], [1.0, 2.0]])
    assert diverse(codes, 3, 1.0) == [0, 1, 2]  # nothing tells them apart: the ranking decides
    assert sorted(diverse(np.array([[0.0], [0.0], [1.0]]), 5, 1.0)) == [0, 1, 2]
    assert diverse(np.zeros((0, 2)), 3, 1.0) == []
