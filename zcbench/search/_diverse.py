"""Selects a few good candidates that differ from each other: quality times diversity.

The value of a set of architectures is the determinant of the matrix q_i S_ij q_j of qualities q and similarities S, as
in a determinantal point process, whose most probable set is found greedily. Each choice j increases the logarithm of
the determinant by 2 log q_j + log d_j, where d_j is the part of j that the previous choices do not explain.

Source: L. Chen, G. Zhang, H. Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
Diversity", NeurIPS 2018, arXiv:1709.05135, algorithm 1. Quality depends only on ranks, because scores have no unit:
2 log q is minus the logarithm of the rank, divided by the weight of diversity. Similarity is exp(-d / mean d), where d
is the sum of absolute differences of the codes after each column is scaled to its range.
"""

from __future__ import annotations

import numpy as np

from zcbench.search._base import Floats

#: remainder of a candidate that the choices explain completely
_NOTHING = 1e-12
#: number of candidates over which the mean distance is computed
_SOME = 200


def diverse(codes: Floats, count: int, weight: float) -> list[int]:
    """Return the rows of ``count`` candidates in the order of their selection; the best candidate is first.

    Args:
        codes: ``(n, numbers)`` of the candidates, best first.
        count: number of candidates; at most ``n`` are returned.
        weight: weight of diversity; 0 selects the best candidates. With 1, a candidate's rank may be ten times larger
            if its unexplained part is ten times larger.
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
    """Return the columns scaled to [0, 1], without those that are constant or not finite somewhere."""
    low, span = codes.min(0), np.ptp(codes, axis=0)
    kept = np.isfinite(span) & (span > 0)
    found: Floats = (codes[:, kept] - low[kept]) / span[kept]
    return found


def _mean_distance(codes: Floats) -> float:
    """Return the mean distance between pairs of some candidates; 1 if all are equal."""
    some = codes[np.linspace(0, len(codes) - 1, min(len(codes), _SOME)).astype(np.intp)]
    total = sum(float(np.abs(some - one).sum()) for one in some)
    return total / max(1, len(some) * (len(some) - 1)) or 1.0
