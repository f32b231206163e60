import math

import numpy as np
import pytest
from searches import FIRST

from zcbench.search import Answer, History, Proposal
from zcbench.types import Status


def answer(place, *good, epochs=None, status=Status.OK, detail=""):
    return Answer(Proposal(FIRST[place], epochs), good or (0.0,), status, detail)


def test_rows_in_order():
    history = History(2)
    assert len(history) == 0 and history.best() is None and history.good.shape == (0, 2)
    found = [answer(place, float(place), -1.0) for place in range(150)]  # more than it has room for at first
    assert [history.add(f"k{place}", one) for place, one in enumerate(found)] == list(range(150))
    assert list(history) == found
    np.testing.assert_array_equal(history.good, [[place, -1] for place in range(150)])
    assert history.architectures == FIRST[:150]
    assert history.row("k7") == 7 and history.row("k7", 3) is None and history.row("none") is None
    assert repr(history) == "<History of 150 evaluations>"


def test_epochs_are_rows_of_their_own():
    history = History(1)
    history.add("a", answer(0, 1.0, epochs=3))
    assert "a" in history and "b" not in history
    assert (history.row("a"), history.row("a", 3)) == (None, 0)
    assert history.best() is None  # nothing was trained to the end
    history.add("a", answer(0, 5.0))
    assert (history.row("a"), history.row("a", 3), history.best()) == (1, 0, 1)
    np.testing.assert_array_equal(history.complete, [1])
    assert history.epochs == [3, None]


def test_what_failed_is_remembered_with_its_reason():
    history = History(1)
    failed = answer(0, math.nan, status=Status.FAILED, detail="no memory")
    history.add("a", failed)
    history.add("b", answer(1, 2.0, detail="a remark"))
    assert history.answer(1) == answer(1, 2.0, detail="a remark")
    kept = history.answer(0)
    assert (kept.status, kept.detail, kept.ok) == ("failed", "no memory", False) and math.isnan(kept.good[0])
    np.testing.assert_array_equal(history.complete, [1])


@pytest.mark.parametrize(("values", "best"), [([1, 3, 3, 2], 1), ([math.nan, -5], 1), ([math.nan], None)])
def test_the_best_is_the_first_of_equal_ones(values, best):
    history = History(1)
    for place, value in enumerate(values):
        history.add(f"k{place}", answer(place, float(value)))
    assert history.best() == best


def test_what_lacks_one_of_several_numbers_is_not_complete():
    history = History(2)
    history.add("a", answer(0, 9.0, math.nan))
    history.add("b", answer(1, 1.0, 1.0))
    assert history.best() == 1 and list(history.complete) == [1]
