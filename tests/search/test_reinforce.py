import math

import numpy as np
import pytest
import torch
from easy import answers, check_restored, digits, keys, problem, run, step, steps_to_best, total

from zcbench import get_benchmark
from zcbench.errors import InvalidInputError
from zcbench.search import Domain, Search
from zcbench.search.reinforce import STALE, WARM, Reinforce


@pytest.mark.parametrize(("rate", "momentum"), [(0.1, 0.9), (0.5, 0.5)])
def test_the_policy_is_that_of_torchs_optimiser_and_gradient(rate, momentum):
    searcher, logits = Reinforce(rate, momentum), torch.zeros(6, 4, dtype=torch.float64, requires_grad=True)
    search = Search(searcher, problem())
    optimiser = torch.optim.Adam([logits], lr=rate)
    numerator = denominator = 0.0
    for _ in range(40):
        proposals = searcher.ask(1)
        (answer,) = answers(proposals)
        searcher.tell([answer])
        reward = answer.good[0]
        numerator = momentum * numerator + (1 - momentum) * reward
        denominator = momentum * denominator + (1 - momentum)
        actions = torch.tensor(list(map(int, answer.architecture.key)))
        chance = torch.distributions.Categorical(logits=logits).log_prob(actions)
        optimiser.zero_grad()
        (-chance * (reward - numerator / denominator)).sum().backward()
        optimiser.step()
        assert np.allclose(searcher._logits, logits.detach().numpy(), atol=1e-6)
    assert np.ptp(searcher._logits) > 0.1 and not search.ended


def test_choices_of_different_sizes_have_policies_of_their_own():
    class Uneven(type(digits())):
        pass

    space = Uneven("uneven", [["0"], ["0", "1", "2"], ["0", "1"]])
    searcher = Reinforce(0.5)
    search = run(searcher, 6, given=problem(space))
    assert sorted(keys(search)) == sorted(one.key for one in space)
    assert np.allclose(searcher._policy.sum(1), 1) and (searcher._policy[~searcher._open] == 0).all()


def test_draws_follow_the_policy():
    searcher = Reinforce()
    Search(searcher, problem(digits(2, 3)))
    searcher._logits[:] = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    drawn = [one.architecture.key for one in searcher.ask(4000)]
    assert abs(np.mean([key[0] == "0" for key in drawn]) - 0.7) < 0.03
    assert abs(np.mean([key == "02" for key in drawn]) - 0.56) < 0.03


def test_needs_fewer_evaluations_than_random_search():
    assert steps_to_best(lambda: Reinforce(0.1), seeds=range(5)) < 600


@pytest.mark.parametrize("batch", [1, 4])
def test_goes_on_from_its_state_as_if_it_had_not_stopped(batch):
    check_restored(Reinforce, batch=batch)
    check_restored(lambda: Reinforce(1.0), batch=batch, score=lambda one: math.nan if "3" in one.key else total(one))


def test_a_policy_that_is_sure_does_not_end_the_search():
    search = run(Reinforce(5.0), 300, given=problem(digits(3, 3)))
    assert sorted(keys(search)) == sorted(one.key for one in digits(3, 3))


def test_what_is_drawn_at_random_teaches_nothing():
    searcher = Reinforce()
    search = Search(searcher, problem())
    searcher._stale = STALE
    before = searcher._logits.copy()
    step(search)
    assert (searcher._logits == before).all() and searcher._strays == [] and searcher._stale == 0


def test_failures_make_choices_less_likely():
    searcher = Reinforce(0.05)
    run(searcher, 300, score=lambda one: math.nan if one.key[0] == "3" else 1.0 + total(one) / 100)
    assert searcher._policy[0, 3] < 0.15


def test_stays_within_a_table_and_constraints():
    space = digits()
    table = [one for one in space if total(one) % 5 == 0]
    domain = Domain(space, table, allows=lambda several: [one.key[0] != "3" for one in several])
    search = run(Reinforce(0.2), 120, given=problem(domain=domain))
    assert len(search.problem.history) == 120
    rare = Domain(space, table[:7])
    assert len(run(Reinforce(), 7, given=problem(domain=rare)).problem.history) == 7


def test_a_scorer_chooses_the_first_ones():
    class Scorer:
        def good(self, architectures):
            return np.array([total(one) for one in architectures])

    searcher = Reinforce()
    search = run(searcher, WARM, given=problem(warm_start=Scorer(), warm_start_from=500))
    assert search.problem.history.good.min() >= 14 and searcher._steps == WARM
    check_restored(Reinforce, steps=20, every=5, setting=lambda seed=0: problem(seed=seed, warm_start=Scorer()))


def test_spaces_without_choices_are_refused_in_one_sentence():
    table = get_benchmark("chars-rnn")
    with pytest.raises(InvalidInputError, match=r"needs a fixed number of choices.*use another searcher"):
        Search(Reinforce(), problem(domain=Domain(table.space, table.architectures)))
