"""Random search: without replacement, or down the ranking of a warm start."""

import numpy as np

from zcbench.datasets import get_benchmark
from zcbench.scorers import Context, as_scorer
from zcbench.search import Budget, Domain, Objective, Problem, get_searcher

TABLE = get_benchmark("digits-201")


def convolutions(architecture):
    return architecture.key.count("3x3") + 0.1 * architecture.key.count("1x1")


def begun(warm_start=None, seed=0):
    domain = Domain(TABLE.space, TABLE.architectures)
    problem = Problem(domain, (Objective("valid_nll", False),), Budget(50), np.random.default_rng(seed))
    if warm_start is not None:
        problem.warm_start, problem.warm_start_from = as_scorer(warm_start, Context.of(TABLE)), 60
    searcher = get_searcher("random")
    searcher.begin(problem)
    return searcher


def asked(searcher, *counts):
    return [proposal.architecture for count in counts for proposal in searcher.ask(count)]


def test_no_network_twice():
    found = asked(begun(), 40)
    assert len({TABLE.space.canonical(one).key for one in found}) == 40


def test_a_warm_start_is_a_ranking_that_is_gone_down():
    found = asked(begun(convolutions), 1, 9, 50)
    scores = list(map(convolutions, found))
    assert len(set(found)) == 60
    assert scores == sorted(scores, reverse=True)
    assert asked(begun(convolutions), 30, 30) == found  # however many are asked for at once
    searcher = begun(convolutions)
    asked(searcher, 60)
    assert len(asked(searcher, 5)) == 5  # then at random


def test_the_state_knows_what_is_left_of_the_ranking():
    searcher = begun(convolutions)
    asked(searcher, 20)
    other = begun(convolutions, seed=1)
    other.restore(searcher.state())
    assert asked(other, 40) == asked(searcher, 40)
