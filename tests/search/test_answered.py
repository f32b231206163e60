import math

import numpy as np
from searches import FIRST

from zcbench.search import Proposal
from zcbench.search._answered import Answered


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
