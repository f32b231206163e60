import math

import numpy as np
import pytest
from easy import check_restored, digits, keys, problem, run, total

from zcbench import get_searcher
from zcbench.errors import InvalidInputError
from zcbench.scorers import Scorer, Scores
from zcbench.search.eeea import EEEA, TRIES
from zcbench.search.nsga2 import NSGA2


class Digits(Scorer):
    """The sum of the digits stands for parameters; none where the first is 3."""

    label, calls = "params", 0

    def score(self, architectures):
        self.calls += len(architectures)
        values = [math.nan if one.key[0] == "3" else total(one) for one in architectures]
        return Scores(np.array(values), np.zeros(len(values)))


def setting(seed=0, scorer=None, space=None):
    return problem(space, seed=seed, scorer=lambda text: scorer or Digits())


def test_the_first_population_keeps_below_the_threshold_and_children_may_leave_it():
    search = run(EEEA(12, most=5.0), 80, given=setting())
    sums = [total(one) for one in search.problem.history.architectures]
    assert max(sums[:12]) <= 5 and len(set(keys(search))) == 80
    assert all(key[0] != "3" for key in keys(search)[:12])  # without a score none is below
    assert max(sums[12:]) > 9


def test_an_unfulfilled_first_population_draws_others_below_it():
    def score(one):
        return math.nan if one.key[1] == "0" else total(one)  # a part of the founders fails

    search = run(EEEA(10, most=5.0), 14, score=score, given=setting())
    history = search.problem.history
    founded = np.flatnonzero(np.isfinite(history.good[:, 0]).cumsum() == 10)
    until = founded[0] + 1 if len(founded) else len(history)
    assert max(total(one) for one in history.architectures[: min(until, 10)]) <= 5


def test_without_a_threshold_it_is_nsga2():
    assert keys(run(EEEA(8), 60)) == keys(run(NSGA2(8), 60))


def test_goes_on_from_its_state_as_if_it_had_not_stopped():
    check_restored(lambda: EEEA(8, most=6.0), setting=setting)
    check_restored(lambda: EEEA(8, most=6.0), setting=setting, batch=3)


def test_a_threshold_below_everything_is_said_in_one_sentence():
    scorer = Digits()
    with pytest.raises(InvalidInputError, match=r"has params of at most 0.5: the lowest is [1-9]\. Raise"):
        run(EEEA(5, most=0.5), 3, given=setting(space=digits(9, 4), scorer=scorer))
    assert scorer.calls <= TRIES + 5


def test_few_below_the_threshold_are_enough():
    search = run(EEEA(10, most=0.0001), 30, given=setting(space=digits(3, 3)))  # 000 alone
    assert keys(search)[0] == "000" and len(search.problem.history) == 27


def test_its_settings_are_in_its_name():
    made = get_searcher("eeea:scorer=flops:most=1e6")
    assert (made.scorer, made.most) == ("flops", 1e6)
