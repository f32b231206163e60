"""Support-vector regression of later values."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import NuSVR

from zcbench.curves import Context, get_curve_predictor
from zcbench.curves.lcsvr import _regressed, features
from zcbench.errors import InvalidInputError

RNG = np.random.default_rng(0)
TIMES = np.arange(1, 21.0)


def curves(count: int, codes: bool = False) -> list[Context]:
    """Curves whose pace tells their end."""
    pace = RNG.uniform(0.1, 0.9, count)
    values = pace[:, None] * (1 - TIMES**-0.6) + 0.003 * RNG.standard_normal((count, 20))
    return [Context(TIMES, row, 20.0, np.array([p]) if codes else None) for row, p in zip(values, pace, strict=True)]


def test_features() -> None:
    """Values, first and second differences, the configuration."""
    found = features(np.array([[1.0, 3.0, 4.0]]), [np.array([9.0, 8.0])])
    assert found.tolist() == [[1, 3, 4, 2, 1, -1, 9, 8]]
    assert features(np.array([[1.0]]), None).tolist() == [[1]]


def test_targets_are_standardised() -> None:
    x, y = RNG.normal(0, 1, (30, 2)), RNG.normal(5, 0.01, 30)
    chosen = {"C": 1.0, "nu": 0.5, "gamma": 0.5}
    z = (y - y.mean()) / y.std()
    right = y.mean() + y.std() * NuSVR(**chosen).fit(x, z).predict(x)
    np.testing.assert_allclose(_regressed(chosen, x, y, x), right)
    np.testing.assert_allclose(_regressed(chosen, x, np.full(30, 0.4), x), 0.4)


def test_it_learns_where_curves_end() -> None:
    known, new = curves(40), curves(40)
    asked = np.tile(np.array([6.0, 12.0, 20.0]), (40, 1))
    found = get_curve_predictor("lcsvr:draws=10").fit(known).predict([one.until(5) for one in new], asked)
    truth = np.array([one.values[[5, 11, 19]] for one in new])
    error = np.sqrt(((found.mean() - truth) ** 2).mean(0))
    last = np.array([one.values[4] for one in new])[:, None]
    assert (error < 0.3 * np.sqrt(((last - truth) ** 2).mean(0))).all()
    inside = (found.cdf(truth) > 0.05) & (found.cdf(truth) < 0.95)
    assert 0.75 < inside.mean() <= 1
    # Between times at which a regression is learned, changes are interpolated.
    every = get_curve_predictor("lcsvr:draws=10").fit(known).predict([new[0].until(5)], np.arange(6, 21.0)[None])
    assert np.abs(every.mean()[0, [0, 6, 14]] - found.mean()[0]).max() < 0.02


def test_configurations_are_features() -> None:
    known, new = curves(40, codes=True), curves(20, codes=True)
    blind = [Context(one.times, one.values, one.end) for one in new]
    asked = np.full((20, 1), 20.0)
    predictor = get_curve_predictor("lcsvr:draws=10").fit(known)
    truth = np.array([one.values[-1:] for one in new])
    errors = [
        ((predictor.predict([one.until(1) for one in some], asked).mean() - truth) ** 2).mean() for some in (new, blind)
    ]
    assert errors[0] < 0.2 * errors[1]  # the first value tells nothing, the configuration everything


def test_it_must_be_fitted() -> None:
    with pytest.raises(InvalidInputError, match="needs at least 6 complete curves of the task, and has 0"):
        get_curve_predictor("lcsvr").predict(curves(1), np.array([[30.0]]))
    with pytest.raises(InvalidInputError, match="and has 5"):
        get_curve_predictor("lcsvr").fit(curves(5))
