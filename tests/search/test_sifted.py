"""Candidates that cheap scores filter: how many each scorer sees, who is left, and sums that are reckoned."""

from __future__ import annotations

import numpy as np
from easy import digits, problem, total

import zcbench
from zcbench.scorers import Context, FunctionScorer, Scorer
from zcbench.search._sifted import Reckoned, Sifted, unlike


def counted(label, function, space):
    """A scorer and the list of what it scored."""
    seen = []

    def score(architecture):
        seen.append(architecture.key)
        return function(architecture)

    scorer = FunctionScorer(score, label)
    scorer.begin(Context(space))
    return scorer, seen


def test_dearer_scorers_see_what_cheaper_ones_left():
    space = digits(6, 4)
    scorers, seen = zip(*(counted(name, total, space) for name in "abc"), strict=True)
    found = Sifted(problem(space), scorers, 1_000, 10, np.random.default_rng(0))
    assert found.drawn == 1_000 and found.counts == [1_000, 100, 10] == [len(one) for one in seen]
    best = sorted(map(total, digits(6, 4)), reverse=True)
    values = [total(one) for one in found.architectures]
    assert values == sorted(values, reverse=True) and values[0] >= best[20]
    for name in "abc":
        assert found.scores[name].tolist() == values


def test_without_a_score_none_goes_on():
    space = digits(3, 3)

    def odd(architecture):
        if int(architecture.key[0]) == 0:
            raise ValueError("no zeros")
        return total(architecture)

    scorer, _ = counted("odd", odd, space)
    found = Sifted(problem(space), [scorer], 100, 100, np.random.default_rng(0))
    assert len(found.architectures) == 18 and "no zeros" in found.reason
    assert Sifted(problem(space), [], 5, 5, np.random.default_rng(0)).drawn == 5


def test_sums_are_reckoned_and_others_measured():
    space = digits(6, 4)
    every = list(space)
    scorer, seen = counted("total", total, space)
    assert Reckoned(scorer).score(every).values.tolist() == [total(one) for one in every]
    assert len(seen) < 300
    scorer, seen = counted("product", lambda one: float(np.prod([int(c) + 1 for c in one.key])), space)
    found = Reckoned(scorer).score(every)
    assert found.values[-1] == 4**6 and len(set(seen)) == len(every)


def test_what_is_unlike_is_chosen_near_the_top():
    given = problem(digits(6, 4))
    some = given.domain.sample(given.rng, 200)
    order = np.argsort([-total(one) for one in some], kind="stable")
    assert unlike(given, "onehot", some, order, 5, 0.0) == order[:5].tolist()
    rows = unlike(given, "onehot", some, order, 5, 3.0)

    def distance(rows):
        return sum(a != b for i in rows for j in rows for a, b in zip(some[i].key, some[j].key, strict=True))

    assert rows[0] == order[0] and distance(rows) > distance(order[:5].tolist())


def test_times_are_measured_once_and_never_taken_for_sums():
    class Timer(Scorer):
        label, timed = "timer", True

        def __init__(self):
            self.asked = []

        def value(self, architecture):
            self.asked.append(architecture.key)
            return 1.0

    timer = Timer()
    timer.begin(Context(zcbench.get_space("elastic-mobilenet")))
    every = list(zcbench.get_space("elastic-mobilenet"))[:80]
    assert (np.asarray(Reckoned(timer).score(every)) == 1).all()
    assert timer.asked == [one.key for one in every]
