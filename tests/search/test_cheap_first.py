"""Cheap first: filters, first batches, batches that are unlike, fronts, exact resume."""

from __future__ import annotations

import numpy as np
import pytest
from easy import check_restored, digits, keys, problem, run, total, trade, two

from zcbench.errors import InvalidInputError
from zcbench.metrics import hypervolume
from zcbench.scorers import Context, FunctionScorer, as_scorer
from zcbench.search.cheap_first import CheapFirst
from zcbench.search.random_search import RandomSearch

SPACE = digits(6, 4)
#: these digits have no graph
GP = "(gp:encoding=onehot)"


def scored(**further):
    """A problem with a training-free score that is nearly right, and a static one."""

    def naive(architecture):
        return total(architecture) + 0.5 * (hash_of(architecture) - 0.5)

    def make(text):
        assert text == "first"
        return as_scorer(FunctionScorer(lambda one: float(one.key[0]), "first"), Context(SPACE))

    warm = as_scorer(FunctionScorer(naive, "naive"), Context(SPACE))
    return problem(SPACE, warm_start=warm, warm_start_from=300, scorer=make, **further)


def hash_of(architecture):
    return float(np.random.default_rng(int(architecture.key)).random())


def test_the_first_batch_is_good_and_unlike():
    def first(weight):
        searcher = CheapFirst(candidates=2_000, diversity=weight, static="first")
        searcher.begin(scored())
        return [proposal.architecture for proposal in searcher.ask(10)], searcher

    best, searcher = first(0.0)
    assert len(searcher.sifted) == 300 and all(key[0] in "23" for key in searcher.sifted)
    assert all(total(one) >= 15 for one in best)
    unlike, _ = first(1.0)

    def distance(some):
        return np.mean([sum(a != b for a, b in zip(x.key, y.key, strict=True)) for x in some for y in some])

    assert distance(unlike) > distance(best) and np.mean([total(one) for one in unlike]) > 11


def test_scores_are_features_of_the_predictor():
    searcher, given = CheapFirst(static="first"), scored()
    searcher.begin(given)
    assert [one.label for one in given.features] == ["first", "naive"]


def test_the_best_is_found_far_from_the_candidates():
    """Neighbours of the best lead out of the few that were drawn."""
    search = run(CheapFirst(GP, candidates=50, initial=10), 12, 10, given=problem(digits(6, 4), seed=1))
    assert search.problem.history.good.max() == 18


def test_better_than_chance_with_two_objectives():
    reference = [0.0, -20.0]

    def volume(make):
        runs = (run(make(), 4, 10, trade, two(seed, digits(5, 4))) for seed in range(3))
        return np.mean([hypervolume(one.problem.history.good, reference) for one in runs])

    assert volume(lambda: CheapFirst(GP)) > volume(RandomSearch) * 1.01


@pytest.mark.parametrize("batch", [1, 5])
def test_no_network_twice_and_exact_resume(batch):
    whole = check_restored(lambda: CheapFirst(GP, candidates=60, initial=8), 12, 6, batch, trade, two)
    assert len(set(keys(whole))) == 12 * batch


def test_exact_resume_with_scores():
    check_restored(
        lambda: CheapFirst(GP, candidates=500, static="first"), 6, 3, 10, total, lambda seed=0: scored(seed=seed)
    )


def test_a_predictor_that_is_not_sure_is_refused():
    with pytest.raises(InvalidInputError, match="predicts no standard deviation"):
        CheapFirst(predictor="(lightgbm:encoding=onehot)").begin(problem())
