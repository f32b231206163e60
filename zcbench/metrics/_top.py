"""The top of a ranking, and uncertainties."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from zcbench.metrics._columns import Floats, Ints, columns, ranked


def precision_at(k: int, predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the share of the ``k`` best that are among the ``k`` predicted best, high is good.

    Where ties decide, it is the expectation over random orders of the ties.

    Args:
        k: the number; all, if there are fewer.
        predicted: ``(n,)``.
        truth: ``(n,)``.
    """
    guess, true = ranked(predicted, truth)
    k = min(k, len(true))
    return float(_top(guess, k) @ _top(true, k) / k) if k else math.nan


def _top(values: Ints, k: int) -> Floats:
    """Return the probability ``(n,)`` of being among the ``k`` largest, if ties are broken at random."""
    last = np.partition(values, -k)[-k]
    above, tied = values > last, values == last
    share: Floats = above + tied * ((k - above.sum()) / tied.sum())
    return share


def regret_at(k: int, predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the best truth minus the best among the ``k`` predicted best, high is good.

    Where ties decide, it is the expectation over random orders of the ties.

    Args:
        k: the number; all, if there are fewer.
        predicted: ``(n,)``.
        truth: ``(n,)``.
    """
    guess, (_, true) = ranked(predicted, truth)[0], columns(predicted, truth)
    k = min(k, len(true))
    if not k:
        return math.nan
    last = np.partition(guess, -k)[-k]
    sure, tied = true[guess > last], np.sort(true[guess == last])[::-1]
    drawn, floor = k - len(sure), sure.max(initial=-math.inf)
    # Of the tied values ``drawn`` are taken: the i-th best is their best if none of the i - 1 better ones is taken.
    left, expected = 1.0, 0.0
    for i, value in enumerate(tied[: len(tied) - drawn + 1]):
        chance = left * drawn / (len(tied) - i)
        expected += chance * max(float(value), float(floor))
        left -= chance
    return float(true.max()) - expected


def gaussian_nll(mean: ArrayLike, deviation: ArrayLike, truth: ArrayLike) -> float:
    """Return the mean negative log density of the truth under independent normal predictions, in nats; all ``(n,)``."""
    mu, true = columns(mean, truth)
    sigma, _ = columns(deviation, truth)
    return float(np.mean(0.5 * np.log(2 * np.pi) + np.log(sigma) + 0.5 * ((true - mu) / sigma) ** 2))


def coverage(mean: ArrayLike, deviation: ArrayLike, truth: ArrayLike) -> float:
    """Return the share of the truth within mean ± 1.96 deviations, to be compared with .95; all ``(n,)``."""
    mu, true = columns(mean, truth)
    sigma, _ = columns(deviation, truth)
    return float(np.mean(np.abs(true - mu) <= 1.96 * sigma))
