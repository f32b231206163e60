"""What a curve predictor is that adds nothing."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Context, CurvePredictor


def test_defaults() -> None:
    plain = CurvePredictor()
    assert plain.fit([Context(np.array([1.0]), np.array([0.5]), 9.0)]) is plain
    assert (plain.learns, plain.joint, plain.spread, plain.least) == (False, False, True, 1)
    with pytest.raises(NotImplementedError):
        plain.predict([], np.empty((0, 1)))
