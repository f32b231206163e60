import numpy as np
import pytest

from zcbench.search import Budget, Clock


def test_seconds_add_up_by_what_they_went_to():
    clock = Clock()
    clock.spend({"training": 2.0, "building": 0.5})
    clock.spend({"training": 1.0})
    clock.score(np.array([0.25, 0.0, np.nan, 0.5]))
    assert clock.seconds == {"training": 3.0, "building": 0.5, "scoring": 0.75}
    assert clock.scored == 2  # what is known costs nothing and is not counted
    assert clock.total == 4.25


@pytest.mark.parametrize(("simulated", "total"), [(False, 5.0), (True, 3.0)])
def test_thinking_counts_where_seconds_are_of_one_machine(simulated, total):
    clock = Clock(simulated=simulated)
    clock.spend({"training": 3.0, "thinking": 2.0})
    assert clock.total == total
    assert clock.seconds["thinking"] == 2.0  # told in any case


def test_a_budget_is_exceeded_by_more_than_it_has():
    clock = Clock()
    clock.spend({"training": 3.0})
    assert not clock.exceeds(Budget(seconds=3.0))
    assert clock.exceeds(Budget(seconds=2.9))
    assert clock.exceeds(Budget(seconds=3.0), 0.1)
    assert not clock.exceeds(Budget(0))  # it counts no seconds


def test_seconds_without_building_are_noted():
    clock = Clock()
    clock.score(np.array([0.25, 0.5]))
    assert clock.notes() == []
    clock.score(np.array([0.25, 0.5]), 2)
    assert (clock.scored, clock.stored) == (4, 2)
    (note,) = clock.notes()
    assert note == (
        "2 scores came from the store without the seconds of building these networks, because records do not contain "
        "them."
    )
