"""Parametric families of learning curves, with the priors of their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """Curves of one formula.

    Attributes:
        name: the name in the papers.
        formula: the formula as text.
        draw: draws parameters, an array ``(count, parameters)``, from a generator and a count.
        value: values ``(count, epochs)`` at times ``(epochs,)`` or ``(count, epochs)`` for parameters ``(count, p)``.
    """

    name: str
    formula: str
    draw: Callable[[np.random.Generator, int], Floats]
    value: Callable[[Floats, Floats], Floats]

    def __call__(self, times: Floats, parameters: Floats) -> Floats:
        """Compute the curves; overflow gives infinite values or nan, without a warning."""
        with np.errstate(all="ignore"):
            return self.value(np.asarray(times, dtype=np.float64), np.asarray(parameters, dtype=np.float64))


def _split(parameters: Floats) -> list[Floats]:
    """Return each parameter as a column ``(count, 1)``."""
    return [parameters[:, [column]] for column in range(parameters.shape[1])]


def _columns(*drawn: Floats) -> Floats:
    return np.stack(drawn, axis=1)


def _pow3(t: Floats, parameters: Floats) -> Floats:
    c, a, alpha = _split(parameters)
    return c - a * t**-alpha


def _ilog2(t: Floats, parameters: Floats) -> Floats:
    c, a = _split(parameters)
    return c - a / np.log(t + 1)


def _janoschek(t: Floats, parameters: Floats) -> Floats:
    a, b, k, delta = _split(parameters)
    return a - (a - b) * np.exp(-k * t**delta)


def _log_power(t: Floats, parameters: Floats) -> Floats:
    a, b, c = _split(parameters)
    return a / (1 + (t / np.exp(b)) ** c)


def _weibull(t: Floats, parameters: Floats) -> Floats:
    alpha, beta, kappa, delta = _split(parameters)
    return alpha - (alpha - beta) * np.exp(-((kappa * t) ** delta))


def _mmf(t: Floats, parameters: Floats) -> Floats:
    alpha, beta, kappa, delta = _split(parameters)
    return alpha - (alpha - beta) / (1 + (kappa * t) ** delta)


def _vap(t: Floats, parameters: Floats) -> Floats:
    a, b, c = _split(parameters)
    return np.exp(a + b / t + c * np.log(t))


def _loglog_linear(t: Floats, parameters: Floats) -> Floats:
    a, b = _split(parameters)
    return np.log(a * np.log(t) + b)


def _exp4(t: Floats, parameters: Floats) -> Floats:
    c, a, alpha, b = _split(parameters)
    return c - np.exp(-a * t**alpha + b)


def _pow4(t: Floats, parameters: Floats) -> Floats:
    c, a, alpha, b = _split(parameters)
    return c - (a * t + b) ** -alpha


def _hill(t: Floats, parameters: Floats) -> Floats:
    theta, eta, kappa = _split(parameters)
    return theta / (1 + (kappa / t) ** eta)


#: the eleven families of T. Domhan et al., IJCAI 2015, table 1, with the priors of S. Adriaensen et al., NeurIPS 2023
FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "pow3",
            "c - a t^-alpha",
            lambda g, n: _columns(g.uniform(0, 1.25, n), g.uniform(-0.6, 0.6, n), np.exp(g.normal(0, 2, n))),
            _pow3,
        ),
        Family(
            "ilog2", "c - a / ln(t + 1)", lambda g, n: _columns(g.uniform(0, 1, n), g.uniform(-0.5, 0.5, n)), _ilog2
        ),
        Family(
            "janoschek",
            "a - (a - b) exp(-k t^delta)",
            lambda g, n: _columns(
                g.uniform(0, 1, n), g.uniform(0, 2, n), np.exp(g.normal(-2, 1, n)), np.exp(g.normal(0, 0.5, n))
            ),
            _janoschek,
        ),
        Family(
            "log_power",
            "a / (1 + (t / e^b)^c)",
            lambda g, n: _columns(g.normal(0.8, 0.1, n), g.normal(1, 1, n), g.uniform(-3, 0, n)),
            _log_power,
        ),
        Family(
            "weibull",
            "alpha - (alpha - beta) exp(-(kappa t)^delta)",
            lambda g, n: _columns(
                g.uniform(0, 1.5, n), g.uniform(0, 1, n), np.exp(g.normal(-2, 1, n)), np.exp(g.normal(0, 0.5, n))
            ),
            _weibull,
        ),
        Family(
            "mmf",
            "alpha - (alpha - beta) / (1 + (kappa t)^delta)",
            lambda g, n: _columns(
                g.normal(0.8, 0.1, n), g.normal(0.2, 0.1, n), np.exp(g.normal(0, 2, n)), np.exp(g.normal(0, 1, n))
            ),
            _mmf,
        ),
        Family(
            "vap",
            "exp(a + b / t + c ln t)",
            lambda g, n: _columns(g.uniform(-2, 0, n), g.uniform(-4, 0, n), np.exp(g.uniform(-8, 0, n))),
            _vap,
        ),
        Family(
            "loglog_linear",
            "ln(a ln t + b)",
            lambda g, n: _columns(np.exp(g.normal(-2, 1, n)), np.exp(g.uniform(0, 1, n))),
            _loglog_linear,
        ),
        Family(
            "exp4",
            "c - exp(-a t^alpha + b)",
            lambda g, n: _columns(
                g.normal(0.8, 0.1, n),
                np.exp(g.normal(-2, 1, n)),
                np.exp(g.normal(0, 1, n)),
                np.exp(g.normal(0, 0.5, n)),
            ),
            _exp4,
        ),
        Family(
            "pow4",
            "c - (a t + b)^-alpha",
            lambda g, n: _columns(
                1 - np.exp(g.uniform(-5, 0, n)),
                np.exp(g.normal(-3, 2, n)),
                np.exp(g.normal(0, 1, n)),
                np.exp(g.uniform(0, 1, n)),
            ),
            _pow4,
        ),
        Family(
            "hill",
            "theta t^eta / (kappa^eta + t^eta)",
            lambda g, n: _columns(g.normal(0.8, 0.1, n), np.exp(g.normal(1, 1, n)), np.exp(g.normal(1, 2, n))),
            _hill,
        ),
    )
}
