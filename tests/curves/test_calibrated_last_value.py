"""The last value, as wide as the task's own curves changed."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Context
from zcbench.curves.calibrated_last_value import CalibratedLastValue
from zcbench.curves.last_value import LastValue
from zcbench.errors import InvalidInputError

TIMES = np.arange(1, 21.0)
CURVES = [Context(TIMES, end * (1 - 1 / TIMES), 20.0) for end in (0.3, 0.5, 0.9)]
BEGUN = Context(TIMES[:4], np.array([0.0, 0.2, 0.3, 0.35]), 20.0)


def test_spreads_are_mean_squared_changes() -> None:
    found = CalibratedLastValue(pooled=0.0).fit(CURVES).predict([BEGUN], np.array([[5.0, 20.0]]))
    assert found.mean()[0].tolist() == [0.35, 0.35]
    for column, later in ((0, 4), (1, 19)):
        change = [curve.values[later] - curve.values[3] for curve in CURVES]
        right = np.sqrt(sum(one**2 for one in change) / 3)
        half = found.quantile(0.8413447)[0, column] - 0.35
        assert half == pytest.approx(right, rel=1e-5)


def test_few_curves_are_pooled_with_the_prior() -> None:
    asked = np.array([[5.0, 20.0]])
    usual = LastValue().predict([BEGUN], asked).spreads
    pooled = CalibratedLastValue(pooled=2.0).fit(CURVES).predict([BEGUN], asked).spreads
    alone = CalibratedLastValue(pooled=0.0).fit(CURVES).predict([BEGUN], asked).spreads
    np.testing.assert_allclose(pooled**2, (3 * alone**2 + 2 * usual**2) / 5)


def test_it_must_be_fitted() -> None:
    with pytest.raises(InvalidInputError, match="give them to fit"):
        CalibratedLastValue().predict([BEGUN], np.array([[5.0]]))
    with pytest.raises(InvalidInputError, match="needs at least 1 complete curve"):
        CalibratedLastValue().fit([])
