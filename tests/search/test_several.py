"""What searchers of several objectives share: known objectives, candidates, and failures of both."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from easy import digits, keys, problem, run, total, two

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.metrics import pareto_front
from zcbench.scorers import Scorer
from zcbench.search import Objective, get_searcher, searcher_info
from zcbench.search._several import Models, Pool, Predicting
from zcbench.search.ehvi import EHVI
from zcbench.search.linas import LINAS


class Cost(Scorer):
    """What an architecture costs; every call is counted."""

    label = "value1"

    def __init__(self):
        self.scored = 0

    def value(self, architecture):
        self.scored += 1
        return sum(int(digit) ** 2 for digit in architecture.key)


def known(seed=0, space=None, **further):
    """Digits that are good and cost their squares, which is known."""
    given = problem(space or digits(), seed=seed, objectives=2, known={"value1": Cost()}, **further)
    given.objectives = (Objective("value0"), Objective("value1", False))
    return given


def both(architecture):
    return total(architecture), -float(sum(int(digit) ** 2 for digit in architecture.key))


def test_known_objectives_are_exact_and_certain():
    given = known()
    search = run(LINAS(initial=8), 8, score=both, given=given)
    models = Models(given, "(gp:encoding=onehot)", sure=True)
    models.fit()
    some = given.domain.sample(np.random.default_rng(5), 20, given.history)
    truth = np.array([both(one) for one in some])
    mean, std = models.mean(some), models.std(some)
    assert (mean[:, 1] == truth[:, 1]).all() and (std[:, 1] == 0).all()
    assert (mean[:, 0] != truth[:, 0]).any() and (std[:, 0] > 0).all()
    assert len(search.problem.history) == 8


def test_an_objective_that_a_scorer_gives_is_known():
    given = problem(objectives=2, scored=(Cost(),))
    assert list(given.foreseen) == [1]
    assert given.foresee(given.domain.sample(given.rng, 3)).shape == (3, 2)


@pytest.mark.parametrize("make", [LINAS, EHVI])
def test_knowing_an_objective_is_better_than_guessing_it(make):
    """Where one objective is noise that only the scorer knows."""

    class Noise(Scorer):
        label = "value1"

        def value(self, architecture):
            return float(np.random.default_rng(int(architecture.key)).random())

    def score(architecture):
        return total(architecture), Noise().value(architecture)

    def found(**more):
        volumes = []
        for seed in range(3):
            given = problem(digits(4, 4), seed=seed, objectives=2, **more)
            history = run(make(initial=10, every=10), 3, 10, score, given).problem.history
            volumes.append(np.mean([(history.good[:, 0] + 15 * history.good[:, 1]).max(), history.good[:, 1].max()]))
        return np.mean(volumes)

    assert found(known={"value1": Noise()}) > found()


def test_small_domains_are_candidates_as_a_whole():
    given = two(space=digits(5, 4))
    run(LINAS(initial=10), 10, score=both, given=given)
    everything = Pool(given, 2000, 300).new(lambda some: np.array([both(one) for one in some]), given.history)
    assert {one.key for one in everything} == {one.key for one in digits(5, 4)} - {
        one.key for one in given.history.architectures
    }


def test_of_large_domains_candidates_are_what_an_evolution_visits():
    """It finds points of the front that as many random architectures have not."""
    values = np.array(sorted({both(one) for one in digits(5, 4)}))
    front = {tuple(value) for value in values[pareto_front(values)].tolist()}
    found = drawn = 0
    for seed in range(4):
        given = two(seed, digits(5, 4))
        run(LINAS(initial=10), 10, score=both, given=given)
        visited = []

        def value(some, visited=visited):
            visited.extend(some)
            return np.array([both(one) for one in some])

        part = Pool(given, 1000, 300).new(value, given.history)
        assert len(visited) == len(set(visited)) == 300
        assert {one.key for one in part} == {one.key for one in visited} - {
            one.key for one in given.history.architectures
        }
        found += len(front & {both(one) for one in visited})
        drawn += len(front & {both(one) for one in given.domain.sample(given.rng, 300)})
    assert found > drawn and found >= 0.85 * 4 * len(front)


@pytest.mark.parametrize("make", [LINAS, EHVI])
def test_a_space_too_large_to_list_is_searched(make):
    given = known(space=digits(30, 4))
    history = run(make(visits=300, initial=10, every=5), 30, score=both, given=given).problem.history
    assert len(history) == 30
    drawn = [both(given.domain.space.sample(given.rng)) for _ in range(2000)]
    # The sum of digits given their squares is best where digits are alike: found beyond what chance finds.
    best = max(good + 0.4 * cost for good, cost in history.good.tolist())
    assert best > np.quantile([good + 0.4 * cost for good, cost in drawn], 0.99)


@pytest.mark.parametrize("make", [LINAS, EHVI])
def test_a_scorer_without_values_leads_to_random_search(make):
    class Nothing(Scorer):
        label = "value1"

        def value(self, architecture):
            raise ValueError("nothing")

    given = problem(digits(4, 3), objectives=2, known={"value1": Nothing()})
    search = run(make(initial=5, every=5), 90, score=both, given=given)
    assert len(set(keys(search))) == 81


@pytest.mark.parametrize("predictor", ["lightgbm", "bayesian_ridge:encoding=onehott", "nobody"])
def test_a_predictor_that_does_not_fit_is_said(predictor):
    with pytest.raises((InvalidInputError, UnknownNameError), match=r"choose|unknown"):
        run(EHVI(f"({predictor})"), 1, given=two())


@pytest.mark.parametrize("name", ["linas", "ehvi"])
def test_every_setting_of_the_signature_is_stored_under_its_name(name):
    defaults = searcher_info(name).parameters
    assert set(inspect.signature(Predicting).parameters) <= set(defaults)
    others = {key: value + "x" if isinstance(value, str) else value + 0.5 for key, value in defaults.items()}
    for given in (defaults, others):
        assert vars(type(get_searcher(name))(**given)) == given


def test_the_ends_of_what_is_known_come_first():
    """Among the first are the cheapest and the dearest, which no search for the front can do without."""
    for whole in (10**6, 0):  # all of the domain, or some of it drawn
        search = run(EHVI(initial=6, pool=whole, visits=40), 6, score=both, given=known(space=digits(3, 4)))
        assert {"000", "333"} <= set(keys(search)) and len(set(keys(search))) == 6
    searcher = EHVI(initial=1)
    searcher.begin(known(space=digits(3, 4)))
    assert len(searcher.first()) == 1
    searcher.begin(two(space=digits(3, 4)))
    assert searcher.problem.ends(100) == []  # nothing is known


def test_a_warm_start_chooses_all_of_the_first():
    class Middle(Scorer):
        label = "middle"

        def value(self, architecture):
            return -abs(total(architecture) - 4)

    search = run(EHVI(initial=5), 5, score=both, given=known(space=digits(3, 4), warm_start=Middle()))
    assert all(total(one) == 4 for one in search.problem.history.architectures)
