"""Complete curves of a task."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Context
from zcbench.curves._complete import at_times, need_fit
from zcbench.errors import InvalidInputError

CURVE = Context(np.array([2.0, 4.0, 8.0]), np.array([0.1, 0.3, 0.5]), 8.0)


def test_between_and_beyond_points() -> None:
    found = at_times([CURVE, CURVE], np.array([1.0, 2.0, 3.0, 7.0, 8.0, 50.0]))
    np.testing.assert_allclose(found, np.repeat([[0.1, 0.1, 0.2, 0.45, 0.5, 0.5]], 2, 0))


def test_there_must_be_enough() -> None:
    assert need_fit("mine", [CURVE, CURVE.until(1)], 1) == [CURVE]
    with pytest.raises(InvalidInputError, match="mine needs at least 2 complete curves of the task, and has 1"):
        need_fit("mine", [CURVE, CURVE.until(1)], 2)
