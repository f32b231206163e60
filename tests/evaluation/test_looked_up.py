"""Stored searches looked up in their table."""

import math

import numpy as np
import pytest
from toys import toy

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import looked_up
from zcbench.records import SearchTrace
from zcbench.types import Status


def stored(benchmark, rows, guide="quality", status=Status.OK, **changes):
    return SearchTrace(
        benchmark=benchmark.identifier, guide=guide, searcher="random@1", scorers="", budget="", constraints="", seed=4,
        status=status, metrics={}, rows=tuple(rows), clock=tuple(float(n + 1) for n in range(len(rows))), **changes,
    )  # fmt: skip


def test_what_was_evaluated_is_looked_up_and_turned():
    benchmark = toy([0.1, 0.2, 0.3, 0.4], higher_is_better=False)
    (found,) = looked_up([stored(benchmark, [2, 0, 3])], benchmark)
    assert found.guide.tolist() == [-0.3, -0.1, -0.4] and found.reported["quality"].tolist() == [0.3, 0.1, 0.4]
    assert (found.label, found.seed, found.seconds.tolist()) == ("random", 4, [1, 2, 3])


def test_several_guides_are_points_and_others_are_reported():
    benchmark = toy([0.1, 0.2, 0.3, 0.4])
    benchmark.facts["params"] = np.array([5.0, 6, 7, 8])
    (found,) = looked_up([stored(benchmark, [1, 3], "quality,-params")], benchmark, ["quality"])
    assert found.points.tolist() == [[0.2, -6], [0.4, -8]]
    assert found.reported["params"].tolist() == [6, 8] and list(found.reported) == ["quality", "params"]


def test_trainings_in_part_have_no_guide_and_count_once():
    benchmark = toy([0.1, 0.2, 0.3, 0.4])
    (found,) = looked_up([stored(benchmark, [3, 1, 3], epochs=(2, 0, 0))], benchmark)
    assert math.isnan(found.guide[0]) and found.guide[1:].tolist() == [0.2, 0.4] and found.counts.tolist() == [1, 2, 2]


def test_searches_that_failed_are_left_out_and_empty_ones_kept():
    benchmark = toy([0.1, 0.2, 0.3, 0.4])
    found = looked_up([stored(benchmark, [], status=Status.FAILED), stored(benchmark, [])], benchmark)
    assert [len(one) for one in found] == [0]


def test_other_tables_and_columns_are_refused():
    benchmark = toy([0.1, 0.2, 0.3, 0.4])
    with pytest.raises(InvalidInputError, match="cannot be looked up"):
        looked_up([stored(toy([0.1] * 4, version=2), [1])], benchmark)
    with pytest.raises(InvalidInputError, match="does not have"):
        looked_up([stored(benchmark, [4])], benchmark)
    with pytest.raises(UnknownNameError, match="column"):
        looked_up([stored(benchmark, [1])], benchmark, ["nothing"])
