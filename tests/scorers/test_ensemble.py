"""Several scorers put together over the set that is asked for."""

import numpy as np
import pytest
from scipy.stats import rankdata
from toys import toy

from zcbench.errors import InvalidInputError
from zcbench.scorers import FunctionScorer, Scorer, Scores, get_scorer
from zcbench.scorers.ensemble import AmongOthers

TABLE = toy((1.0, 5.0, 2.0, 9.0, 9.0))
CELLS = list(TABLE.architectures)
GOOD = "oracle(quality)"  # 1 5 2 9 9
TURNED = "-oracle(other)"  # of 9 9 2 5 1: small is good


def test_ranks_are_those_among_what_is_asked_for():
    scorer = get_scorer(f"mean_rank({GOOD}+2*{TURNED})", TABLE)
    for chosen in (CELLS, CELLS[:3], CELLS[1:]):
        rows = [CELLS.index(one) for one in chosen]
        first = np.array([1.0, 5, 2, 9, 9])[rows]
        second = -np.array([9.0, 9, 2, 5, 1])[rows]
        wanted = (rankdata(first) + 2 * rankdata(second)) / 3
        assert scorer.score(chosen).values == pytest.approx(wanted)
    assert scorer.of_sets


def test_a_sum_is_of_scores_from_0_to_1():
    found = get_scorer(f"{GOOD}+0.5*{TURNED}", TABLE).score(CELLS)
    first = (np.array([1.0, 5, 2, 9, 9]) - 1) / 8
    second = (9 - np.array([9.0, 9, 2, 5, 1])) / 8
    assert found.values == pytest.approx(first + 0.5 * second)
    same = get_scorer(f"weighted_sum({GOOD}+0.5*{TURNED})", TABLE).score(CELLS)
    assert same.values.tolist() == found.values.tolist()
    assert get_scorer(f"{GOOD}+{TURNED}", TABLE).score(CELLS[:1]).values.tolist() == [0.0]


def test_what_lacks_a_member_has_no_score_and_costs_add_up():
    def odd(architecture):
        if architecture == CELLS[3]:
            raise ValueError("not this one")
        return CELLS.index(architecture)

    table = get_scorer(f"mean_rank({GOOD}+{TURNED})", TABLE)
    made = table.with_parts([FunctionScorer(odd), table.parts[1]])
    found = made.score(CELLS)
    assert np.isnan(found.values).tolist() == [False, False, False, True, False]
    assert found.reasons == {3: "odd: ValueError: not this one"}
    assert (found.seconds > 0).all()
    assert made.label == f"mean_rank(odd+{TURNED})" or "odd" in made.label


def test_alone_means_among_the_same_others():
    scorer = get_scorer(f"mean_rank({GOOD}+{TURNED})", TABLE)
    alone = AmongOthers(scorer, CELLS[:3])
    every = alone.score(CELLS).values
    assert [alone.score([one]).values[0] for one in CELLS] == every.tolist()
    assert every[4] == scorer.score([*CELLS[:3], CELLS[4]]).values[-1]
    assert not alone.of_sets
    assert [leaf.label for leaf in alone.leaves()] == [leaf.label for leaf in scorer.leaves()]


class Sets(Scorer):
    """Positions among what is asked for; none for what is not there."""

    label, of_sets = "sets", True

    def __init__(self, missing=()):
        self.asked, self.missing = [], missing

    def score(self, architectures):
        self.asked.append(list(architectures))
        if any(one in self.missing for one in architectures):
            raise ValueError("not among these")
        return Scores(np.array([len(one.key) for one in architectures]), np.full(len(architectures), 2.0))


def test_what_is_placed_among_others_is_asked_for_and_paid_for_once(monkeypatch):
    scorer = Sets()
    alone = AmongOthers(scorer, CELLS[:3])
    first, second = alone.score(CELLS[2:]), alone.score(CELLS)
    assert [one[-1] for one in scorer.asked] == [*CELLS[2:], *CELLS[:2]]
    assert first.seconds.tolist() == [8.0] * 3 and second.seconds.tolist() == [8.0, 8.0, 0.0, 0.0, 0.0]
    assert second.values[2:].tolist() == first.values.tolist() == [len(one.key) for one in CELLS[2:]]
    other = alone.with_parts([Sets(missing=CELLS)])
    assert np.isnan(other.score(CELLS).values).all() and not alone.score(CELLS).reasons
    monkeypatch.setattr("zcbench.scorers.ensemble._REMEMBERED", 4)
    assert alone.score(CELLS[:1]).values.tolist() == [len(CELLS[0].key)]
    assert list(alone._known) == CELLS[:1]


def test_why_a_place_is_missing_is_remembered():
    scorer = Sets(missing=CELLS[4:])
    alone = AmongOthers(scorer, CELLS[:3])
    for _ in range(2):
        found = alone.score(CELLS[3:])
        assert np.isnan(found.values).tolist() == [False, True]
        assert found.reasons == {1: "ValueError: not among these"}
    assert len(scorer.asked) == 2


def test_what_cannot_be_a_sum():
    with pytest.raises(InvalidInputError, match="twice"):
        get_scorer(f"{GOOD}+{GOOD}", TABLE)
    with pytest.raises(InvalidInputError, match="needs a task"):
        get_scorer("params+num_layers").score(CELLS)
