"""The last value, as wide as a prior's curves change."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Context, Normals
from zcbench.curves.last_value import LastValue
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError


def test_spreads_are_those_of_other_curves_of_the_prior() -> None:
    sample = PRIORS["paper"].sample(np.random.default_rng(1), 4_000)
    contexts = [Context(sample.times[:10], sample.values[0, :10], 100.0)]
    found = LastValue().predict(contexts, np.array([[11.0, 50.0, 100.0]]))
    assert isinstance(found, Normals)
    assert (found.mean() == sample.values[0, 9]).all()
    values = sample.values.clip(-1, 2)
    for column, time in enumerate((11, 50, 100)):
        right = np.sqrt(np.mean([(row[time - 1] - row[9]) ** 2 for row in values]))
        assert found.spreads[0, column, 0] == pytest.approx(right, rel=0.1)


def test_more_is_known_later() -> None:
    values = np.linspace(0.1, 0.6, 90)
    contexts = [Context(np.arange(1, n + 1.0), values[:n], 100.0) for n in (1, 10, 90)]
    spreads = LastValue().predict(contexts, np.full((3, 1), 100.0)).spreads[:, 0, 0]
    assert (np.diff(spreads) < 0).all()


def test_no_time_has_no_spread() -> None:
    context = [Context(np.array([99.9]), np.array([0.5]), 100.0)]
    found = LastValue().predict(context, np.array([[99.95, 100.0]]))
    assert (found.spreads > 0).all()


def test_unknown_prior() -> None:
    with pytest.raises(InvalidInputError, match="there is no prior"):
        LastValue("mine").predict([Context(np.array([1.0]), np.array([0.5]), 9.0)], np.array([[2.0]]))
