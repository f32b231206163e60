"""The quality of predictions for architectures that are not in the training set."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from zcbench.errors import InvalidInputError
from zcbench.metrics._correlation import kendall_tau, spearman_rho
from zcbench.metrics._top import coverage, gaussian_nll, precision_at, regret_at

#: numbers of architectures at the top that precision and regret use
TOP = (10, 50)


def quality(predicted: ArrayLike, good: ArrayLike) -> dict[str, float]:
    """Return Kendall's tau-b, Spearman's rho, precision and regret of predictions.

    A constant prediction has tau and rho 0.

    Args:
        predicted: finite numbers ``(n,)``, high is good.
        good: results of training ``(n,)``, high is good.

    Raises:
        InvalidInputError: the shapes differ.
    """
    guess, true = np.asarray(predicted), np.asarray(good)
    if guess.shape != true.shape:
        raise InvalidInputError(
            f"predict returned an array of shape {guess.shape} for {len(true)} architectures: "
            f"it must be ({len(true)},)."
        )
    varied = np.ptp(guess) > 0 and np.ptp(true) > 0
    return {
        "tau": kendall_tau(guess, true).value if varied else 0.0,
        "rho": spearman_rho(guess, true).value if varied else 0.0,
        **{f"precision@{k}": precision_at(k, guess, true) for k in TOP},
        **{f"regret@{k}": regret_at(k, guess, true) for k in (1, *TOP[:1])},
    }


def calibration(predicted: ArrayLike, deviation: ArrayLike, truth: ArrayLike) -> dict[str, float]:
    """Return the negative log density and the coverage of predictions with standard deviations; nan without these.

    Args:
        predicted: ``(n,)``, in the unit of the truth.
        deviation: their standard deviations ``(n,)``.
        truth: ``(n,)``.
    """
    sigma = np.asarray(deviation)
    if not (np.isfinite(sigma).all() and (sigma > 0).all()):
        return {"nll": math.nan, "coverage": math.nan}
    return {"nll": gaussian_nll(predicted, sigma, truth), "coverage": coverage(predicted, sigma, truth)}
