"""Kendall's tau and Spearman's rho with intervals, differences between them, and the noise ceiling."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench.metrics._columns import Floats, Ints, finite, mean_ranks, ranked, student, to_codes, to_numbers, varied
from zcbench.metrics._leave_one_out import kendall_with_and_without, spearman_without_each

#: architectures that an interval or a noise ceiling needs: with fewer, intervals miss the true value too often
#: (benchmarks/interval_coverage.py) and are wider than half of the range of a correlation
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its 95 % confidence interval.

    Attributes:
        value: nan where the statistic is undefined (fewer than two architectures, a constant column).
        low: lower end of the interval; nan where it cannot be computed and for fewer than :data:`FEWEST` architectures.
        high: upper end.
        n: number of architectures.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Jackknife:
    """A statistic of all architectures, and its values without each of them.

    Attributes:
        value: of all architectures; nan where it is undefined.
        without: ``(n,)``, without architecture i.
    """

    value: float
    without: Floats

    def __repr__(self) -> str:
        return f"<Jackknife of {self.value:.6g} over {len(self.without):,} architectures>"

    def correlation(self) -> Estimate:
        """Return the value with an interval on Fisher's scale, which needs :data:`FEWEST` architectures."""
        if math.isnan(self.value):
            return _unknown(len(self.without))
        return _fisher(self.value, self.without)

    def minus(self, other: Jackknife) -> Estimate:
        """Return the paired difference to another statistic of the same :data:`FEWEST` or more architectures."""
        n = len(self.without)
        if n < FEWEST or math.isnan(self.value) or math.isnan(other.value):
            return _unknown(n)
        value = self.value - other.value
        half = student(n - 1) * _standard_error(self.without - other.without)
        return Estimate(value, value - half, value + half, n)


def _unknown(n: int) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, n)


def kendall_tau(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Return Kendall's tau-b between two columns ``(n,)`` of finite numbers.

    Raises:
        InvalidInputError: the columns differ in length or contain a value that is not a finite number.
    """
    return kendall_jackknife(x, y).correlation()


def kendall_jackknife(x: ArrayLike, y: ArrayLike) -> Jackknife:
    """Return Kendall's tau-b between two columns ``(n,)``, and its values without each row.

    Raises:
        InvalidInputError: the columns differ in length or contain a value that is not a finite number.
    """
    return _kendall(*ranked(x, y))


def spearman_rho(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Return Spearman's rho between two columns ``(n,)`` of finite numbers.

    Raises:
        InvalidInputError: the columns differ in length or contain a value that is not a finite number.
    """
    return spearman_jackknife(x, y).correlation()


def spearman_jackknife(x: ArrayLike, y: ArrayLike) -> Jackknife:
    """Return Spearman's rho between two columns ``(n,)``, and its values without each row.

    Raises:
        InvalidInputError: the columns differ in length or contain a value that is not a finite number.
    """
    a, b = ranked(x, y)
    if not (varied(a) and varied(b)):
        return Jackknife(math.nan, np.full(len(a), math.nan))
    # The order of operations is scipy's, so the result is the same to the last digit.
    both = np.asarray(np.corrcoef(np.column_stack([mean_ranks(a), mean_ranks(b)]), rowvar=False))
    return Jackknife(float(both[1, 0]), spearman_without_each(a, b))


def noise_ceiling(values: ArrayLike) -> Estimate:
    """Return the seed-to-seed Kendall tau: the agreement of two trainings on the ranking of the architectures.

    Args:
        values: ``(architectures, seeds)`` of genuine repeats; rows with a nan or an infinity are excluded.

    Returns:
        The mean of tau-b over all pairs of seeds; nan with fewer than two seeds or :data:`FEWEST` architectures.
    """
    found = noise_jackknife(values)
    return found.correlation() if len(found.without) >= FEWEST else _unknown(len(found.without))


def noise_jackknife(values: ArrayLike) -> Jackknife:
    """Return the noise ceiling, and its values without each architecture that has all its repeats."""
    rows = to_numbers(values, dimensions=2)
    return _mean_over_pairs(rows[finite(rows).all(axis=1)])


def _mean_over_pairs(rows: NDArray[Any]) -> Jackknife:
    seeds = [to_codes(column) for column in rows.T]
    return _mean([_kendall(a, b) for a, b in itertools.combinations(seeds, 2)], len(rows))


def _mean(parts: list[Jackknife], n: int) -> Jackknife:
    """Return the mean over parts; nan if a part is nan or there is no part."""
    if not parts or any(math.isnan(part.value) for part in parts):
        return Jackknife(math.nan, np.full(n, math.nan))
    return Jackknife(float(np.mean([p.value for p in parts])), np.mean([p.without for p in parts], axis=0))


def ceiling_fraction(scores: ArrayLike, values: ArrayLike, ceiling: Jackknife | None = None) -> Estimate:
    """Return tau of a score against single trainings, as a fraction of the tau between two trainings.

    A value of one means that the score ranks as well as training every architecture once. Numerator and denominator
    both use single seeds, of the same architectures; a score that knew the expected accuracy would exceed one.

    Args:
        scores: ``(n,)``.
        values: ``(n, seeds)``; architectures with a nan or an infinity are excluded.
        ceiling: the result of ``noise_jackknife(values)``, if it is already known.
    """
    rows = to_numbers(values, dimensions=2)
    keep = finite(rows).all(axis=1)
    rows, score = rows[keep], to_codes(to_numbers(scores)[keep])
    ceiling = ceiling or _mean_over_pairs(rows)
    if len(rows) < FEWEST or not ceiling.value > 0 or not varied(score):
        return _unknown(len(rows))
    tau = _mean([_kendall(score, to_codes(column)) for column in rows.T], len(rows))
    value = tau.value / ceiling.value
    with np.errstate(divide="ignore", invalid="ignore"):  # a ceiling of 0 without one architecture: no interval
        half = 1.96 * _standard_error(tau.without / ceiling.without)
    return Estimate(value, value - half, value + half, len(rows))


def tau_difference(a: ArrayLike, b: ArrayLike, y: ArrayLike) -> Estimate:
    """Return tau-b of ``a`` with ``y`` minus tau-b of ``b`` with ``y``, all ``(n,)`` over the same architectures."""
    first, target = ranked(a, y)
    second, _ = ranked(b, y)
    return _kendall(first, target).minus(_kendall(second, target))


def _kendall(x: Ints, y: Ints) -> Jackknife:
    if not (varied(x) and varied(y)):
        return Jackknife(math.nan, np.full(len(x), math.nan))
    return Jackknife(*kendall_with_and_without(x, y))


def _standard_error(without: Floats) -> float:
    n = len(without)
    return math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))


def _fisher(value: float, without: Floats) -> Estimate:
    n = len(without)
    error = _standard_error(without) if n >= FEWEST else math.nan
    perfect = abs(value) > 1 - 1e-12
    if not math.isfinite(error) or perfect:
        end = value if math.isfinite(error) else math.nan  # perfect, and not because of a single architecture
        return Estimate(value, end, end, n)
    half = student(n - 1) * error / (1 - value**2)
    centre = math.atanh(value)
    return Estimate(value, math.tanh(centre - half), math.tanh(centre + half), n)
