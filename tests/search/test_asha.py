"""Asynchronous successive halving, against algorithm 2 written as it stands; nothing waits and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from partly import with_curves

import zcbench
from zcbench.search import Answer, Search, get_searcher
from zcbench.testing._easy_search import EPOCHS, bounded_domain, problem, quality, scattered

TABLE = with_curves()


def promotion(answered, asked, rungs, eta):
    """Algorithm 2: (network, rung) of the best that may go on, from the highest rung down; None for a new network.

    Args:
        answered: (network, epochs, value) in order; failures are nan.
        asked: (network, epochs) that were proposed.
    """
    for number in reversed(range(len(rungs) - 1)):
        there = [(key, value) for key, epochs, value in answered if epochs == rungs[number]]
        ranked = sorted(there, key=lambda pair: np.inf if np.isnan(pair[1]) else -pair[1])
        for key, value in ranked[: len(there) // eta]:
            if np.isfinite(value) and (key, rungs[number + 1]) not in asked:
                return key, number + 1
    return None


def value_of(proposal, flat=False, failing=0):
    """Quality; where it is flat many are equal, and some fail."""
    value = quality(proposal.architecture, proposal.epochs)
    if failing and sum(map(ord, proposal.architecture.key)) % failing == 0 and proposal.epochs != 1:
        return np.nan
    return round(value) * 1.0 if flat else value


@pytest.mark.parametrize("out", [0, 1, 6])
@pytest.mark.parametrize(("eta", "least", "rungs"), [(3, 1, [1, 3, 9, None]), (2, 6, [7, 14, None]), (9, 2, [3, None])])
@pytest.mark.parametrize("how", [{}, {"flat": True}, {"failing": 3}])
def test_the_same_as_the_algorithm(out, eta, least, rungs, how):
    given = problem(3, epochs=True)
    search = Search(get_searcher(f"asha:eta={eta}:least={least}"), given)
    answered, asked, waiting, promoted = [], set(), [], 0
    for _ in range(150):
        expected = promotion(answered, asked, rungs, eta)
        (one,) = search.ask()
        key = given.domain.key(one.architecture)
        if expected is None:
            assert one.epochs == rungs[0] and (key, rungs[0]) not in asked
        else:
            assert (key, one.epochs) == (expected[0], rungs[expected[1]])
            promoted += 1
        asked.add((key, one.epochs))
        waiting.append((key, one))
        if len(waiting) > out:
            key, done = waiting.pop(0)
            answered.append((key, done.epochs, value_of(done, **how)))
            search.tell([Answer(done, (answered[-1][2],))])
    assert promoted > 5 and any(epochs is None for _, epochs in asked)


def test_a_batch_is_what_one_after_the_other_would_be_asked_without_answers():
    several, single = (Search(get_searcher("asha"), problem(1, epochs=True)) for _ in range(2))
    for _ in range(12):
        batch = several.ask(8)
        assert batch == [single.ask()[0] for _ in range(8)]
        for search in (several, single):
            search.tell([Answer(one, (value_of(one),)) for one in batch])
    assert any(one.epochs is None for one in batch) and len(set(batch)) == 8


def test_a_small_space_is_trained_to_the_end():
    given = problem(0, epochs=True, domain=bounded_domain(10**6, scattered(7)))
    search = Search(get_searcher("asha"), given)
    order = []
    while proposals := search.ask(2):
        order += proposals
        search.tell([Answer(one, (value_of(one),)) for one in proposals])
    assert [one.epochs for one in order].count(None) == 7 and len(order) == 7 * 4
    assert {one.epochs for one in order[:3]} == {1}
    assert "nothing more to propose" in search.ended


def test_what_is_dropped_is_proposed_again():
    """A filter may drop a promotion: nobody tells of it."""
    search = Search(get_searcher("asha"), problem(0, epochs=True))
    for _ in range(3):
        (one,) = search.ask()
        search.tell([Answer(one, (value_of(one),))])
    first = search.searcher.ask(1)  # never evaluated
    assert first[0].epochs == 3
    (other,) = search.ask()
    assert other.epochs == 1
    search.tell([Answer(other, (-1.0,))])
    assert search.ask() == first


def test_it_looks_at_more_networks_than_random_search_and_finds_more():
    runs = [
        [zcbench.search(TABLE, searcher=name, objectives="valid", budget=12, seed=seed) for seed in range(10)]
        for name in ("asha", "random")
    ]
    looked = [np.mean([len(set(one.architectures)) for one in several]) for several in runs]
    best = [np.mean([one.best.values["valid"] for one in several]) for several in runs]
    assert looked[0] > 2 * looked[1] == 24 and best[0] > best[1]


def test_a_warm_start_chooses_each_draw():
    given = problem(0, epochs=True, hints=True)
    search = Search(get_searcher("asha"), given)
    first = [search.ask()[0].architecture for _ in range(20)]
    random = given.domain.sample(np.random.default_rng(1), 500)
    assert min(given.warm_start.good(first)) > np.median(given.warm_start.good(random))
    assert EPOCHS == 27  # what the rungs above follow from
