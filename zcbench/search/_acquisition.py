"""Acquisition rules: the value of an evaluation of each candidate, from a surrogate's mean and deviation."""

from __future__ import annotations

import numpy as np

from zcbench.search._base import Floats

#: rules, those that need uncertainty first; "auto" is the first rule with uncertainty and the last rule without it
RULES = ("ei", "ucb", "ts", "top")


def expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Return the logarithm of the expected improvement of candidates with normal values ``(m,)``.

    The expected improvement is E[max(0, f - best)] = d · (z Φ(z) + φ(z)) with z = (mean - best) / d. Far below the best
    it underflows, but its logarithm does not, so that candidates do not become equal by underflow alone.

    Source: J. Mockus et al., "The Application of Bayesian Methods for Seeking the Extremum", 1978; the logarithm as in
    S. Ament et al., "Unexpected Improvements to Expected Improvement for Bayesian Optimization", NeurIPS 2023,
    arXiv:2310.20708, section 4.
    """
    from scipy.special import erfcx, log_ndtr

    z = (mean - best) / deviation
    low = np.minimum(z, -1.0)  # φ(z) + z Φ(z) = φ(z) (1 + z Φ(z) / φ(z)), and Φ / φ is a scaled error function
    # erfcx(-z/√2) √(π/2) = Φ(z) / φ(z); for very negative z, 1 + z Φ/φ loses its digits and 1/z² - 3/z⁴ is used
    ratio = 1 + low * erfcx(-low / np.sqrt(2)) * np.sqrt(np.pi / 2)
    ratio = np.where(low < -1e3, low**-2.0, np.maximum(ratio, 1e-300))
    normal = -0.5 * np.log(2 * np.pi)
    high = np.maximum(z, -1.0)
    above = np.log(np.exp(normal - high**2 / 2) + high * np.exp(log_ndtr(high)))
    value: Floats = np.log(deviation) + np.where(z < -1, normal - low**2 / 2 + np.log(ratio), above)
    return value


def value_of(
    rule: str, mean: Floats, deviation: Floats, best: float, kappa: float, count: int, rng: np.random.Generator
) -> Floats:
    """Return the value of each candidate for each proposal ``(count, m)``, or one row if all rows are equal.

    Args:
        rule: one of :data:`RULES`.
        mean: predicted mean of each candidate ``(m,)``; -inf for the worst.
        deviation: predicted deviation of each candidate ``(m,)``; nan where it is unknown.
        best: best evaluated value, on the same scale.
        kappa: weight of the deviation in the upper confidence bound.
        count: number of proposals.
        rng: random numbers of Thompson sampling.
    """
    if rule == "top" or not np.isfinite(deviation).any():
        return mean[None]
    deviation = np.maximum(np.nan_to_num(deviation, nan=0.0), 1e-12)
    if rule == "ucb":
        return (mean + kappa * deviation)[None]
    if rule == "ts":
        return np.asarray(mean + deviation * rng.standard_normal((count, len(mean))))
    finite = np.isfinite(mean)
    return np.where(finite, expected_improvement(np.where(finite, mean, best), deviation, best), -np.inf)[None]
