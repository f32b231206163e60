"""Fronts, crowding and hypervolumes: against brute force, against pymoo, and with values that are no numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from pymoo.indicators.hv import HV
from pymoo.indicators.igd_plus import IGDPlus
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance, get_crowding_function
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from zcbench.errors import InvalidInputError
from zcbench.metrics import (
    crowding_distance,
    hypervolume,
    hypervolume_ratio,
    hypervolumes,
    igd_plus,
    pareto_front,
    pareto_ranks,
)


def dominates(a, b, signs) -> bool:
    turned = [(x * s, y * s) for x, y, s in zip(a, b, signs, strict=True)]
    return all(x >= y for x, y in turned) and any(x > y for x, y in turned)


def slow_front(points, signs) -> list[bool]:
    """By definition, pair by pair."""
    good = [all(map(math.isfinite, p)) for p in points]
    return [
        ok and not any(also and dominates(q, p, signs) for q, also in zip(points, good, strict=True))
        for p, ok in zip(points, good, strict=True)
    ]


def slow_volume(points, reference, signs) -> float:
    """Cells between all coordinates, each counted if some point dominates its far corner."""
    turned = [tuple(x * s for x, s in zip(p, signs, strict=True)) for p in points if all(map(math.isfinite, p))]
    origin = tuple(x * s for x, s in zip(reference, signs, strict=True))
    edges = [sorted({o, *(p[i] for p in turned if p[i] > o)}) for i, o in enumerate(origin)]
    total = 0.0
    for cell in itertools.product(*(itertools.pairwise(edge) for edge in edges)):
        if any(all(p[i] >= high for i, (_, high) in enumerate(cell)) for p in turned):
            total += math.prod(high - low for low, high in cell)
    return total


def draw(rng: np.random.Generator, n: int, objectives: int) -> np.ndarray:
    """Points with ties, equal points and gaps."""
    points = rng.integers(0, 7, (n, objectives)).astype(float)
    points[rng.random((n, objectives)) < 0.04] = rng.choice([math.nan, math.inf, -math.inf])
    return points


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_fronts_and_volumes_are_those_of_the_definition(seed, objectives):
    rng = np.random.default_rng([seed, objectives])
    points = draw(rng, 14, objectives)
    higher = rng.random(objectives) < 0.5
    signs = np.where(higher, 1, -1)
    assert pareto_front(points, higher).tolist() == slow_front(points.tolist(), signs)
    reference = np.where(higher, 1.5, 5.5)
    volume = slow_volume(points.tolist(), reference, signs)
    assert hypervolume(points, reference, higher) == pytest.approx(volume, rel=1e-12)
    steps = [slow_volume(points[: i + 1].tolist(), reference, signs) for i in range(len(points))]
    np.testing.assert_allclose(hypervolumes(points, reference, higher), steps, rtol=1e-12)


@pytest.mark.parametrize("objectives", [2, 3])
def test_ranks_peel_front_after_front(objectives):
    rng = np.random.default_rng(objectives)
    points = draw(rng, 60, objectives)
    ranks = pareto_ranks(points, False)
    left = np.isfinite(points).all(1)
    assert ranks[~left].tolist() == [-1] * int((~left).sum())
    for rank in itertools.count():
        if not left.any():
            break
        front = np.zeros(len(points), bool)
        front[left] = pareto_front(points[left], False)
        assert np.flatnonzero(ranks == rank).tolist() == np.flatnonzero(front).tolist()
        left &= ~front
    assert ranks.max() == rank - 1 > 1


@pytest.mark.parametrize("objectives", [2, 3])
def test_ranks_and_crowding_are_pymoos(objectives):
    rng = np.random.default_rng(objectives)
    points = rng.integers(0, 12, (80, objectives)) / 7.0
    ranks = pareto_ranks(points, False)
    for rank, front in enumerate(NonDominatedSorting().do(points)):
        assert sorted(front) == np.flatnonzero(ranks == rank).tolist()
        if len(front) <= 2:
            continue  # all infinite, equal or not
        # A function in place of a name: theirs with equal points counted once.
        theirs = get_crowding_function(calc_crowding_distance).do(points[np.sort(front)], n_remove=0)
        np.testing.assert_allclose(crowding_distance(points[np.sort(front)]), theirs)


def test_indicators_are_pymoos():
    rng = np.random.default_rng(0)
    points, front = rng.random((30, 3)) + 0.1, rng.random((40, 3))
    reference = np.full(3, 1.2)
    known = front[pareto_front(front, False)]
    assert hypervolume(points, reference, False) == pytest.approx(HV(ref_point=reference)(points))
    assert igd_plus(points, front, False, scaled=False) == pytest.approx(IGDPlus(known)(points))
    span = np.ptp(known, axis=0)
    assert igd_plus(-points, -front) == pytest.approx(IGDPlus(known / span)(points / span))


def test_crowding_by_hand():
    front = [[0.0, 4.0], [1.0, 3.0], [1.0, 3.0], [4.0, 0.0], [2.0, 2.0]]
    # (2 + 2) / 4 / 2, and 0 for the second of equal points; then (3 + 3) / 4 / 2
    assert crowding_distance(front).tolist() == [math.inf, 0.5, 0.0, math.inf, 0.75]
    assert crowding_distance([[1.0, 2.0], [1.0, 2.0]]).tolist() == [math.inf, 0.0]
    assert crowding_distance([[1.0, 2.0], [1.0, 3.0]]).tolist() == [math.inf, math.inf]
    assert crowding_distance(np.empty((0, 2))).tolist() == []


def test_equal_points_stand_together_and_no_value_never():
    points = [[1, 2], [1, 2], [2, 1], [math.nan, 9], [0, 0], [math.inf, 0]]
    assert pareto_front(points).tolist() == [True, True, True, False, False, False]
    assert pareto_ranks(points).tolist() == [0, 0, 0, -1, 1, -1]
    assert pareto_front(np.full((3, 2), math.nan)).tolist() == [False] * 3
    assert hypervolume(np.full((3, 2), math.nan), [0, 0]) == 0
    assert hypervolume([[1, math.inf]], [0, 0]) == 0  # an infinite volume would hide all else
    assert hypervolume(np.empty((0, 2)), [0, 0]) == 0


def test_ratio_and_distance_of_the_front_itself():
    everything = np.random.default_rng(1).random((50, 2))
    front = everything[pareto_front(everything, [True, False])]
    assert hypervolume_ratio(front, everything, [0, 1], [True, False]) == pytest.approx(1)
    assert hypervolume_ratio(everything[:3], everything, [0, 1], [True, False]) < 1
    assert igd_plus(front, everything, [True, False]) == 0
    assert igd_plus([[math.nan, 0]], everything) == math.inf
    better = [[2.0, -1.0]]
    assert igd_plus(better, everything, [True, False]) == 0  # what is better is not far


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pareto_front([1, 2]), "a row for each"),
        (lambda: pareto_front([["a", "b"]]), "must be numbers"),
        (lambda: pareto_front([[1, 2]], [True]), "each of 2 objectives"),
        (lambda: pareto_front([[1, 2]], 1), "True, False"),
        (lambda: hypervolume([[1, 2]], [1]), "has 1 numbers for 2 objectives"),
        (lambda: hypervolume([[1, 2]], [0, math.nan]), "reference point contains nan"),
        (lambda: hypervolume([[1, 2]], ["a", "b"]), "must be numbers"),
        (lambda: hypervolume_ratio([[1, 2]], [[1, 2]], [1, 1]), "no point of the known front"),
        (lambda: igd_plus([[1, 2]], [[math.nan, 2]]), "no finite point"),
        (lambda: igd_plus([[1, 2]], [[1, 2, 3]]), "2 objectives and the front has 3"),
        (lambda: crowding_distance([[1, math.nan]]), "finite points"),
    ],
)
def test_bad_input_is_said_in_a_sentence(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call()
