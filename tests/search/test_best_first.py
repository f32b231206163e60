"""The best sums under bounds, against everything, and against integer programming where that is too much."""

import itertools

import numpy as np
import pytest

from zcbench.search import _best_first
from zcbench.search._best_first import Bounded, best_first


def everything(score, bounds):
    found = []
    for numbers in itertools.product(*(range(len(part)) for part in score)):
        totals = [sum(part[i] for part, i in zip(b.contributions, numbers, strict=True)) for b in bounds]
        if all(b.low - 1e-9 <= total <= b.high + 1e-9 for b, total in zip(bounds, totals, strict=True)):
            found.append((sum(part[i] for part, i in zip(score, numbers, strict=True)), numbers))
    return sorted(found, key=lambda one: -one[0])


def problems(count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        sizes = rng.integers(1, 5, size=rng.integers(1, 7))
        whole = rng.random() < 0.5  # with many ties

        def parts(sizes=sizes, whole=whole):
            return [rng.integers(0, 6, n).astype(float) if whole else rng.normal(size=n) for n in sizes]

        score, bounds = parts(), []
        for _ in range(rng.integers(0, 3)):
            costs = parts()
            edges = np.sort(rng.uniform(sum(c.min() for c in costs), sum(c.max() for c in costs), 2))
            bounds.append(Bounded(costs, -np.inf if rng.random() < 0.5 else edges[0], edges[1]))
        yield score, bounds


@pytest.mark.parametrize("beginnings", [_best_first.BEGINNINGS, 0], ids=["queue", "programming"])
def test_the_best_come_in_order_and_once(beginnings):
    for score, bounds in problems(120 if beginnings else 40):
        every = everything(score, bounds)
        found = list(itertools.islice(best_first(score, bounds, beginnings=beginnings), 12))
        assert [value for value, _ in found] == pytest.approx([value for value, _ in every[:12]])
        assert len({numbers for _, numbers in found}) == len(found)
        assert {numbers for _, numbers in found} <= {numbers for _, numbers in every}


def test_everything_comes_where_nothing_is_bounded():
    score = [np.array([0.0, 1.0, 5.0]), np.array([2.0, 0.0])]
    assert [value for value, _ in best_first(score)] == [7, 5, 3, 2, 1, 0]


def test_the_optimum_among_10_to_the_19_is_that_of_integer_programming():
    rng = np.random.default_rng(1)
    score = [rng.normal(size=10) for _ in range(19)]
    costs = [rng.integers(1, 10**6, 10).astype(float) for _ in range(19)]
    for share in (0.05, 0.3, 0.6):
        low, high = (sum(edge(c) for c in costs) for edge in (np.min, np.max))
        bound = Bounded(costs, high=low + share * (high - low))
        value, numbers = next(best_first(score, [bound]))
        assert value == pytest.approx(next(best_first(score, [bound], beginnings=0))[0], abs=1e-6)
        assert sum(c[i] for c, i in zip(costs, numbers, strict=True)) <= bound.high


def test_nothing_within_the_bounds_is_the_end():
    parts = [np.array([0.0, 2.0])] * 4
    assert list(best_first(parts, [Bounded(parts, 2.5, 3.5)])) == []
    assert list(best_first(parts, [Bounded(parts, high=-1.0)])) == []
