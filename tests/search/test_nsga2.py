"""NSGA-II: as good as pymoo's with the same operators, exact resume, failures, small spaces."""

from __future__ import annotations

import numpy as np
import pytest
from easy import check_restored, digits, keys, problem, run
from pymoo.algorithms.moo import nsga2 as pymoo_nsga2
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import ElementwiseDuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.problem import ElementwiseProblem
from pymoo.core.sampling import Sampling
from pymoo.optimize import minimize

from zcbench.metrics import hypervolume
from zcbench.search._offspring import survivors
from zcbench.search.nsga2 import NSGA2
from zcbench.types import Architecture

SPACE = digits(8, 4)
WEIGHTS = np.array([3.0, 1.0, 2.0, 5.0, 1.5, 2.5, 4.0, 1.0])


def trade(architecture):
    """Large digits are good and cost more, some of them more than they are worth; neighbours disturb each other."""
    places = np.array([int(digit) for digit in architecture.key])
    return float(np.sqrt(WEIGHTS * places).sum() - 0.4 * abs(np.diff(places)).sum()), -float((places**1.5).sum())


def two(seed=0, space=SPACE):
    return problem(space, seed=seed, objectives=2)


class _Sample(Sampling):
    def _do(self, problem, n_samples, *args, random_state=None, **kwargs):
        return np.array([[SPACE.sample(random_state)] for _ in range(n_samples)], object)


class _Cross(Crossover):
    def __init__(self):
        super().__init__(2, 1, prob=0.9)

    def _do(self, problem, X, *args, random_state=None, **kwargs):  # noqa: N803
        return np.array([[[SPACE.crossover(a, b, random_state)] for a, b in X[:, :, 0].T]], object)


class _Mutate(Mutation):
    def _do(self, problem, X, *args, random_state=None, **kwargs):  # noqa: N803
        return np.array([[SPACE.mutate(one, random_state)] for one in X[:, 0]], object)


class _Equal(ElementwiseDuplicateElimination):
    def is_equal(self, a, b):
        return a.X[0].key == b.X[0].key


class _Trade(ElementwiseProblem):
    def __init__(self):
        super().__init__(n_var=1, n_obj=2)

    def _evaluate(self, x, out, *args, **kwargs):
        out["F"] = [-value for value in trade(x[0])]


def test_as_good_as_pymoos_with_the_same_operators():
    reference, ours, theirs = [-10.0, -45.0], [], []
    for seed in range(6):
        search = run(NSGA2(20, mutation=0.9), 200, score=trade, given=two(seed))
        ours.append(hypervolume(search.problem.history.good, reference))
        algorithm = pymoo_nsga2.NSGA2(
            20, sampling=_Sample(), crossover=_Cross(), mutation=_Mutate(prob=0.9), eliminate_duplicates=_Equal()
        )
        found = minimize(_Trade(), algorithm, ("n_eval", 200), seed=seed, save_history=True)
        everything = np.concatenate([step.pop.get("F") for step in found.history])
        theirs.append(hypervolume(everything, [-r for r in reference], False))
    random = [np.random.default_rng(seed) for seed in range(6)]
    drawn = [hypervolume([trade(SPACE.sample(rng)) for _ in range(200)], reference) for rng in random]
    spread = np.sqrt((np.var(ours) + np.var(theirs)) / 5)
    assert abs(np.mean(ours) - np.mean(theirs)) < 4 * spread
    assert np.mean(ours) > np.mean(drawn) + 4 * spread


def test_population_is_what_survives():
    search = run(NSGA2(6), 18, score=trade, given=two())
    searcher, good = search.searcher, search.problem.history.good
    assert len(searcher._members) == 6 and not searcher._children
    second = survivors(good[:12], 6)
    rows = np.array([*second, *range(12, 18)])
    assert searcher._members == rows[survivors(good[rows], 6)].tolist()


@pytest.mark.parametrize("batch", [1, 7])
def test_no_network_twice_and_exact_resume(batch):
    whole = check_restored(lambda: NSGA2(8), 40, 10, batch, trade, lambda seed=0: two(seed))
    assert len(set(keys(whole))) == 40 * batch == whole.asks


def test_failures_never_have_children():
    def score(architecture):
        return trade(architecture) if architecture.key[0] != "0" else (np.nan, np.nan)

    search = run(NSGA2(8), 120, score=score, given=two())
    history = search.problem.history
    assert all(history.architectures[row].key[0] != "0" for row in search.searcher._members)
    assert len(history) == 120
    nothing = run(NSGA2(8), 40, score=lambda one: (np.nan, np.nan), given=two())
    assert len(nothing.problem.history) == 40 and nothing.searcher._members == []


def test_a_space_smaller_than_the_population_is_searched_to_its_end():
    search = run(NSGA2(50), 30, score=lambda one: (float(one.key), -float(one.key)), given=two(space=digits(2, 3)))
    assert sorted(keys(search)) == sorted(one.key for one in digits(2, 3))
    assert search.ended


def test_what_a_filter_drops_can_come_again():
    class Last:
        label, higher_is_better = "last", True

        def good(self, architectures):
            return np.array([float(one.key) for one in architectures])

    search = run(NSGA2(3), 40, score=lambda one: (float(one.key), 1.0), given=two(space=digits(2, 4)), filter_by=Last())
    assert len(keys(search)) == 16


def test_first_population_is_the_warm_starts():
    class Sum:
        label, higher_is_better = "sum", True

        def good(self, architectures):
            return np.array([sum(map(int, one.key)) for one in architectures], float)

    search = run(NSGA2(5), 5, score=trade, given=problem(SPACE, objectives=2, warm_start=Sum()))
    assert min(sum(map(int, key)) for key in keys(search)) >= 17  # of a thousand drawn; the mean is 12


def test_state_holds_rows_and_keys():
    state = run(NSGA2(4), 6, score=trade, given=two()).state()["searcher"]
    assert state["first"] == [] and len(state["members"]) == 4 and len(state["children"]) == 2
    assert all(isinstance(row, int) for row in state["members"])
    assert isinstance(Architecture("digits", "00000000"), Architecture)
