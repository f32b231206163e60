"""How far several rankings of the same things agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from zcbench.errors import InvalidInputError
from zcbench.metrics._columns import mean_ranks, to_numbers
from zcbench.metrics._correlation import kendall_tau


def kendall_w(rankings: Sequence[ArrayLike]) -> float:
    """Return Kendall's coefficient of concordance W, corrected for ties.

    W is 1 if all rankings are equal and near 0 if they have nothing in common.

    Args:
        rankings: values of m rankings, ``(n,)`` each, of the same n things. Only their order counts.

    Returns:
        W in [0, 1]; nan for fewer than two rankings or two things, or where every ranking is constant.

    Raises:
        InvalidInputError: the rankings differ in length, or a value is no finite number.

    Source: Kendall & Babington Smith, Annals of Mathematical Statistics 10(3), 1939; for ties Kendall & Gibbons, Rank
    Correlation Methods, 5th ed., 1990, section 6.
    """
    columns = _columns(rankings)
    if len(columns) < 2 or len(columns[0]) < 2:
        return math.nan
    m, n = len(columns), len(columns[0])
    ranks = np.array([mean_ranks(column) for column in columns])
    sums = ranks.sum(0)
    ties = 0.0
    for row in ranks:
        _, counts = np.unique(row, return_counts=True)
        ties += float((counts.astype(float) ** 3 - counts).sum())
    largest = m * m * (n**3 - n) - m * ties
    return float(12 * ((sums - sums.mean()) ** 2).sum() / largest) if largest > 0 else math.nan


def mean_tau(rankings: Sequence[ArrayLike]) -> float:
    """Return the mean of Kendall's tau-b over all pairs of rankings.

    Args:
        rankings: values of m rankings, ``(n,)`` each, of the same n things.

    Returns:
        The mean over the pairs that have a tau; nan where none has one.

    Raises:
        InvalidInputError: the rankings differ in length, or a value is no finite number.
    """
    taus = [kendall_tau(a, b).value for a, b in itertools.combinations(_columns(rankings), 2)]
    known = [tau for tau in taus if math.isfinite(tau)]
    return math.fsum(known) / len(known) if known else math.nan


def _columns(rankings: Sequence[ArrayLike]) -> list[np.ndarray]:
    columns = [to_numbers(one) for one in rankings]
    if len({len(column) for column in columns}) > 1:
        raise InvalidInputError("rankings of different lengths cannot be compared: rank the same things by each.")
    return columns
