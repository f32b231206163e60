"""The eleven families: formulas written out in plain arithmetic, and what their parameters are drawn from."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from scipy import stats

from zcbench.curves import FAMILIES

#: T. Domhan et al., IJCAI 2015, table 1, of one time and plain numbers
BY_HAND = {
    "pow3": lambda t, c, a, alpha: c - a * t ** (-alpha),
    "ilog2": lambda t, c, a: c - a / log(t + 1),
    "janoschek": lambda t, a, b, k, delta: a - (a - b) * exp(-k * t**delta),
    "log_power": lambda t, a, b, c: a / (1 + (t / exp(b)) ** c),
    "weibull": lambda t, alpha, beta, kappa, delta: alpha - (alpha - beta) * exp(-((kappa * t) ** delta)),
    "mmf": lambda t, alpha, beta, kappa, delta: alpha - (alpha - beta) / (1 + (kappa * t) ** delta),
    "vap": lambda t, a, b, c: exp(a + b / t + c * log(t)),
    "loglog_linear": lambda t, a, b: log(a * log(t) + b),
    "exp4": lambda t, c, a, alpha, b: c - exp(-a * t**alpha + b),
    "pow4": lambda t, c, a, alpha, b: c - (a * t + b) ** (-alpha),
    "hill": lambda t, theta, eta, kappa: theta * t**eta / (kappa**eta + t**eta),
}
#: what parameters are drawn from, or their logarithms: first a map to the distribution that follows
DRAWN = {
    "pow3": ((None, stats.uniform(0, 1.25)), (None, stats.uniform(-0.6, 1.2)), (np.log, stats.norm(0, 2))),
    "ilog2": ((None, stats.uniform(0, 1)), (None, stats.uniform(-0.5, 1))),
    "janoschek": (
        (None, stats.uniform(0, 1)),
        (None, stats.uniform(0, 2)),
        (np.log, stats.norm(-2, 1)),
        (np.log, stats.norm(0, 0.5)),
    ),
    "log_power": ((None, stats.norm(0.8, 0.1)), (None, stats.norm(1, 1)), (None, stats.uniform(-3, 3))),
    "weibull": (
        (None, stats.uniform(0, 1.5)),
        (None, stats.uniform(0, 1)),
        (np.log, stats.norm(-2, 1)),
        (np.log, stats.norm(0, 0.5)),
    ),
    "mmf": (
        (None, stats.norm(0.8, 0.1)),
        (None, stats.norm(0.2, 0.1)),
        (np.log, stats.norm(0, 2)),
        (np.log, stats.norm(0, 1)),
    ),
    "vap": ((None, stats.uniform(-2, 2)), (None, stats.uniform(-4, 4)), (np.log, stats.uniform(-8, 8))),
    "loglog_linear": ((np.log, stats.norm(-2, 1)), (np.log, stats.uniform(0, 1))),
    "exp4": (
        (None, stats.norm(0.8, 0.1)),
        (np.log, stats.norm(-2, 1)),
        (np.log, stats.norm(0, 1)),
        (np.log, stats.norm(0, 0.5)),
    ),
    "pow4": (
        (lambda c: np.log(1 - c), stats.uniform(-5, 5)),
        (np.log, stats.norm(-3, 2)),
        (np.log, stats.norm(0, 1)),
        (np.log, stats.uniform(0, 1)),
    ),
    "hill": ((None, stats.norm(0.8, 0.1)), (np.log, stats.norm(1, 1)), (np.log, stats.norm(1, 2))),
}


def test_there_are_eleven() -> None:
    assert set(FAMILIES) == set(BY_HAND) == set(DRAWN)
    assert len(FAMILIES) == 11


@pytest.mark.parametrize("name", list(BY_HAND))
def test_formulas(name: str) -> None:
    parameters = FAMILIES[name].draw(np.random.default_rng(1), 40)
    times = np.array([1.0, 2.5, 17.0, 100.0])
    found = FAMILIES[name](times, parameters)
    assert found.shape == (40, 4)
    compared = 0
    for row, values in zip(parameters, found, strict=True):
        for t, value in zip(times, values, strict=True):
            try:
                right = BY_HAND[name](t, *row)
            except OverflowError:
                continue
            assert value == pytest.approx(right, rel=1e-9, abs=1e-12)
            compared += 1
    assert compared > 100
    each = np.repeat(times[None], 40, 0)
    np.testing.assert_array_equal(FAMILIES[name](each, parameters), found)


@pytest.mark.parametrize("name", list(DRAWN))
def test_parameters_are_drawn_from_the_papers_distributions(name: str) -> None:
    drawn = FAMILIES[name].draw(np.random.default_rng(2), 4_000)
    assert drawn.shape == (4_000, len(DRAWN[name]))
    for column, (change, distribution) in zip(drawn.T, DRAWN[name], strict=True):
        assert stats.kstest(change(column) if change else column, distribution.cdf).pvalue > 1e-3


def test_overflow_is_silent() -> None:
    with np.errstate(all="raise"):
        found = FAMILIES["pow3"](np.array([100.0]), np.array([[0.5, 0.1, -1e4]]))
    assert not np.isfinite(found).all()
