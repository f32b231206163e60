"""Hyperband: the brackets of its paper."""

import numpy as np
from partly import with_curves

import zcbench
from zcbench.search import Budget, Domain, Objective, Problem
from zcbench.search._brackets import rungs


def test_the_brackets_of_the_paper():
    """Table 1: R = 81, eta = 3."""
    table = with_curves()
    given = Problem(
        Domain(table.space, table.architectures), (Objective("valid"),), Budget(9), np.random.default_rng(0), epochs=81
    )
    searcher = zcbench.get_searcher("hyperband")
    searcher.begin(given)
    expected = [
        [[81, 1], [27, 3], [9, 9], [3, 27], [1, None]],
        [[34, 3], [11, 9], [3, 27], [1, None]],
        [[15, 9], [5, 27], [1, None]],
        [[8, 27], [2, None]],
        [[5, None]],
    ]
    for number in range(11):
        networks, first = searcher.plan(number)
        assert rungs(networks, first, given, 3) == expected[number % 5]


def test_brackets_follow_one_another():
    table = with_curves(rows=60)
    found = zcbench.search(table, searcher="hyperband", objectives="valid", budget=9)
    epochs = np.nan_to_num(found.epochs, nan=9).astype(int).tolist()
    assert epochs[:13] == [1] * 9 + [3] * 3 + [9]
    assert epochs[13:19] == [3] * 5 + [9]
    assert epochs[19:22] == [9] * 3
    assert epochs[22:31] == [1] * 9
    few = zcbench.search(table, searcher="hyperband:least=9", objectives="valid", budget=4)
    assert np.isnan(few.epochs).all()
