"""Several objectives: fronts, crowding, hypervolume against a fixed reference point, distance from a known front."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench.errors import InvalidInputError
from zcbench.metrics._columns import Floats, Ints

#: one direction for all objectives, or one for each
Directions = bool | Sequence[bool]


def pareto_front(points: ArrayLike, higher_is_better: Directions = True) -> NDArray[np.bool_]:
    """Find the points that no other point dominates.

    A point dominates another if it is at least as good in every objective and better in one. Equal points do not
    dominate each other: all of them are on the front, or none. A point with nan or infinity is never on the front and
    dominates nothing.

    Args:
        points: ``(n, objectives)``.
        higher_is_better: direction of all objectives, or of each.
    """
    from moocore import is_nondominated

    costs = _costs(points, higher_is_better)
    front = _finite(costs)
    if front.any():
        front[front] = is_nondominated(costs[front], keep_weakly=True)
    return front


def pareto_ranks(points: ArrayLike, higher_is_better: Directions = True) -> Ints:
    """Sort points into fronts ``(n,)``: 0 on the front, 1 on the front of the remaining points, and so on.

    A point with nan or infinity is on no front, and has rank -1.

    Args:
        points: ``(n, objectives)``.
        higher_is_better: direction of all objectives, or of each.

    Source: K. Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE Trans. Evol. Comput.
    6(2), 2002, section III.A.
    """
    from moocore import pareto_rank

    costs = _costs(points, higher_is_better)
    ranks = np.full(len(costs), -1, np.int64)
    if (some := _finite(costs)).any():
        ranks[some] = pareto_rank(costs[some])
    return ranks


def crowding_distance(points: ArrayLike) -> Floats:
    """Measure the distance between the neighbours of each point of one front ``(n,)``: the mean over objectives.

    In each objective it is the distance between the next lower and the next higher point as a share of the front's
    range, and infinite at both ends. Of equal points only the first counts; the others have 0. An objective in
    which all are equal counts as 0; one or two points are ends.

    Args:
        points: ``(n, objectives)``, finite; directions do not matter.

    Source: K. Deb et al., as above, section III.B; the mean instead of the sum, as in pymoo, and 0 for equal points.
    """
    values = _matrix(points)
    if not np.isfinite(values).all():
        raise InvalidInputError("crowding is defined for finite points: remove points with nan or infinity.")
    distance = np.zeros(len(values))
    if not len(values):
        return distance
    first = np.sort(np.unique(values, axis=0, return_index=True)[1])
    distinct = values[first]
    total = np.full(len(distinct), 0.0 if len(distinct) > 2 else math.inf)
    for column in distinct.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        if (span := ordered[-1] - ordered[0]) > 0:
            padded = np.concatenate([[-math.inf], ordered, [math.inf]])
            total[order] += (padded[2:] - padded[:-2]) / span
    distance[first] = total / values.shape[1]
    return distance


def hypervolume(points: ArrayLike, reference: ArrayLike, higher_is_better: Directions = True) -> float:
    """Measure the volume that the points dominate and that dominates the reference point; 0 if it is empty.

    Exact, in the product of the objectives' units. Points with nan or infinity, and points that are not better than
    the reference in every objective, add nothing. Values are comparable only for one reference point.

    Args:
        points: ``(n, objectives)``.
        reference: ``(objectives,)``, finite, in the units of the points.
        higher_is_better: direction of all objectives, or of each.

    Raises:
        InvalidInputError: shapes differ, or the reference is not finite.

    Source: E. Zitzler and L. Thiele, "Multiobjective Evolutionary Algorithms", IEEE Trans. Evol. Comput. 3(4), 1999,
    section II.B; computed by moocore.
    """
    costs, origin = _referred(points, reference, higher_is_better)
    return _volume(costs[_inside(costs, origin)], origin)


def hypervolumes(points: ArrayLike, reference: ArrayLike, higher_is_better: Directions = True) -> Floats:
    """Return the hypervolume of the first ``i`` points for every ``i`` from 1 to ``n``: ``(n,)``, never decreasing.

    Arguments and errors are those of :func:`hypervolume`.
    """
    costs, origin = _referred(points, reference, higher_is_better)
    volumes = np.zeros(len(costs))
    front, volume = costs[:0], 0.0
    for row, inside in enumerate(_inside(costs, origin).tolist()):
        point = costs[row]
        if inside and not (front <= point).all(1).any():  # a dominated point changes nothing
            front = np.concatenate([front[~(front >= point).all(1)], point[None]])
            volume = max(volume, _volume(front, origin))
        volumes[row] = volume
    return volumes


def hypervolume_ratio(
    points: ArrayLike, front: ArrayLike, reference: ArrayLike, higher_is_better: Directions = True
) -> float:
    """Return the hypervolume of points as a share of the known front's.

    Args:
        points: ``(n, objectives)``.
        front: ``(m, objectives)``, the known front, or all known points.
        reference: ``(objectives,)``.
        higher_is_better: direction of all objectives, or of each.

    Raises:
        InvalidInputError: shapes differ, the reference is not finite, or no point of the front is better than it.
    """
    whole = hypervolume(front, reference, higher_is_better)
    if not whole > 0:
        raise InvalidInputError("no point of the known front is better than the reference point: choose a worse one.")
    return hypervolume(points, reference, higher_is_better) / whole


def igd_plus(points: ArrayLike, front: ArrayLike, higher_is_better: Directions = True, *, scaled: bool = True) -> float:
    """Return the mean distance from each point of the known front to the nearest point found; low is good.

    The distance counts only the objectives in which the found point is worse, so that dominating points are at
    distance 0. Points with nan or infinity are excluded; without any other point the distance is infinite.

    Args:
        points: ``(n, objectives)``.
        front: ``(m, objectives)``, finite; dominated points among them are excluded, and equal points count once.
        higher_is_better: direction of all objectives, or of each.
        scaled: whether each objective is divided by its range on the known front, so that units do not matter; an
            objective without a range is not scaled.

    Raises:
        InvalidInputError: shapes differ, or the front has no finite point.

    Source: H. Ishibuchi et al., "Modified Distance Calculation in Generational Distance and Inverted Generational
    Distance", EMO 2015, section 4; computed by moocore.
    """
    from moocore import igd_plus as computed

    found, known = _costs(points, higher_is_better), _costs(front, higher_is_better)
    known = np.unique(known[pareto_front(known, False)], axis=0)
    if not len(known):
        raise InvalidInputError("the known front has no finite point.")
    if found.shape[1] != known.shape[1]:
        raise InvalidInputError(f"points have {found.shape[1]} objectives and the front has {known.shape[1]}.")
    found = found[_finite(found)]
    if not len(found):
        return math.inf
    span = np.ptp(known, axis=0)
    scale = np.where(span > 0, span, 1.0) if scaled else np.ones(len(span))
    return float(computed(found / scale, ref=known / scale))


def _matrix(points: ArrayLike) -> Floats:
    try:
        values = np.asarray(points, np.float64)
    except (TypeError, ValueError):
        raise InvalidInputError(
            "points must be numbers, a row for each point and a column for each objective."
        ) from None
    if values.ndim != 2 or not values.shape[1]:
        raise InvalidInputError(f"points of shape {values.shape}: give a row for each and a column for each objective.")
    return values


def _costs(points: ArrayLike, higher_is_better: Directions) -> Floats:
    """Return a copy of the points ``(n, objectives)``, with signs such that low is good."""
    values = _matrix(points)
    return values * _signs(higher_is_better, values.shape[1])


def _signs(higher_is_better: Directions, objectives: int) -> Floats:
    """Return -1 for each objective for which high is good, 1 for the others."""
    directions = np.asarray(higher_is_better)
    if directions.dtype != np.bool_ or directions.shape not in ((), (objectives,)):
        raise InvalidInputError(f"higher_is_better is True, False, or one of them for each of {objectives} objectives.")
    return np.where(np.broadcast_to(directions, objectives), -1.0, 1.0)


def _finite(values: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values).all(1))


def _referred(points: ArrayLike, reference: ArrayLike, higher_is_better: Directions) -> tuple[Floats, Floats]:
    """Return points and reference, with signs such that low is good."""
    costs, (origin,) = _costs(points, higher_is_better), _matrix(np.atleast_2d(np.asarray(reference)))[:1]
    if origin.shape != costs.shape[1:]:
        raise InvalidInputError(f"the reference point has {origin.size} numbers for {costs.shape[1]} objectives.")
    if not np.isfinite(origin).all():
        raise InvalidInputError("the reference point contains nan or infinity: choose one worse than all points.")
    return costs, origin * _signs(higher_is_better, origin.size)


def _inside(costs: Floats, origin: Floats) -> NDArray[np.bool_]:
    """Return a mask of the points that are finite and better than the reference in every objective."""
    return np.asarray(_finite(costs) & (costs < origin).all(1))


def _volume(costs: Floats, origin: Floats) -> float:
    from moocore import hypervolume as computed

    return float(computed(costs, ref=origin)) if len(costs) else 0.0
