import math
from collections import deque

import numpy as np
import pytest
from easy import answers, check_restored, digits, keys, problem, run, step, steps_to_best, total

from zcbench import get_searcher
from zcbench.search import Domain, Search
from zcbench.search.evolution import Evolution


def aging_evolution(space, score, rng, population, sample, evaluations):
    """Algorithm 1 of the paper; architectures in the order in which they are first evaluated."""
    first = Domain(space).sample(rng, population)
    living = deque((one, score(one)) for one in first)
    seen = list(first)
    while len(seen) < evaluations:
        drawn = [living[place] for place in rng.integers(len(living), size=sample)]
        parent = drawn[int(np.argmax([good for _, good in drawn]))][0]
        options = space.neighbors(parent)
        child = options[rng.integers(len(options))]
        living.append((child, score(child)))
        living.popleft()
        if child not in seen:
            seen.append(child)
    return [one.key for one in seen]


@pytest.mark.parametrize(("population", "sample"), [(1, 1), (5, 2), (20, 5), (30, 40)])
def test_takes_the_way_of_the_papers_algorithm(population, sample):
    space = digits()
    wanted = aging_evolution(space, total, np.random.default_rng(3), population, sample, 60)
    assert keys(run(Evolution(population, sample), 60, given=problem(space, seed=3))) == wanted


def test_needs_far_fewer_evaluations_than_random_search():
    assert 10 * steps_to_best(Evolution) < 4**6 / 2 and steps_to_best(lambda: Evolution(20, 5)) < 4**6 / 2


def test_goes_on_from_its_state_as_if_it_had_not_stopped():
    check_restored(lambda: Evolution(8, 3))
    check_restored(lambda: Evolution(8, 3), batch=3)


def test_the_state_holds_the_first_population():
    check_restored(lambda: Evolution(40, 3), steps=30)


def bad(architecture):
    return math.nan if "0" in architecture.key else total(architecture)


def test_networks_that_fail_never_join_the_population():
    searcher = Evolution(10, 3)
    search = run(searcher, 300, score=bad)
    assert all(math.isfinite(good) and "0" not in one.key for one, good in searcher._living)
    assert np.isnan(search.problem.history.good).sum() > 10
    assert search.problem.history.good[search.problem.history.best(), 0] >= 16
    check_restored(lambda: Evolution(8, 3), score=bad)


def test_random_architectures_are_drawn_while_everything_fails():
    search = run(Evolution(10, 3), 200, score=lambda one: math.nan)
    assert len(search.problem.history) == 200 and not search.ended


@pytest.mark.parametrize("batch", [1, 7, 100])
@pytest.mark.parametrize("places", [1, 2, 3])
def test_a_space_smaller_than_the_population_is_searched_to_the_end(places, batch):
    space = digits(places, 3)
    search = run(Evolution(50, 5), 3**places + 5, batch, given=problem(space))
    assert sorted(keys(search)) == sorted(one.key for one in space)
    assert search.ended == "the searcher has nothing more to propose."


def test_a_space_without_ways_between_its_parts_is_searched_to_the_end():
    space = digits(4, 4)
    islands = [one for one in space if len(set(one.key)) == 1 or one.key in ("0123", "0122")]
    search = run(Evolution(2, 2), 50, given=problem(domain=Domain(space, islands)))
    assert sorted(keys(search)) == sorted(one.key for one in islands)


def test_only_what_is_evaluated_founds_the_population():
    """Of a hundred proposals a filter keeps one; the others are never answered."""
    searcher = Evolution(10, 3)
    search = Search(searcher, problem())
    for _ in range(40):
        proposals = searcher.ask(50)
        best = max(proposals, key=lambda proposal: total(proposal.architecture))
        key = best.architecture.key
        if key in search.problem.history:
            continue
        answer = answers([best])[0]
        search.problem.history.add(key, answer)
        searcher.tell([answer])
    assert len(searcher._living) == 10 and search.problem.history.good.max() == 18


def test_children_come_while_answers_are_out():
    search = Search(Evolution(4, 2), problem())
    out = search.ask(8)
    for _ in range(40):
        out += search.ask(2)
        search.tell(answers(out[:2]))
        out = out[2:]
    assert len(search.problem.history) == 80 and len(out) == 8


def test_a_scorer_chooses_the_first_population():
    class Scorer:
        def good(self, architectures):
            return np.array([total(one) for one in architectures])

    given = problem(warm_start=Scorer(), warm_start_from=500)
    search = Search(Evolution(5, 2), given)
    first = [step(search)[0].architecture for _ in range(5)]
    assert min(map(total, first)) >= 14


def test_its_settings_are_in_its_name():
    assert get_searcher("evolution:population=20:sample=5").population == 20


def test_a_winner_has_all_its_children_before_the_next_tournament():
    """With a filter among ten: the best child of one parent, as in GradSign's code."""

    class Scorer:
        def good(self, architectures):
            self.seen = architectures
            return np.array([total(one) for one in architectures])

    scorer, space = Scorer(), digits()
    search = Search(Evolution(4, 2, children=10), problem(space), filter_by=scorer, filter_from=10)
    for _ in range(4):
        step(search)
    for _ in range(20):
        living = [one for one, _ in search.searcher._living]
        (proposal,) = step(search)
        parents = [one for one in living if all(child in space.neighbors(one) for child in scorer.seen)]
        assert parents and total(proposal.architecture) == max(map(total, scorer.seen))
    check_restored(lambda: Evolution(4, 2, children=7), batch=2)
