"""Rank correlations without each of the rows, in O(n log n).

Columns are codes here: 0 for the least number, equal codes for equal numbers.
"""

from __future__ import annotations

import numpy as np

from zcbench.metrics._columns import Floats, Ints, to_codes


def kendall_with_and_without(x: Ints, y: Ints) -> tuple[float, Floats]:
    """Return tau-b of the columns, and of the columns without element i, for every i.

    The pairs with i are subtracted from the concordant minus the discordant pairs, and from the pairs without ties.
    """
    n, concordance = len(x), _concordance(x, y)
    ties_x, ties_y = (_tally(codes)[1] - 1 for codes in (x, y))
    in_order, tied_x, tied_y = (int(pairs.sum()) // 2 for pairs in (concordance, ties_x, ties_y))
    pairs, others = n * (n - 1) // 2, (n - 1) * (n - 2) / 2
    free_x = others - (tied_x - ties_x)
    free_y = others - (tied_y - ties_y)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Divided twice, as in scipy, so the result is the same to the last digit.
        value = in_order / np.sqrt(pairs - tied_x) / np.sqrt(pairs - tied_y)
        without: Floats = (in_order - concordance) / np.sqrt(free_x * free_y)
    return float(np.clip(value, -1, 1)), without


def kendall_without_each(x: Ints, y: Ints) -> Floats:
    """Return tau-b of the columns without element i, for every i."""
    return kendall_with_and_without(x, y)[1]


def spearman_without_each(x: Ints, y: Ints) -> Floats:
    """Return rho of the columns without element i, for every i.

    Twice a rank, counted from the mean rank, is ``u_j = sum_k sign(x_j - x_k)``. Without i it is ``u_j - s_j``, with
    ``s_j = sign(x_j - x_i)``, and sums to zero again. Rho is the sum of products of such numbers over the root of their
    sums of squares, and each of these is one sum over all pairs minus the contribution of i. All terms are whole
    numbers below 2^53 except the sums over all pairs, whose relative rounding is 1e-15 (numpy sums in a tree).
    """
    n, u, v = len(x), _signs(x), _signs(y)
    both = (u * v).sum() - _towards(u, y) - _towards(v, x) + _concordance(x, y) - u * v
    only_x, only_y = (
        (w * w).sum() - 2 * _towards(w, codes) + (n - np.bincount(codes)[codes]) - w * w
        for w, codes in ((u, x), (v, y))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        without: Floats = both / np.sqrt(only_x * only_y)
    return without


def _signs(codes: Ints) -> Floats:
    """Return ``sum_k sign(x_j - x_k)`` for every j: the number of elements below minus the number above."""
    equal = np.bincount(codes)
    below = np.cumsum(equal) - equal
    signs: Ints = 2 * below + equal - len(codes)
    return signs[codes].astype(np.float64)


def _towards(weights: Floats, codes: Ints) -> Floats:
    """Return ``sum_j w_j sign(x_j - x_i)`` for every i, of weights that sum to zero."""
    sums = np.bincount(codes, weights=weights)
    found: Floats = np.asarray(sums - 2 * np.cumsum(sums), np.float64)
    return found[codes]


def _concordance(x: Ints, y: Ints) -> Ints:
    """Return ``sum_j sign(x_i - x_j) sign(y_i - y_j)`` for every i.

    It is computed from the number of elements below i in both columns, the numbers below or equal in each column, and
    the ties in one column among the elements that are below in the other.
    """
    n, high = len(x), int(y.max()) + 1
    # Among equal x the largest y comes first, among equal y the first one counts as the largest: an element that
    # comes earlier and is smaller is below in both.
    order = np.argsort(x * high + (high - 1 - y), kind="stable")
    place = np.empty(n, np.int64)
    place[np.argsort(y[order] * n + np.arange(n)[::-1], kind="stable")] = np.arange(n)
    below_both = np.empty(n, np.int64)
    below_both[order] = smaller_before(place)
    (below_x, equal_x), (below_y, equal_y) = _tally(x), _tally(y)
    below_pair, equal_pair = _tally(to_codes(x * high + y))
    equal_x_below_y = below_pair - below_x
    below_x_equal_y = _tally(to_codes(y * (int(x.max()) + 1) + x))[0] - below_y
    concordance: Ints = (
        (4 * below_both + n - 2 * below_x - 2 * below_y - equal_x - equal_y)
        + equal_pair
        + 2 * (below_x_equal_y + equal_x_below_y)
    )
    return concordance


def _tally(codes: Ints) -> tuple[Ints, Ints]:
    """Return for every element the number of elements below it, and the number equal to it (itself included)."""
    equal = np.bincount(codes)
    return (np.cumsum(equal) - equal)[codes], equal[codes]


def smaller_before(permutation: Ints) -> Ints:
    """Count the earlier elements that are smaller, for every element of a permutation of 0 … n - 1.

    The elements are sorted bit by bit from the highest bit: elements that agree in the higher bits form a block in
    their first order. An element with a one is larger than those of its block with a zero, so the earlier ones of
    them count.
    """
    n = len(permutation)
    values, counts, places = permutation.copy(), np.zeros(n, np.int64), np.arange(n)
    for bit in reversed(range((n - 1).bit_length())):
        one = (values >> bit) & 1 == 1
        start = values >> (bit + 1) << (bit + 1)  # of the block: its elements are all numbers from there
        zeros = np.cumsum(~one) - (start >> 1)  # of the block, up to here; earlier blocks are halves of zeros
        counts[values[one]] += zeros[one]
        moved = np.where(one, places - zeros + (1 << bit), start + zeros - 1)
        values[moved] = values.copy()
    return counts[permutation]
