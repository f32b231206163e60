"""A few good candidates that are unlike one another: quality times diversity.

A set of architectures is worth the determinant of the matrix q_i S_ij q_j of qualities q and similarities S, as in a
determinantal point process, whose most probable set is found greedily. The logarithm of the determinant grows with each
choice by 2 log q_j + log d_j, where d_j is what of j the choices so far leave unexplained.

Source: L. Chen, G. Zhang, H. Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
Diversity", NeurIPS 2018, arXiv:1709.05135, algorithm 1. Quality follows from ranks alone, because scores have no unit:
2 log q is minus the logarithm of the rank, over the weight of diversity. Similarity is exp(-d / mean d), with d the sum
of absolute differences of the codes, each column scaled to its range.
"""

from __future__ import annotations

import numpy as np

from zcbench.search._base import Floats

#: what is left of a candidate that the choices explain wholly
_NOTHING = 1e-12
#: candidates of which the mean distance is taken
_SOME = 200


def diverse(codes: Floats, count: int, weight: float) -> list[int]:
    """Rows of ``count`` candidates, in the order in which they are chosen; the best one comes first.

    Args:
        codes: ``(n, numbers)`` of the candidates, best first.
        count: how many; at most ``n`` come.
        weight: of diversity; 0 takes the best ones. With 1, a candidate may be ten times further down the ranking if
            ten times less of another one is left.
    """
    n, count = len(codes), min(count, len(codes))
    if not weight or count <= 1:
        return list(range(count))
    codes = scaled(codes)
    unit = _mean_distance(codes)
    quality = -np.log(np.arange(1.0, n + 1))
    left = np.ones(n)
    explained = np.zeros((n, count))
    found: list[int] = []
    for step in range(count):
        gain = quality + weight * np.log(np.maximum(left, _NOTHING))
        gain[found] = -np.inf
        best = int(np.argmax(gain))
        found.append(best)
        similar = np.exp(-np.abs(codes - codes[best]).sum(1) / unit)
        part = similar - explained[:, :step] @ explained[best, :step]
        explained[:, step] = part / np.sqrt(max(left[best], _NOTHING))
        left -= explained[:, step] ** 2
    return found


def scaled(codes: Floats) -> Floats:
    """Columns from 0 to 1; those that are the same everywhere, or not finite somewhere, are left out."""
    low, span = codes.min(0), np.ptp(codes, axis=0)
    kept = np.isfinite(span) & (span > 0)
    found: Floats = (codes[:, kept] - low[kept]) / span[kept]
    return found


def _mean_distance(codes: Floats) -> float:
    """Of pairs of some candidates; 1 if all are the same."""
    some = codes[np.linspace(0, len(codes) - 1, min(len(codes), _SOME)).astype(np.intp)]
    total = sum(float(np.abs(some - one).sum()) for one in some)
    return total / max(1, len(some) * (len(some) - 1)) or 1.0
