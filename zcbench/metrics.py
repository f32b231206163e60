"""Rank correlations with confidence intervals, and the ceiling that noise puts on them.

Values are scipy's. Intervals come from the delete-one jackknife over architectures and Fisher's z transform: no
assumption on the distributions, ties included, nothing random. ``docs/method.md`` gives the measured coverage.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench.errors import InvalidInputError

Floats = NDArray[np.float64]

#: rows of the pairwise matrices that are held at a time
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its 95 % confidence interval.

    Attributes:
        value: nan where the statistic is undefined (fewer than two architectures, a constant column).
        low: lower end of the interval; nan where it cannot be computed.
        high: upper end.
        n: number of architectures.
    """

    value: float
    low: float
    high: float
    n: int


def kendall_tau(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Kendall's tau-b between two columns ``(n,)`` of finite numbers.

    Raises:
        InvalidInputError: the columns differ in length or hold nan or infinities.
    """
    from scipy.stats import kendalltau

    a, b = _columns(x, y)
    if not _varied(a, b):
        return Estimate(math.nan, math.nan, math.nan, len(a))
    return _fisher(float(kendalltau(a, b).statistic), _kendall_without_each(a, b))


def spearman_rho(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Spearman's rho between two columns ``(n,)`` of finite numbers.

    Raises:
        InvalidInputError: the columns differ in length or hold nan or infinities.
    """
    from scipy.stats import spearmanr

    a, b = _columns(x, y)
    if not _varied(a, b):
        return Estimate(math.nan, math.nan, math.nan, len(a))
    return _fisher(float(spearmanr(a, b).statistic), _spearman_without_each(a, b))


def noise_ceiling(values: ArrayLike) -> Estimate:
    """Seed-to-seed Kendall tau: how well one training ranks the architectures as another training does.

    Args:
        values: ``(architectures, seeds)`` of genuine repeats; rows with a nan are left out.

    Returns:
        The mean of tau-b over all pairs of seeds; nan with fewer than two seeds.
    """
    rows = _complete(values)
    pairs = list(itertools.combinations(range(rows.shape[1]), 2))
    if not pairs or not all(_varied(rows[:, a], rows[:, b]) for a, b in pairs):
        return Estimate(math.nan, math.nan, math.nan, len(rows))
    from scipy.stats import kendalltau

    value = float(np.mean([kendalltau(rows[:, a], rows[:, b]).statistic for a, b in pairs]))
    without = np.mean([_kendall_without_each(rows[:, a], rows[:, b]) for a, b in pairs], axis=0)
    return _fisher(value, without)


def ceiling_fraction(scores: ArrayLike, values: ArrayLike) -> Estimate:
    """Tau of a score against single trainings, as a fraction of the tau between two trainings.

    One means: ranks as well as training every architecture once. Numerator and denominator both use single seeds, of
    the same architectures; a score that knew the expected accuracy would exceed one.

    Args:
        scores: ``(n,)``.
        values: ``(n, seeds)``; architectures with a nan are left out.
    """
    values = np.asarray(values, np.float64)
    keep = np.isfinite(values).all(axis=1)
    score, rows = np.asarray(scores, np.float64)[keep], values[keep]
    ceiling = noise_ceiling(rows)
    if not ceiling.value > 0 or not _varied(score, score):
        return Estimate(math.nan, math.nan, math.nan, len(rows))
    from scipy.stats import kendalltau

    seeds = range(rows.shape[1])
    pairs = list(itertools.combinations(seeds, 2))
    tau = float(np.mean([kendalltau(score, rows[:, s]).statistic for s in seeds]))
    tau_without = np.mean([_kendall_without_each(score, rows[:, s]) for s in seeds], axis=0)
    ceiling_without = np.mean([_kendall_without_each(rows[:, a], rows[:, b]) for a, b in pairs], axis=0)
    value = tau / ceiling.value
    half = 1.96 * _standard_error(tau_without / ceiling_without)
    return Estimate(value, value - half, value + half, len(rows))


def tau_difference(a: ArrayLike, b: ArrayLike, y: ArrayLike) -> Estimate:
    """Tau-b of ``a`` with ``y`` minus tau-b of ``b`` with ``y``, all ``(n,)`` over the same architectures."""
    first, target = _columns(a, y)
    second, _ = _columns(b, y)
    n = len(target)
    if n < 4 or not (_varied(first, target) and _varied(second, target)):
        return Estimate(math.nan, math.nan, math.nan, n)
    from scipy.stats import kendalltau, t

    value = float(kendalltau(first, target).statistic - kendalltau(second, target).statistic)
    without = _kendall_without_each(first, target) - _kendall_without_each(second, target)
    half = float(t.ppf(0.975, n - 1)) * _standard_error(without)
    return Estimate(value, value - half, value + half, n)


# -- the top of a ranking, and uncertainties ------------------------------------------------------


def precision_at(k: int, predicted: ArrayLike, truth: ArrayLike) -> float:
    """Share of the ``k`` best that are among the ``k`` predicted best, high is good; expected where ties decide.

    Args:
        k: how many; all, if there are fewer.
        predicted: ``(n,)``.
        truth: ``(n,)``.
    """
    guess, true = _columns(predicted, truth)
    k = min(k, len(true))
    return float(_top(guess, k) @ _top(true, k) / k) if k else math.nan


def _top(values: Floats, k: int) -> Floats:
    """Probability ``(n,)`` of being among the ``k`` largest, if ties are broken at random."""
    last = np.partition(values, -k)[-k]
    above, tied = values > last, values == last
    share: Floats = above + tied * ((k - above.sum()) / tied.sum())
    return share


def regret_at(k: int, predicted: ArrayLike, truth: ArrayLike) -> float:
    """The best truth minus the best among the ``k`` predicted best, high is good; expected where ties decide.

    Args:
        k: how many; all, if there are fewer.
        predicted: ``(n,)``.
        truth: ``(n,)``.
    """
    guess, true = _columns(predicted, truth)
    k = min(k, len(true))
    if not k:
        return math.nan
    last = np.partition(guess, -k)[-k]
    sure, tied = true[guess > last], np.sort(true[guess == last])[::-1]
    drawn, floor = k - len(sure), sure.max(initial=-math.inf)
    # Of the tied ones ``drawn`` are taken: the i-th best is the best of them if the i - 1 better ones are left out.
    left, expected = 1.0, 0.0
    for i, value in enumerate(tied[: len(tied) - drawn + 1]):
        chance = left * drawn / (len(tied) - i)
        expected += chance * max(float(value), float(floor))
        left -= chance
    return float(true.max()) - expected


def gaussian_nll(mean: ArrayLike, deviation: ArrayLike, truth: ArrayLike) -> float:
    """Mean negative log density of the truth under independent normal predictions, in nats; all ``(n,)``."""
    mu, true = _columns(mean, truth)
    sigma, _ = _columns(deviation, truth)
    return float(np.mean(0.5 * np.log(2 * np.pi * sigma**2) + 0.5 * ((true - mu) / sigma) ** 2))


def coverage(mean: ArrayLike, deviation: ArrayLike, truth: ArrayLike) -> float:
    """Share of the truth within mean ± 1.96 deviations, to be compared with .95; all ``(n,)``."""
    mu, true = _columns(mean, truth)
    sigma, _ = _columns(deviation, truth)
    return float(np.mean(np.abs(true - mu) <= 1.96 * sigma))


# -- the jackknife -----------------------------------------------------------------------------


def _kendall_without_each(x: Floats, y: Floats) -> Floats:
    """Tau-b of the columns without element i, for every i, in O(n^2)."""
    n = len(x)
    concordance, ties_x, ties_y = np.empty(n), np.empty(n), np.empty(n)
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        dx = np.sign(x[rows, None] - x)
        dy = np.sign(y[rows, None] - y)
        concordance[rows] = np.einsum("ij,ij->i", dx, dy)
        ties_x[rows] = (dx == 0).sum(1) - 1
        ties_y[rows] = (dy == 0).sum(1) - 1
    pairs = (n - 1) * (n - 2) / 2
    free_x = pairs - (ties_x.sum() / 2 - ties_x)
    free_y = pairs - (ties_y.sum() / 2 - ties_y)
    with np.errstate(invalid="ignore", divide="ignore"):
        without: Floats = (concordance.sum() / 2 - concordance) / np.sqrt(free_x * free_y)
    return without


def _spearman_without_each(x: Floats, y: Floats) -> Floats:
    """Rho of the columns without element i, for every i, in O(n^2).

    Ranks above i fall by one, those tied with i by a half.
    """
    from scipy.stats import rankdata

    n = len(x)
    ranks_x, ranks_y = rankdata(x), rankdata(y)
    without = np.empty(n)
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        rx = ranks_x - (np.sign(x - x[rows, None]) + 1) / 2
        ry = ranks_y - (np.sign(y - y[rows, None]) + 1) / 2
        own = np.arange(n)[rows]
        local = np.arange(len(own))
        mean = n / 2  # of the ranks 1 … n - 1
        rx -= mean
        ry -= mean
        rx[local, own] = 0
        ry[local, own] = 0
        with np.errstate(invalid="ignore", divide="ignore"):
            without[rows] = (rx * ry).sum(1) / np.sqrt((rx**2).sum(1) * (ry**2).sum(1))
    return without


def _standard_error(without: Floats) -> float:
    n = len(without)
    return math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))


def _fisher(value: float, without: Floats) -> Estimate:
    n = len(without)
    error = _standard_error(without) if n > 3 else math.nan
    perfect = abs(value) > 1 - 1e-12
    if not math.isfinite(error) or perfect:
        end = value if perfect and n > 3 else math.nan
        return Estimate(value, end, end, n)
    from scipy.stats import t

    half = float(t.ppf(0.975, n - 1)) * error / (1 - value**2)
    centre = math.atanh(value)
    return Estimate(value, math.tanh(centre - half), math.tanh(centre + half), n)


# -- checks ------------------------------------------------------------------------------------


def _columns(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise InvalidInputError(f"columns of shapes {a.shape} and {b.shape} cannot be correlated.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InvalidInputError("a column holds nan or infinity: drop scores without a value before correlating.")
    return a, b


def _varied(a: Floats, b: Floats) -> bool:
    return len(a) > 1 and bool(np.ptp(a) > 0) and bool(np.ptp(b) > 0)


def _complete(values: ArrayLike) -> Floats:
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2:
        raise InvalidInputError(f"values of shape {rows.shape}: expected (architectures, seeds).")
    return rows[np.isfinite(rows).all(axis=1)]
