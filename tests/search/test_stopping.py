"""Stopping by curves, against a slow rule that looks at everything that was evaluated before."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
from partly import with_columns, with_curves
from toys import registry_as_it_was

import zcbench
from zcbench import curves
from zcbench.errors import InvalidInputError, UnknownNameError

TABLE = with_curves(rows=60)
CURVES = TABLE.curves["valid"].mean(1)


def goes_on(rule, share, first, looks, curve, others, whole):
    """Whether a training goes on, from the curves that were seen."""
    k = len(looks)
    if rule == "median":
        means = [CURVES[row][looks].mean() for row in whole]
        return len(means) < first or CURVES[curve][looks].max() >= np.median(means)
    number = (lambda row: CURVES[row][looks[-1]]) if rule == "last" else (lambda row: CURVES[row][looks].sum())
    several = [number(row) for row, seen in others.items() if seen >= k]
    better = sum(other > number(curve) + 1e-12 for other in several)
    return len(several) <= first or better < max(1, round(share * len(several)))


@pytest.mark.parametrize(
    ("rule", "share", "every", "first"),
    [("median", 0.5, 1, 5), ("median", 0.5, 2, 3), ("last", 0.5, 1, 5), ("last", 0.25, 3, 2), ("sum", 0.5, 1, 4)],
)
def test_the_same_as_slowly(rule, share, every, first):
    given = f"stopping:rule={rule}:share={share}:every={every}:first={first}"
    found = zcbench.search(TABLE, searcher=given, objectives="valid", budget=20)
    rows = TABLE.rows(found.architectures).tolist()
    looks, whole, stopped = {}, [], 0
    for place, (row, epochs) in enumerate(zip(rows, found.epochs, strict=True)):
        if np.isnan(epochs):
            whole.append(row)
            continue
        looks[row] = looks.get(row, 0) + 1
        assert epochs == looks[row] * every
        if place + 1 == len(rows):
            break
        seen = list(range(every - 1, int(epochs), every))
        expected = goes_on(rule, share, first, seen, row, looks, whole)
        assert (rows[place + 1] == row) == expected, place
        stopped += not expected
    assert stopped > 5
    assert len(whole) >= first


def test_no_such_rule():
    with pytest.raises(InvalidInputError, match="choose one of median, last, sum, curve"):
        zcbench.search(TABLE, searcher="stopping:rule=mean", objectives="valid", budget=2)


def test_looks_are_where_the_table_tells():
    table = with_columns()
    found = zcbench.search(table, searcher="stopping", objectives="valid_accuracy_36ep", budget=8)
    assert set(np.nan_to_num(found.epochs, nan=36).tolist()) == {4.0, 12.0, 36.0}


def slowly(values, ends, predictor, threshold, *, up, bounds):
    """Whether a training goes on by its forecast, from the public function."""
    found = curves.extrapolate(
        values, TABLE.curves["valid"].shape[2], predictor=predictor, lower_is_better=not up, bounds=bounds
    )
    best = max(ends) if up else min(ends)
    beats = found.probability_above(best) if up else found.probability_below(best)
    return beats[-1] >= threshold


@pytest.mark.parametrize(
    ("up", "factor", "offset", "bounds"),
    [
        (True, 1.0, 0.0, None),
        (True, 100.0, 0.0, (0, 100)),
        (False, -3.0, 3.5, None),
        (True, 2.0, -5.0, "seen"),
        (False, -3.0, 0.0, "seen"),
    ],
    ids=["share", "percent", "loss", "reward", "below zero"],
)
def test_forecasts_stop_as_slowly(up, factor, offset, bounds):
    low, high = CURVES.min(), CURVES.max()
    scaled = offset + factor * (CURVES - low) / (high - low)
    table = dataclasses.replace(
        TABLE,
        targets={"valid": dataclasses.replace(TABLE.targets["valid"], higher_is_better=up)},
        values={"valid": scaled[:, -1:]},
        curves={"valid": scaled[:, None]},
        default_target="valid",
    )
    given = "stopping:rule=curve:first=2:after=2:predictor=last_value:threshold=0.2"
    found = zcbench.search(table, searcher=given, objectives="valid", budget=15)
    rows, whole, stopped = table.rows(found.architectures).tolist(), [], 0
    known = []
    for place, (row, epochs) in enumerate(zip(rows, found.epochs, strict=True)):
        if np.isnan(epochs):
            whole.append(scaled[row, -1])
            known.append(scaled[row, -1])
            continue
        known.append(scaled[row, int(epochs) - 1])
        if place + 1 == len(rows):
            break
        expected = True
        if len(whole) >= 2 and epochs >= 2:
            room = np.ptp(known) / 2
            limits = (min(known) - room, max(known) + room) if bounds == "seen" else bounds
            expected = slowly(scaled[row, : int(epochs)], whole, "last_value", 0.2, up=up, bounds=limits)
        assert (rows[place + 1] == row) == expected, place
        stopped += not expected
    assert stopped > 3


class Learner(curves.CurvePredictor):
    """The last value with a fixed spread; remembers how many whole trainings it was fitted to."""

    learns = True
    fitted: ClassVar[list[int]] = []

    def fit(self, given):
        self.fitted.append(len(given))
        return self

    def predict(self, contexts, asked):
        last = np.array([one.values[-1] for one in contexts])[:, None]
        return curves.Normals.single(np.broadcast_to(last, asked.shape), np.full(asked.shape, 0.05))


def test_predictors_that_learn_see_whole_trainings():
    with registry_as_it_was():
        curves.register_curve_predictor("a_learner")(Learner)
        zcbench.search(TABLE, searcher="stopping:rule=curve:predictor=a_learner:first=3", objectives="valid", budget=10)
    assert Learner.fitted[0] == 3
    assert sorted(Learner.fitted) == Learner.fitted


def test_a_killed_search_with_forecasts_goes_on_exactly(tmp_path):
    given = {"searcher": "stopping:rule=curve:first=2", "objectives": "valid", "seed": 3}
    whole = zcbench.search(TABLE, budget=12, **given)
    part = zcbench.search(TABLE, budget=5, ledger=tmp_path / "l.jsonl", **given)
    again = zcbench.search(TABLE, budget=12, ledger=tmp_path / "l.jsonl", **given)
    assert len(part.architectures) < len(again.architectures)
    assert again.architectures == whole.architectures
    np.testing.assert_array_equal(again.epochs, whole.epochs)
    assert again.spent["training"] == pytest.approx(whole.spent["training"])


def test_no_such_curve_predictor():
    with pytest.raises(UnknownNameError, match="did you mean 'lcpfn'"):
        zcbench.search(TABLE, searcher="stopping:rule=curve:predictor=lcpfm", objectives="valid", budget=2)


def test_a_curve_predictor_is_asked_for_by_its_rule_alone():
    zcbench.search(TABLE, searcher="stopping:rule=last:predictor=lcpfm", objectives="valid", budget=2)


@pytest.mark.parametrize(("rule", "first"), [("curve", 1), ("last", 5), ("sum", 5), ("median", 5)])
def test_how_many_curves_it_waits_for(rule, first):
    given = f"stopping:rule={rule}:predictor=last_value:threshold=0.3"
    runs = [
        zcbench.search(TABLE, searcher=one, objectives="valid", budget=12)
        for one in (given, f"{given}:first={first}", f"{given}:first={6 - first}")
    ]
    assert runs[0].architectures == runs[1].architectures != runs[2].architectures


def test_answers_of_a_batch_are_forecast_together():
    given = {"searcher": "stopping:rule=curve:predictor=last_value:threshold=0.4", "objectives": "valid"}
    found = zcbench.search(TABLE, budget=15, batch=4, **given)
    trained = {}
    for one, epochs in zip(found.architectures, np.nan_to_num(found.epochs, nan=9), strict=True):
        assert epochs == trained.get(one, 0) + 1
        trained[one] = epochs
    assert sum(epochs < 9 for epochs in trained.values()) > 5
