"""Expected hypervolume improvement: a surrogate for each objective that has to be evaluated, the others known exactly.

The architecture is proposed that is expected to add most to the hypervolume of the front found so far. With independent
normal predictions, a deviation of 0 for objectives that are known, the expectation is exact: what the front dominates
is cut into disjoint boxes, and of each box the expected part that a new point covers is a product over objectives.

Sources: M. Emmerich, A. Deutz, J. Klinkenberg, "Hypervolume-based Expected Improvement", CEC 2011 (the criterion); K.
Yang et al., "Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition Algorithms", J. Global
Optimization 75, 2019 (a sum over boxes); R. Lacour, K. Klamroth, C. Fonseca, "A Box Decomposition Algorithm to Compute
the Hypervolume Indicator", Computers & OR 79, 2017 (the boxes); D. Ginsbourger et al., "Kriging is well-suited to
parallelize optimization", 2010 (several proposals at once: a proposal counts as if its prediction had come true).
"""

from __future__ import annotations

import numpy as np

from zcbench.metrics import pareto_front
from zcbench.search._base import Floats, Proposal, Searcher
from zcbench.search._register import register_searcher
from zcbench.search._surrogates import Pool, Surrogates


def boxes(points: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Cut what points dominate, down to the reference, into disjoint boxes: lower and upper corners ``(k, objectives)``.

    Args:
        points: ``(n, objectives)``, high is good; those not better than the reference in every objective count nothing.
        reference: ``(objectives,)``.
    """
    objectives = len(reference)
    costs, origin = -points[pareto_front(points)], -reference
    costs = np.unique(costs[(costs < origin).all(1)], axis=0)
    # Of every local upper bound u the points that define it: row j is the one that decides u_j.
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
    """Expected growth of the hypervolume ``(n,)`` by one point each, of independent normal coordinates.

    Args:
        mean: ``(n, objectives)``, high is good.
        std: ``(n, objectives)`` standard deviations; 0 for what is known.
        front: ``(m, objectives)`` points found so far.
        reference: ``(objectives,)``.
    """
    low, high = boxes(front, reference)
    gain = np.prod([_above(mean[:, j], std[:, j], reference[j : j + 1])[:, 0] for j in range(len(reference))], axis=0)
    if not len(low):
        return gain
    covered = np.ones((len(mean), len(low)))
    for j in range(len(reference)):
        levels, place = np.unique(np.concatenate([low[:, j], high[:, j]]), return_inverse=True)
        beyond = _above(mean[:, j], std[:, j], levels)
        covered *= beyond[:, place[: len(low)]] - beyond[:, place[len(low) :]]
    return np.maximum(gain - covered.sum(1), 0.0)


def _above(mean: Floats, std: Floats, levels: Floats) -> Floats:
    """E[max(y - level, 0)] ``(n, levels)`` of normal y."""
    from scipy.special import ndtr

    distance = mean[:, None] - levels
    scale = np.where(std > 0, std, 1.0)[:, None]
    z = distance / scale
    uncertain = scale * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) + distance * ndtr(z)
    return np.where(std[:, None] > 0, uncertain, np.maximum(distance, 0.0))


@register_searcher("ehvi", reference="see above")
class EHVI(Searcher):
    """x."""

    several = True

    def __init__(self, predictor: str = "gp", initial: int = 20, pool: int = 10000, batch: int = 1, ref: str = "", explore: float = 0.0) -> None:
        self.predictor, self.initial, self.pool, self.batch, self.ref, self.explore = predictor, initial, pool, batch, ref, explore

    def begin(self, problem):
        super().begin(problem)
        self._queue = []
        self._models = Surrogates(problem, self.predictor, sure=True)
        self._pool = Pool(problem, self.pool)

    def ask(self, count):
        p = self.problem
        if len(p.history) < self.initial:
            return [Proposal(a) for a in p.initial(min(count, self.initial - len(p.history)))]
        return [Proposal(a) for a in self._choose(count)]

    def _choose(self, count):
        p = self.problem
        self._models.fit()
        new = self._pool.new(self._models.mean, p.history)
        archs = list(new.values())
        mean, std = self._models.mean(archs), self._models.std(archs)
        front = p.history.good[p.history.complete]
        if self.ref:
            ref = np.array([float(x) for x in self.ref.split("x")])
        else:
            f = front[pareto_front(front)]
            ref = f.min(0) - 0.1 * np.ptp(f, axis=0)
        scale = np.ptp(np.vstack([front, ref]), axis=0)
        scale[scale == 0] = 1
        out = []
        left = np.ones(len(archs), bool)
        for _ in range(min(count, len(archs))):
            if self.explore and p.rng.random() < self.explore:
                i = int(p.rng.choice(np.flatnonzero(left)))
            else:
                ei = expected_improvement(mean / scale, std / scale, front / scale, ref / scale)
                ei[~left] = -1
                i = int(np.argmax(ei))
            left[i] = False
            out.append(archs[i])
            front = np.vstack([front, mean[i]])
        return out

    def tell(self, answers):
        pass

    def state(self):
        return {}

    def restore(self, state):
        pass
