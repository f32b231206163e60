"""What one search found."""

import math

import numpy as np
import pytest
from searched import report

import zcbench

NAN = math.nan


def test_the_best_is_by_the_guide_and_reported_as_it_is():
    found = report(opposed=True)
    assert found.found == 4 and found.architectures[found.found] == "net-4"
    assert found.values["test"][found.found] != found.values["test"].min()
    assert found.guide == "valid" and found.reported == ["test"]
    assert found.trace.guide.tolist() == [-0.2, -0.4, -0.3, -0.5, -0.1]


def test_trainings_in_part_are_no_incumbents_and_count_once():
    found = report(rows=(4, 1, 4), epochs=np.array([3, NAN, NAN]))
    assert found.found == 2 and found.trace.counts.tolist() == [1, 2, 2]
    assert report(rows=(4, 1), epochs=np.array([3.0, NAN])).found == 1


def test_a_search_that_found_nothing_has_no_best():
    empty = report(rows=())
    assert empty.found is None and empty.front == [] and len(empty.trace) == 0
    assert report(rows=(1,), values={"valid": np.array([NAN])}).found is None


def test_the_known_is_of_columns_with_a_direction():
    found = report(directions={"valid": False})
    known = found.known("valid")
    assert known.best == 0.1 and len(known) == 10 and found.known("test") is None and found.known("nothing") is None
    assert report(table={"valid": np.array([NAN])}).known("valid") is None


def test_random_search_of_one_is_the_average_and_of_all_the_best():
    found = report()
    assert found.random("test", [1, 10]).tolist() == pytest.approx([found.table["test"].mean(), 0.11])
    assert found.random("valid") == found.random("valid", [5])
    assert np.isnan(report(table={}).random("test", [1, 2])).all()


def test_the_front_holds_what_nothing_dominates_the_best_of_the_first_first():
    found = report(names=("valid", "flops"), objectives={"valid": False, "flops": False})
    assert [found.architectures[row] for row in found.front] == ["net-4", "net-3", "net-2", "net-0"]
    assert len(found.known_front.points) == 4 and found.hypervolume == pytest.approx(1)
    part = report(rows=(1, 2), names=("valid", "flops"), objectives={"valid": False, "flops": False})
    assert 0 < part.hypervolume < 1
    assert math.isnan(report().hypervolume) and report().known_front is None
    equal = report(rows=(4, 4, 0), names=("valid", "flops"), objectives={"valid": False, "flops": False})
    assert len(equal.front) == 2


def test_without_a_table_of_all_objectives_no_front_is_known():
    several = {"valid": False, "flops": False}
    assert report(names=("valid", "flops"), objectives=several, table={"valid": np.arange(3.0)}).known_front is None
    given = {"names": ("valid", "flops"), "objectives": several}
    assert report(**given, reference={"valid": 6.0, "flops": 50.0}).known_front.reference.tolist() == [6, 50]
    assert report(**given, reference={"valid": 0.0, "flops": 0.0}).known_front is None
    nothing = {name: np.array([NAN]) for name in several}
    assert report(names=("valid", "flops"), objectives=several, table=nothing).known_front is None


def test_random_search_is_no_yardstick_where_trainings_were_stopped():
    whole = zcbench.search("digits-201", searcher="random", budget=5).report
    parts = zcbench.search("digits-201", searcher="halving", budget=5).report
    assert np.isfinite(whole.random("test_nll")).all() and np.isnan(parts.random("test_nll")).all()
