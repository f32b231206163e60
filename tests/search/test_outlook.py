"""Probabilities of beating the best whole training, against the public function, one curve after the other."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from toys import registry_as_it_was

from zcbench import curves
from zcbench.errors import UnknownNameError
from zcbench.search import Answer, Objective, Proposal
from zcbench.search._outlook import AFTER, Outlook
from zcbench.testing._easy_search import EPOCHS, problem


def told(given, one, epochs, raw):
    """Write an evaluation into the history."""
    good = raw if given.objectives[0].higher_is_better else -raw
    given.history.add(given.domain.key(one), Answer(Proposal(one, epochs), (good,)))


def begun(up=True, factor=1.0, offset=0.0, count=6):
    """A problem, and curves of several trainings: of the first two all, of the others 4 epochs."""
    given = problem(0, epochs=True)
    given.objectives = (Objective("quality", up),)
    networks = given.domain.sample(np.random.default_rng(1), count, set())
    rng, steps = np.random.default_rng(2), np.arange(1, EPOCHS + 1)
    ends = rng.uniform(0.5, 0.9, (count, 1))
    rows = offset + factor * (ends - 0.5 / steps + 0.01 * rng.normal(size=(count, EPOCHS)))
    for number, one in enumerate(networks):
        for epochs in range(1, EPOCHS if number < 2 else 5):
            told(given, one, epochs, rows[number, epochs - 1])
        if number < 2:
            told(given, one, None, rows[number, -1])
    return given, networks, rows


@pytest.mark.parametrize("predictor", ["last_value", "lcpfn"])
@pytest.mark.parametrize(
    ("up", "factor", "offset", "bounds"),
    [(True, 1, 0, None), (True, 100, 0, (0, 100)), (False, -2, 3, None), (True, 2, -5, "seen"), (False, -3, 0, "seen")],
    ids=["share", "percent", "loss", "reward", "below zero"],
)
def test_they_are_the_forecasts_own(predictor, up, factor, offset, bounds):
    given, networks, rows = begun(up, factor, offset)
    outlook = Outlook(given, predictor)
    for whole in (2, 3):
        if whole == 3:
            told(given, networks[2], None, rows[2, -1])
            told(given, networks[3], 5, rows[3, 4])
        seen = np.concatenate([rows[:2].ravel(), rows[2:, :4].ravel(), *([rows[2, -1:], rows[3, 4:5]] * (whole == 3))])
        room = np.ptp(seen) / 2
        limits = (seen.min() - room, seen.max() + room) if bounds == "seen" else bounds
        best = (max if up else min)(rows[:whole, -1])
        keys = [given.domain.key(one) for one in networks[whole:]]
        found = outlook.chances(keys)
        for number, key in enumerate(keys, whole):
            length = 5 if (whole, number) == (3, 3) else 4
            one = curves.extrapolate(
                rows[number, :length], EPOCHS, predictor=predictor, lower_is_better=not up, bounds=limits
            )
            beats = one.probability_above(best) if up else one.probability_below(best)
            assert found[key] == pytest.approx(beats[-1], abs=2e-5)
        assert len(set(found.values())) > 1


def test_nothing_is_said_too_early():
    given, networks, _ = begun()
    keys = [given.domain.key(one) for one in networks]
    assert set(Outlook(given, "last_value", first=3).chances(keys).values()) == {1.0}
    assert set(Outlook(given, "last_value", after=5).chances(keys[2:]).values()) == {1.0}
    assert set(Outlook(problem(0, epochs=True), "last_value").chances(keys).values()) == {1.0}
    said = Outlook(given, "last_value").chances([*keys[2:], "never trained"])
    assert said.pop("never trained") == 1.0
    assert all(chance < 1 for chance in said.values())
    assert AFTER == 3


def test_where_all_values_are_the_same():
    given = problem(0, epochs=True)
    networks = given.domain.sample(np.random.default_rng(1), 2, set())
    for one in networks:
        for epochs in (1, 2, 3, 4):
            told(given, one, epochs, -7.0)
    told(given, networks[0], None, -7.0)
    assert Outlook(given, "last_value").chances([given.domain.key(networks[1])]) == {given.domain.key(networks[1]): 1.0}


def test_failures_are_left_out():
    given, networks, _ = begun()
    key = given.domain.key(networks[2])
    before = Outlook(given, "last_value").chances([key])
    told(given, networks[2], 5, float("nan"))
    assert Outlook(given, "last_value").chances([key]) == before


class Counting(curves.CurvePredictor):
    """The last value with a fixed spread, from three whole trainings on; remembers what it was asked."""

    learns = True
    fitted: ClassVar[list[int]] = []
    asked: ClassVar[list[int]] = []

    def fit(self, given):
        from zcbench.curves._complete import need_fit

        self.fitted.append(len(need_fit("counting", given, 3)))
        return self

    def predict(self, contexts, asked):
        self.asked.append(len(contexts))
        last = np.array([one.values[-1] for one in contexts])[:, None]
        return curves.Normals.single(np.broadcast_to(last, asked.shape), np.full(asked.shape, 0.05))


def test_one_call_for_all_that_changed_and_none_for_what_did_not():
    Counting.fitted.clear()
    Counting.asked.clear()
    with registry_as_it_was():
        curves.register_curve_predictor("counting")(Counting)
        given, networks, rows = begun(count=8)
        keys = [given.domain.key(one) for one in networks]
        outlook = Outlook(given, "counting")
        assert set(outlook.chances(keys[2:]).values()) == {1.0}  # it learns from three, and there are two
        assert not Counting.asked
        told(given, networks[2], None, rows[2, -1])
        first = outlook.chances(keys[3:])
        assert (Counting.fitted, Counting.asked) == ([3], [5])
        assert outlook.chances(keys[3:]) == first
        told(given, networks[3], 5, 0.6)
        told(given, networks[4], 5, 0.6)
        outlook.chances(keys[3:])
        assert Counting.asked == [5, 2]
        told(given, networks[5], None, rows[5, -1])  # another whole training: all is different
        outlook.chances(keys[3:5])
        assert (Counting.fitted[-1], Counting.asked) == (4, [5, 2, 2])


def test_no_such_predictor():
    with pytest.raises(UnknownNameError, match="did you mean 'lcpfn'"):
        Outlook(problem(0, epochs=True), "lcpfm")
