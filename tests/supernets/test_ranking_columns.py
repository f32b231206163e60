"""Columns of scores: turned so that more is better, failures counted, costs added up."""

import math

import numpy as np
import pytest

from zcbench.supernets._ranking_columns import Columns, same_scores

KEYS = ["a", "b", "c", "d"]
VALUES = np.array([[1.0, 1.2], [2.0, 2.2], [3.0, 2.8], [4.0, 4.4]])
OK = {"status": "ok"}


def losses(scale=1.0):
    return {key: {**OK, "loss": scale * n, "accuracy": n / 10, "seconds": 0.1 * n} for n, key in enumerate(KEYS, 1)}


def test_losses_are_turned_and_accuracies_are_not():
    columns = Columns(KEYS, VALUES)
    loss = columns.inherited("sandwich", "loss", [losses(), losses(2)], [10.0, 20.0])
    assert [view.scores.tolist() for view in loss.views] == [[-1, -2, -3, -4], [-2, -4, -6, -8]]
    assert [view.seed for view in loss.views] == [0, 1] and loss.views[0].truth.tolist() == [1.1, 2.1, 2.9, 4.2]
    assert (loss.each, loss.fixed, loss.all_in) == (pytest.approx(0.25), 15.0, pytest.approx(16.0))
    accuracy = columns.inherited("sandwich", "accuracy", [losses()], [10.0])
    assert accuracy.views[0].scores.tolist() == [0.1, 0.2, 0.3, 0.4] and accuracy.name == "sandwich accuracy"


def test_what_has_no_score_is_left_out_and_counted():
    lines = losses()
    lines["b"] = {"status": "failed", "detail": "no memory", "seconds": 0.2}
    del lines["c"]  # not measured at all
    column = Columns(KEYS, VALUES).inherited("x", "loss", [lines], [1.0])
    assert column.views[0].rows.tolist() == [0, 3] and column.statuses == {"ok": 2, "failed": 1}
    assert column.detail == "no memory"
    none = Columns(KEYS, VALUES).proxy(
        "naswot", "naswot", "", [{key: {"naswot": {"status": "unsupported", "seconds": 0.1}} for key in KEYS}], []
    )
    assert none.views == [] and none.statuses == {"unsupported": 4} and none.fixed == 0


def test_proxies_have_their_own_direction():
    lines = [{key: {"ntk_cond": {**OK, "value": float(n), "seconds": 0.1}} for n, key in enumerate(KEYS)}]
    columns = Columns(KEYS, VALUES)
    column = columns.proxy("ntk_cond", "inherited(ntk_cond)", "sandwich", lines, [5.0])
    assert column.views[0].scores.tolist() == [0, -1, -2, -3] and column.all_in == pytest.approx(5.4)
    again = columns.proxy("ntk_cond", "ntk_cond", "", lines, [])
    assert same_scores(column, again) and again.kind == "proxy" != column.kind
    lines[0]["a"]["ntk_cond"]["value"] = 9.0
    assert not same_scores(column, columns.proxy("ntk_cond", "ntk_cond", "", lines, []))


def test_ranks_are_averaged_with_those_of_parameters():
    columns = Columns(KEYS, VALUES)
    sizes = {"a": 40.0, "b": 30.0, "c": 20.0, "d": 10.0}
    params = columns.proxy(
        "params", "params", "", [{key: {"params": {**OK, "value": n, "seconds": 0.1}} for key, n in sizes.items()}], []
    )
    lines = losses()  # best first
    lines["b"] = {"status": "failed", "detail": "no memory", "seconds": 0.2}
    lines["d"]["loss"] = 0.5  # the best of all
    loss = columns.inherited("x", "loss", [lines], [1.0])
    found = columns.with_params(loss, params)
    assert found.views[0].rows.tolist() == [0, 2, 3] and found.views[0].scores.tolist() == [2.5, 1.5, 2.0]
    assert found.name == "x loss and params" and found.each == pytest.approx(loss.each + 0.1) and found.fixed == 1.0
    assert found.statuses == {"ok": 3, "failed": 1}


def test_predictors_cost_what_they_learn_from():
    fits = {
        "gp|loss|2|0": {**OK, "predicted": {"d": 1.0, "c": 0.5}, "fit_seconds": 1.0, "predict_seconds": 0.2},
        "gp|loss|2|1": {"status": "failed", "detail": "singular", "fit_seconds": 1.0, "predict_seconds": 0.0},
        "gp|loss|3|0": {**OK, "predicted": {"d": 1.0}, "fit_seconds": 7.0, "predict_seconds": 0.2},
    }
    column = Columns(KEYS, VALUES).predictor("gp", "loss", 2, "sandwich", [fits], [losses()], [10.0])
    (view,) = column.views
    assert view.rows.tolist() == [2, 3] and view.scores.tolist() == [0.5, 1.0] and view.truth.tolist() == [2.9, 4.2]
    assert column.statuses == {"ok": 1, "failed": 1} and column.name == "gp of 2 losses"
    assert column.fixed == pytest.approx(10 + 2 * 0.25 + 1) and column.all_in == pytest.approx(column.fixed + 2 * 0.1)


def test_a_training_is_judged_by_the_others():
    column = Columns(KEYS, VALUES).trainings(2.0)
    assert [view.scores.tolist() for view in column.views] == VALUES.T.tolist()
    assert [view.truth.tolist() for view in column.views] == VALUES.T[::-1].tolist() and column.all_in == 8
    assert math.isnan(Columns(KEYS, VALUES).trainings(math.nan).all_in)
