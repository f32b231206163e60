import math

import numpy as np
from searches import FIRST

from zcbench.search import Proposal
from zcbench.search._answered import MOST, Answered
from zcbench.types import Architecture


def test_columns_have_a_row_for_each_evaluation_whatever_it_gave():
    found = Answered(["a"])
    assert len(found) == 0 and list(found.values) == ["a"]
    found.add(Proposal(FIRST[0]), {"a": 1.0}, 2.0)
    found.add(Proposal(FIRST[1], 3), {"b": 5.0}, 3.0)
    found.add(Proposal(FIRST[2]), {"b": 6.0, "a": 7.0}, 4.0)
    assert found.architectures == FIRST[:3] and len(found) == 3
    np.testing.assert_array_equal(found.values["a"], [1.0, math.nan, 7.0])
    np.testing.assert_array_equal(found.values["b"], [math.nan, 5.0, 6.0])
    np.testing.assert_array_equal(found.epochs, [math.nan, 3.0, math.nan])
    np.testing.assert_array_equal(found.seconds, [2.0, 3.0, 4.0])


def test_names_that_change_each_time_do_not_fill_the_memory():
    answered = Answered(["value"])
    for number in range(3 * MOST):
        proposal = Proposal(Architecture("toy", str(number)))
        answered.add(proposal, {"value": float(number), f"name {number}": 1.0}, float(number))
    assert len(answered.values) == 1 + MOST
    assert answered.values["value"][-1] == 3 * MOST - 1
    assert list(answered.values)[-1] == f"name {MOST - 1}"
    assert answered.notes == [
        f"Evaluations returned more than {MOST} names besides the objectives: later names are only in the ledger."
    ]
    assert not Answered(["value"]).notes
