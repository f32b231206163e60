"""Boxes and expected improvements: against hypervolumes of a library, and against averages of many draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from zcbench.metrics import hypervolume
from zcbench.search._improvement import boxes, expected_improvement


def draw(rng: np.random.Generator, objectives: int, ties: bool) -> np.ndarray:
    return rng.integers(0, 9, (15, objectives)).astype(float) if ties else rng.random((15, objectives)) * 8


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_boxes_are_disjoint_and_fill_what_is_dominated(objectives, ties):
    rng = np.random.default_rng([objectives, ties])
    reference = np.ones(objectives)
    for _ in range(10):
        points = draw(rng, objectives, ties)
        low, high = boxes(points, reference)
        assert (high > low).all()
        assert np.prod(high - low, axis=1).sum() == pytest.approx(hypervolume(points, reference), rel=1e-9)
        somewhere = rng.random((2000, objectives)) * 9
        inside = ((somewhere[:, None] > low) & (somewhere[:, None] < high)).all(2).sum(1)
        dominated = ((points[:, None] > somewhere).all(2) & (somewhere > reference).all(1)).any(0)
        assert inside.tolist() == dominated.tolist()


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_expectation_is_the_mean_of_many_draws(objectives):
    """The first objective is known, unless it is the only one."""
    rng = np.random.default_rng(objectives)
    reference = np.ones(objectives)
    points = rng.random((8, objectives)) * 6
    mean, std = rng.random((4, objectives)) * 8, rng.random((4, objectives)) * 2 + 0.5
    if objectives > 1:
        std[:, 0] = 0
    base = hypervolume(points, reference)
    for row, expected in enumerate(expected_improvement(mean, std, points, reference)):
        draws = mean[row] + std[row] * rng.standard_normal((1500, objectives))
        gains = [hypervolume([*points, one], reference) - base for one in draws]
        assert expected == pytest.approx(np.mean(gains), abs=5 * np.std(gains) / 1500**0.5 + 1e-3)


def test_one_objective_gives_expected_improvement():
    mean, std, best = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 0.0]), 2.5
    z = (mean[:2] - best) / std[:2]
    by_hand = [*(std[:2] * (z * norm.cdf(z) + norm.pdf(z))), 0.5]
    found = expected_improvement(mean[:, None], std[:, None], np.array([[best], [1.0]]), np.zeros(1))
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)


def test_known_points_give_the_exact_gain():
    rng = np.random.default_rng(0)
    points, new, reference = rng.random((20, 2)), rng.random((50, 2)) * 1.2, np.full(2, 0.1)
    gains = [hypervolume([*points, one], reference) - hypervolume(points, reference) for one in new]
    np.testing.assert_allclose(expected_improvement(new, np.zeros((50, 2)), points, reference), gains, atol=1e-14)
    empty = expected_improvement(new, np.zeros((50, 2)), points[:0], reference)
    np.testing.assert_allclose(empty, np.prod(np.maximum(new - reference, 0), axis=1))
