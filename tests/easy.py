"""A search space of choices where the best architecture is known, and searches in it."""

import json

import numpy as np

from zcbench.search import Answer, Budget, Domain, Objective, Problem, Search
from zcbench.spaces import ChoiceSpace
from zcbench.types import Status


class Digits(ChoiceSpace):
    """Choices among digits; the string is the digits in a row, ``0312``."""

    def read(self, text):
        return tuple(text)

    def write(self, choices):
        return "".join(choices)


def digits(places=6, options=4):
    return Digits("digits", [[str(digit) for digit in range(options)]] * places)


def total(architecture):
    """An additive score: the sum of the digits."""
    return float(sum(map(int, architecture.key)))


def trade(architecture):
    """Two additive scores, high is good, that are at odds."""
    places = [int(digit) for digit in architecture.key]
    return float(sum(w * p**0.5 for w, p in enumerate(places, 1))), -float(sum(places))


def two(seed=0, space=None):
    """A problem with two objectives."""
    return problem(space, seed=seed, objectives=2)


def problem(space=None, *, seed=0, budget=10**6, domain=None, objectives=1, **further):
    goals = tuple(Objective(f"value{number}") for number in range(objectives))
    domain = domain or Domain(space or digits())
    return Problem(domain, goals, Budget.of(budget), np.random.default_rng(seed), **further)


def answers(proposals, score=total):
    """What became of proposals: the score, or nothing where it is nan."""
    found = []
    for proposal in proposals:
        values = np.atleast_1d(np.asarray(score(proposal.architecture), float))
        status = Status.OK if np.isfinite(values).all() else Status.FAILED
        found.append(Answer(proposal, tuple(values.tolist()), status))
    return found


def step(search, batch=1, score=total):
    """Ask and tell once; what was asked."""
    asked = search.ask(batch)
    search.tell(answers(asked, score))
    return asked


def run(searcher, steps, batch=1, score=total, given=None, **further):
    """Keys in the order of evaluation; ends early if the search does."""
    search = Search(searcher, given or problem(), **further)
    for _ in range(steps):
        if not step(search, batch, score) and search.ended:
            break
    return search


def keys(search):
    return [one.key for one in search.problem.history.architectures]


def restored(search, make, given, **further):
    """The search as it comes out of its state, which went through JSON, and its history."""
    state = json.loads(json.dumps(search.state(), allow_nan=False))
    again = Search(make(), given, **further)
    for answer in search.problem.history:
        again.problem.history.add(again.problem.domain.key(answer.architecture), answer)
    again.restore(state)
    return again


def check_restored(make, steps=60, every=10, batch=1, score=total, setting=problem, **further):
    """What is restored at every tenth step goes on as what was not stopped."""
    whole = run(make(), steps, batch, score, setting(), **further)
    for stop in range(0, steps, every):
        stopped = run(make(), stop, batch, score, setting(), **further)
        again = restored(stopped, make, setting(seed=99), **further)
        for _ in range(steps - stop):
            step(again, batch, score)
        assert keys(again) == keys(whole), f"stopped after {stop} steps"
        assert again.asks == whole.asks
    return whole


def steps_to_best(make, score=total, limit=2_000, seeds=range(10), space=None):
    """Mean number of evaluations until the best architecture is found."""
    space = space or digits()
    best = max(map(score, space))
    needed = []
    for seed in seeds:
        search = Search(make(), problem(space, seed=seed))
        while search.problem.history.best() is None or search.problem.history.good.max() < best:
            assert len(search.problem.history) < limit and not search.ended
            step(search, score=score)
        needed.append(len(search.problem.history))
    return float(np.mean(needed))
