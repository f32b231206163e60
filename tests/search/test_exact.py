"""Exact search: the k best by sums over choices, against everything and against integer programming."""

import json

import numpy as np
import pytest
from easy import answers, digits, problem, run, total

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.scorers import Scorer, Scores
from zcbench.search import Additive, Constraint, Constraints, Domain, NotAdditiveError, best_additive
from zcbench.search._best_first import Bounded, best_first
from zcbench.search.exact import Exact
from zcbench.spaces import get_space


class Known(Scorer):
    label = "known"

    def __init__(self, function, higher_is_better=True):
        self._function, self.higher_is_better, self.asked = function, higher_is_better, 0

    def score(self, architectures):
        self.asked += len(architectures)
        return Scores(np.array([self._function(one) for one in architectures]), np.zeros(len(architectures)))


@pytest.mark.parametrize("name", ["nasbenchmacro", "nasbench201"])
@pytest.mark.parametrize("high", [None, 0.2, 0.6])
def test_all_of_a_benchmarks_space_agrees(name, high):
    space = get_space(name)
    rng = np.random.default_rng(3)
    score = Additive.of(space, [rng.normal(size=len(options)) for options in space.options])
    cost = Additive.of(space, [rng.integers(0, 10**6, len(options)) for options in space.options], 5.0)
    every = list(space)
    values, costs = score.values(every), cost.values(every)
    limit = np.inf if high is None else float(np.quantile(costs, high))
    kept = np.flatnonzero(costs <= limit)
    limits = [] if high is None else Constraint(lambda a: float(cost.values([a])[0]), high=limit)
    found = best_additive(space, score, limits, k=50)
    assert found.values == pytest.approx(np.sort(values[kept])[::-1][:50])
    assert all(cost.values([one])[0] <= limit for one in found.architectures)
    low = best_additive(space, score, limits, higher_is_better=False)
    assert low.values[0] == pytest.approx(values[kept].min())


def test_once_for_all_under_a_budget_is_the_optimum_of_integer_programming():
    space = get_space("ofa-mbv3")  # 2e19 subnets

    def layers(architecture):
        stages = [stage.split(",") for stage in architecture.key.split("|")]
        return [(i, j, int(x[0]), int(x[2])) for i, s in enumerate(stages) for j, x in enumerate(s)]

    def macs(architecture):
        return float(sum((i + 2) * e * (10 + k * k) for i, j, k, e in layers(architecture)))

    def quality(architecture):
        return float(sum(np.sin(3 * i + j + k) + e / (i + 1) for i, j, k, e in layers(architecture)))

    found = best_additive(space, quality, Constraint(macs, high=3000), k=3)
    assert (np.diff(found.values) <= 0).all()
    assert (found.bounded["macs"] <= 3000).all()
    score, cost = found.score, Additive.fit(space, lambda several: [macs(one) for one in several])
    bound = Bounded(cost.contributions, high=3000 - cost.constant)
    best = next(best_first(score.contributions, [bound], beginnings=0))[0] + score.constant
    assert found.values[0] == pytest.approx(best, abs=1e-6)


def test_what_is_no_sum_and_what_is_out_of_reach_end_in_a_sentence():
    with pytest.raises(NotAdditiveError, match="is not a sum"):
        best_additive(digits(), lambda a: total(a) ** 2)
    with pytest.raises(NotAdditiveError, match="squared is not a sum"):
        best_additive(digits(), total, Constraint(squared, high=9))
    with pytest.raises(InvalidInputError, match="total <= -1: total ranges from 0 to 18"):
        best_additive(digits(), total, Constraint(total, high=-1))
    with pytest.raises(InvalidInputError, match="depend on one another"):
        best_additive(get_space("nasbench101"), total)


def squared(architecture):
    return total(architecture) ** 2


def test_a_wrong_sum_is_never_returned():
    def nearly(architecture):
        return -5.0 if architecture.key == "333333" else total(architecture)

    with pytest.raises(NotAdditiveError, match="the score of 333333 is -5 but the sum over its choices is 18"):
        best_additive(digits(), nearly)


def test_the_searcher_proposes_the_best_in_order():
    scorer = Known(total, higher_is_better=False)
    domain = Domain(digits(), constraints=Constraints(Constraint(total, low=3), digits()))
    search = run(Exact(), 30, given=problem(domain=domain, warm_start=scorer))
    expected = sorted(total(one) for one in digits() if total(one) >= 3)[:30]
    assert [total(one) for one in search.problem.history.architectures] == expected
    assert scorer.asked < 200  # of 4,096


def test_a_space_too_large_to_go_through_is_searched_in_order():
    scorer, space = Known(total), digits(12, 6)
    limits = Constraints(Constraint(total, high=7), space)
    search = run(Exact(), 25, given=problem(domain=Domain(space, constraints=limits), warm_start=scorer))
    assert [total(one) for one in search.problem.history.architectures] == [7.0] * 25


def test_scores_that_are_no_sums_are_taken_of_everything():
    search = run(Exact(), 5, given=problem(warm_start=Known(lambda a: total(a) * (a.key[0] != a.key[1]))))
    assert [total(one) for one in search.problem.history.architectures] == [17.0] * 2 + [16.0] * 3
    with pytest.raises(InvalidInputError, match=r"is not a sum .* too large to enumerate"):
        run(Exact(), 1, given=problem(digits(20, 10), warm_start=Known(squared)))


def test_without_a_scorer_it_learns_the_sum():
    search = run(Exact(initial=20), 40)
    best = search.problem.history.good[:, 0].max()
    assert best == 18  # 1 of 4,096, in 40 evaluations


@pytest.mark.parametrize("further", [{}, {"warm_start": Known(total)}, {"warm_start": Known(squared)}])
def test_it_goes_on_from_its_state(further):
    whole = run(Exact(initial=8), 30, given=problem(**further))
    begun = run(Exact(initial=8), 14, given=problem(**further))
    state = json.loads(json.dumps(begun.state()))
    again = run(Exact(initial=8), 0, given=problem(**further))
    again.problem.history = begun.problem.history
    again.restore(state)
    for _ in range(16):
        (asked,) = again.ask(1)
        again.tell(answers([asked]))
    assert again.problem.history.architectures == whole.problem.history.architectures


def test_it_says_what_it_needs():
    space = get_space("nasbench101")
    with pytest.raises(InvalidInputError, match="give a scorer"):
        zcbench.search(space, lambda a: 1.0, searcher="exact", budget=2)


def test_a_named_proxy_is_found_to_be_a_sum():
    space = get_space("nasbenchmacro")
    found = best_additive(space, "params", higher_is_better=False, sample=10)
    network = space.build(found.architectures[0])
    assert found.architectures[0].key == "00000000"
    assert found.values[0] == sum(weight.numel() for weight in network.parameters())
