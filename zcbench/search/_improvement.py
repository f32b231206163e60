"""Expected improvement of the hypervolume of a front by a new point.

Coordinates are independent and normal, with deviation 0 where they are known. The region that the front dominates is
divided into disjoint boxes. The expected part of each box that a new point covers is a product over objectives, so that
the expectation is exact for any number of objectives.

Sources: M. Emmerich, A. Deutz, J. Klinkenberg, "Hypervolume-based Expected Improvement", CEC 2011 (the criterion); K.
Yang et al., "Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition Algorithms", J. Global
Optimization 75, 2019 (a sum over boxes); R. Lacour, K. Klamroth, C. Fonseca, "A Box Decomposition Algorithm to Compute
the Hypervolume Indicator", Computers & OR 79, 2017 (the boxes).
"""

from __future__ import annotations

import numpy as np

from zcbench.metrics import pareto_front
from zcbench.search._base import Floats


def boxes(points: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Divide the region between points and reference into disjoint boxes; return lower and upper corners ``(k, m)``.

    Args:
        points: ``(n, objectives)``, high is good; points that are not better than the reference in every objective are
            ignored.
        reference: ``(objectives,)``.
    """
    objectives = len(reference)
    costs, origin = -points[pareto_front(points)], -reference
    costs = np.unique(costs[(costs < origin).all(1)], axis=0)
    # For every local upper bound u, the points that define it: row j is the one that determines u_j.
    upper = origin[None].copy()
    defining = np.full((1, objectives, objectives), -np.inf)
    defining[0, np.arange(objectives), np.arange(objectives)] = origin
    for point in costs:
        hit = (point < upper).all(1)
        new, theirs = [upper[~hit]], [defining[~hit]]
        for j in range(objectives):
            others = np.delete(np.arange(objectives), j)
            keep = hit.copy()
            if objectives > 1:
                keep &= point[j] >= defining[:, others, j].max(1)
            bound, by = upper[keep].copy(), defining[keep].copy()
            bound[:, j], by[:, j] = point[j], point
            new.append(bound)
            theirs.append(by)
        upper, defining = np.concatenate(new), np.concatenate(theirs)
    low, high = upper.copy(), upper.copy()
    low[:, 0], high[:, 0] = defining[:, 0, 0], origin[0]
    for j in range(1, objectives):
        low[:, j] = defining[:, :j, j].max(1)
    full = (low < high).all(1)
    return -high[full], -low[full]


def expected_improvement(mean: Floats, std: Floats, front: Floats, reference: Floats) -> Floats:
    """Return the expected growth of the hypervolume ``(n,)`` by each single point with independent normal coordinates.

    Args:
        mean: ``(n, objectives)``, high is good.
        std: ``(n, objectives)`` standard deviations; 0 for known values.
        front: ``(m, objectives)`` points found so far.
        reference: ``(objectives,)``.
    """
    low, high = boxes(front, reference)
    gain = np.prod([_above(mean[:, j], std[:, j], reference[j : j + 1])[:, 0] for j in range(len(reference))], axis=0)
    if not len(low):
        return np.asarray(gain)
    covered = np.ones((len(mean), len(low)))
    for j in range(len(reference)):
        levels, place = np.unique(np.concatenate([low[:, j], high[:, j]]), return_inverse=True)
        beyond = _above(mean[:, j], std[:, j], levels)
        covered *= beyond[:, place[: len(low)]] - beyond[:, place[len(low) :]]
    return np.asarray(np.maximum(gain - covered.sum(1), 0.0))


def _above(mean: Floats, std: Floats, levels: Floats) -> Floats:
    """Return E[max(y - level, 0)] ``(n, levels)`` for normal y."""
    from scipy.special import ndtr

    distance = mean[:, None] - levels
    scale = np.where(std > 0, std, 1.0)[:, None]
    z = distance / scale
    uncertain = scale * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) + distance * ndtr(z)
    return np.asarray(np.where(std[:, None] > 0, uncertain, np.maximum(distance, 0.0)))
