import math

import numpy as np
import pytest
from easy import answers, check_restored, digits, keys, problem, run, step, steps_to_best, total

from zcbench.search import Domain, Search
from zcbench.search.local_search import LocalSearch


def rugged(architecture):
    """Many local optima."""
    return float(np.sin(7 * total(architecture)) * 5 + quirk(architecture.key))


def quirk(key):
    return sum(int(digit) * (place + 1) ** 2 for place, digit in enumerate(key)) % 11


def plain_local_search(space, score, rng, starts, evaluations):
    """Algorithm 1 with restarts: keys in the order of their evaluation."""
    values = {}

    def value(one):
        values.setdefault(one, score(one))
        return values[one]

    while len(values) < evaluations:
        drawn = Domain(space).sample(rng, starts, {one.key for one in values})
        at = max(drawn, key=value)
        while at is not None:
            options = space.neighbors(at)
            for place in rng.permutation(len(options)).tolist():
                value(options[place])
            best = max(options, key=value)
            at = best if value(best) > value(at) else None
    return [one.key for one in values][:evaluations]


@pytest.mark.parametrize("starts", [1, 6])
def test_takes_the_way_of_the_papers_algorithm(starts):
    space = digits(4, 4)
    wanted = plain_local_search(space, rugged, np.random.default_rng(5), starts, 120)
    found = keys(run(LocalSearch(starts), 120, score=rugged, given=problem(space, seed=5)))
    assert found == wanted


def test_the_first_better_neighbour_is_enough_in_its_variant():
    space = digits(5, 4)
    search = Search(LocalSearch(1, first=True), problem(space))
    at = step(search)[0].architecture
    for _ in range(60):
        if search.ended:
            break
        (proposal,) = step(search)
        if proposal.architecture in space.neighbors(at):
            if total(proposal.architecture) > total(at):
                at = proposal.architecture
        else:
            assert total(at) == 15  # a new start comes only behind an optimum
            break
    assert total(at) == 15


def test_finds_the_best_in_few_evaluations():
    assert steps_to_best(LocalSearch) < 150 and steps_to_best(lambda: LocalSearch(first=True)) < 100


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("first", [False, True])
def test_goes_on_from_its_state_as_if_it_had_not_stopped(batch, first):
    check_restored(lambda: LocalSearch(4, first), batch=batch, score=rugged)


def test_begins_anew_until_the_last_architecture():
    space = digits(4, 3)
    search = run(LocalSearch(3), 200, score=rugged, given=problem(space))
    assert sorted(keys(search)) == sorted(one.key for one in space)
    assert search.ended == "the searcher has nothing more to propose."


def test_networks_that_fail_are_left_behind():
    def score(one):
        return math.nan if total(one) % 3 == 1 else total(one)

    search = run(LocalSearch(2), 150, score=score)
    assert search.problem.history.good[search.problem.history.best(), 0] == 18
    assert len(run(LocalSearch(2), 60, score=lambda one: math.nan).problem.history) == 60


def test_neighbours_that_a_filter_passes_over_are_offered_again():
    class Scorer:
        def good(self, architectures):
            return np.array([-total(one) for one in architectures])  # misleads

    search = Search(LocalSearch(2), problem(), filter_by=Scorer(), filter_from=100)
    for _ in range(150):
        step(search)
    assert search.problem.history.good.max() == 18


def test_waits_for_answers_that_are_out():
    search = Search(LocalSearch(2), problem())
    out = search.ask(50)
    assert len(out) == 2 and search.ask(5) == [] and not search.ended
    search.tell(answers(out[:1]))
    assert search.ask(5) == [] and not search.ended
    search.tell(answers(out[1:]))
    assert len(search.ask(50)) == 18
