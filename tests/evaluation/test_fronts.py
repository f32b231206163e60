"""The known front of a table, and how much of it searches find."""

import math

import numpy as np
import pytest
from toys import toy

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import KnownFront, Trace

ACCURACY = np.array([0.9, 0.8, 0.7, 0.95, 0.6])
FLOPS = np.array([30.0, 20.0, 25.0, 50.0, 10.0])


def front(reference=(0.5, 60.0)):
    values = np.column_stack([ACCURACY, FLOPS])
    return KnownFront(("accuracy", "flops"), values, (True, False), np.array(reference))


def trace(rows, guide=ACCURACY):
    rows = list(rows)
    points = np.column_stack([guide[rows], -FLOPS[rows]])
    seconds = np.arange(1.0, len(rows) + 1) * 10
    return Trace("x", 0, points[:, 0], seconds, {"accuracy": ACCURACY[rows], "flops": FLOPS[rows]}, points)


def area(points, reference=(0.5, 60.0), steps=400):
    """Share of a grid between the reference and (1, 0) that some point dominates, as an area."""
    a, f = np.meshgrid(np.linspace(0.5, 1, steps, False) + 0.25 / steps, np.linspace(0, 60, steps, False) + 30 / steps)
    covered = np.zeros_like(a, bool)
    for accuracy, flops in points:
        covered |= (accuracy >= a) & (flops <= f)
    return covered.mean() * 0.5 * 60


def test_the_front_is_of_what_nothing_dominates_and_its_volume_an_area():
    found = front()
    assert found.points.tolist() == [[0.6, 10], [0.8, 20], [0.9, 30], [0.95, 50]]
    assert found.volume == pytest.approx(area(found.points), rel=0.01)


def test_the_share_found_rises_to_one_and_costs_are_those_of_the_answers():
    found = front()
    ratios = found.ratio_so_far(trace([2, 4, 0, 1, 3]))
    expected = [area(np.column_stack([ACCURACY, FLOPS])[[2, 4, 0, 1, 3][:n]]) / found.volume for n in range(1, 6)]
    assert ratios.tolist() == pytest.approx(expected, rel=0.01) and ratios[-1] == pytest.approx(1)
    assert found.cost_to(trace([2, 4, 0, 1, 3]), 1 - 1e-9) == 5
    assert found.cost_to(trace([2, 4, 0, 1, 3]), ratios[1], "seconds") == 20
    assert found.cost_to(trace([2]), 0.99) == math.inf
    np.testing.assert_allclose(
        found.ratio_so_far(trace([2, 4]), [0, 9, 10, 25, 99], "seconds"), ratios[[0, 0, 0, 1, 1]] * [0, 0, 1, 1, 1]
    )


def test_what_the_searcher_saw_chooses_and_the_reported_values_are_measured():
    guide = np.array([0.1, 0.99, 0.2, 0.3, 0.0])  # it takes the second to be far the best
    ratios = front().ratio_so_far(trace([0, 1, 3, 4], guide))
    points = np.column_stack([ACCURACY, FLOPS])
    chosen = [[0], [1], [1], [1, 4]]  # the first and the fourth look dominated
    assert ratios.tolist() == pytest.approx([area(points[rows]) / front().volume for rows in chosen], rel=0.01)


def test_the_default_reference_lies_beyond_the_front_and_every_point_counts():
    values = np.column_stack([ACCURACY, FLOPS])
    found = KnownFront(("accuracy", "flops"), values, (True, False))
    np.testing.assert_allclose(found.reference, [0.6 - 0.035, 50 + 4])
    alone = KnownFront(("a", "b"), np.array([[3.0, 2.0]]), (True, False))
    np.testing.assert_allclose(alone.reference, [2.7, 2.2])


def test_columns_of_a_benchmark_have_their_directions():
    benchmark = toy([[0.4], [0.3], [0.2], [0.1]], higher_is_better=False)
    benchmark.facts["params"] = np.array([1.0, 2, 3, 4])
    found = KnownFront.of(benchmark, [benchmark.default_target, "-params"])
    assert found.higher_is_better == (False, False) and len(found.points) == 4
    assert len(KnownFront.of(benchmark, [benchmark.default_target, "-params"], rows=[0, 1]).points) == 2
    with pytest.raises(UnknownNameError, match="column"):
        KnownFront.of(benchmark, ["params", "nothing"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((("a",), np.zeros((2, 2)), (True,)), "a column for each"),
        ((("a", "b"), np.full((2, 2), math.nan), (True, True)), "no architecture has all"),
        ((("a", "b"), np.zeros((2, 2)), (True, True), np.array([5.0, 5.0])), "choose a worse one"),
    ],
)
def test_what_is_no_front_is_refused(given, words):
    with pytest.raises(InvalidInputError, match=words):
        KnownFront(*given)
