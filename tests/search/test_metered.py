"""Scores are paid for once, written down, and read back."""

import json
import sys

import numpy as np
import pytest
from toys import distinct_cells, toy

from zcbench.errors import InvalidInputError
from zcbench.scorers import Context, Scorer, Scores, as_scorer, get_scorer
from zcbench.scorers.ensemble import AmongOthers
from zcbench.search import Clock, Ledger
from zcbench.search._metered import TRIED, Metered, written_as

CELLS = distinct_cells(12)


class Counting(Scorer):
    label = "counting"

    def __init__(self, missing=(), sets=False):
        self.asked, self.missing, self.sets = [], set(missing), sets

    @property
    def of_sets(self):
        return self.sets

    def score(self, architectures):
        self.asked.append(list(architectures))
        values = np.array([np.nan if one in self.missing else len(set(one.key)) for one in architectures])
        return Scores(values, np.full(len(values), 0.5), dict.fromkeys(np.flatnonzero(np.isnan(values)).tolist(), "no"))


def metered(scorer, path=None, clock=None):
    as_scorer(scorer, Context.of(toy()))
    return Metered(scorer, Ledger(path, {"a": 1}), clock or Clock())


def test_nothing_is_paid_for_twice():
    scorer, clock = Counting(missing=[CELLS[1]]), Clock()
    made = metered(scorer, clock=clock)
    first = made.score([CELLS[0], CELLS[1], CELLS[0]])
    second = made.score([CELLS[2], CELLS[0], CELLS[1]])
    assert scorer.asked == [[CELLS[0], CELLS[1]], [CELLS[2]]]
    assert first.seconds.tolist() == [0.5, 0.5, 0]
    assert second.seconds.tolist() == [0.5, 0, 0]
    assert (clock.seconds["scoring"], clock.scored) == (1.5, 3)
    assert second.values[1] == first.values[0] == first.values[2]
    assert np.isnan(first.values[1])
    assert second.reasons == {2: "no"}


def test_equal_networks_are_paid_for_once():
    table = toy()
    classes = {}
    for architecture in list(table.space)[:400]:
        classes.setdefault(table.space.canonical(architecture).key, []).append(architecture)
    one, other = next(found[:2] for found in classes.values() if len(found) > 1)
    clock = Clock()
    made = Metered(get_scorer("params", table, batch_size=2), Ledger(None, {}), clock)
    assert made.score([one]).values[0] == made.score([other]).values[0]
    assert clock.scored == 1


def test_what_depends_on_the_set_is_scored_again():
    scorer = Counting(sets=True)
    made = metered(scorer)
    made.score(CELLS[:2])
    made.score(CELLS[:2])
    assert len(scorer.asked) == 2


def test_lines_tell_a_scorer_from_the_same_among_others(tmp_path):
    scorer = as_scorer(Counting(sets=True), Context.of(toy()))
    placed = AmongOthers(scorer, CELLS[:3])
    assert [written_as(scorer), written_as(placed)] == ["counting", "counting among others"]
    clock, ledger = Clock(), Ledger(tmp_path / "ledger", {"a": 1})
    made = [Metered(one, ledger, clock) for one in (scorer, placed)]
    assert [one.label for one in made] == ["counting"] * 2
    for _ in range(2):
        for one in made:
            one.score(CELLS[5:7])
    assert [len(one) for one in scorer.asked] == [2, 4, 4, 2]  # of the place nothing is asked again
    assert clock.seconds["scoring"] == 0.5 * 12
    ledger.close()
    rows = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert [row["scorer"] for row in rows if row["kind"] == "scored"] == [
        "counting",
        "counting among others",
        "counting",
    ]


def test_lines_are_read_instead(tmp_path):
    path, clock = tmp_path / "ledger", Clock()
    made = metered(Counting(missing=CELLS[:1]), path, clock)
    wanted = [made.score(CELLS[:3]), made.score(CELLS[1:5])]
    made._ledger.close()
    again, spent = Counting(), Clock()
    read = metered(again, path, spent)
    found = [read.score(CELLS[:3]), read.score(CELLS[1:5])]
    assert again.asked == []
    for a, b in zip(found, wanted, strict=True):
        assert np.array_equal(a.values, b.values, equal_nan=True)
        assert a.reasons == b.reasons
    assert (spent.seconds, spent.scored) == (clock.seconds, clock.scored)


def test_a_line_that_was_paid_for_is_remembered():
    scorer = Counting()
    made = metered(scorer)
    keys = [one.key for one in CELLS[:2]]
    made.remember({"architectures": keys, "values": [3.0, None], "seconds": [1, 1], "reasons": {"1": "why"}})
    found = made.score(CELLS[:2])
    assert scorer.asked == []
    assert found.values[0] == 3
    assert found.reasons == {1: "why"}
    assert made._clock.scored == 0


def test_a_scorer_that_scores_nothing_is_given_up():
    made = metered(Counting(missing=CELLS))
    made.score(CELLS[: TRIED - 1])
    with pytest.raises(InvalidInputError, match=r"counting has no score for any of 10 architectures.*: no"):
        made.score(CELLS[TRIED - 1 :][:1])
    made = metered(Counting(missing=CELLS[1:]))
    assert len(made.score(CELLS).reasons) == 11  # one is enough


def test_a_score_is_remembered_in_few_bytes():
    made = metered(Counting())
    made._remember(list(range(1000)), np.zeros(1000), dict.fromkeys(range(1000), "x" * 500))
    assert sys.getsizeof(made._known) / 1000 < 120
    assert len(made._why) <= 1000
