"""What tables tell of trainings that were stopped early."""

from dataclasses import replace

import numpy as np
import pytest
from partly import with_columns, with_curves

import zcbench
from zcbench.search._fidelities import Columns, Curves, fidelities


def test_a_curve_is_the_mean_over_seeds_that_were_run():
    table = with_curves()
    curve = table.curves["valid"].copy()
    curve[3, 0, 4] = np.nan
    curve[4, :, 4] = np.nan
    found = fidelities(replace(table, curves={"valid": curve}), ["valid", "params"])
    assert isinstance(found, Curves)
    assert (found.epochs, found.levels, found.continues) == (9, (), True)
    column = found.column("valid", 5)
    assert column[0] == pytest.approx(curve[0, :, 4].mean())
    assert column[3] == curve[3, 1, 4]
    assert np.isnan(column[4])
    assert np.isnan(found.column("test", 5)).all()
    np.testing.assert_array_equal(found.column("params", 5), table.facts["params"])


def test_columns_of_shorter_trainings():
    table = with_columns()
    found = fidelities(table, ["valid_accuracy_36ep"])
    assert isinstance(found, Columns)
    assert (found.epochs, found.levels, found.continues) == (36, (4, 12, 36), False)
    np.testing.assert_array_equal(found.column("valid_accuracy_36ep", 12), table.truth("valid_accuracy_12ep"))
    assert fidelities(table, ["valid_accuracy_12ep"]).levels == (4, 12)
    assert fidelities(table, ["valid_accuracy_4ep"]) is None


def test_where_nothing_is_told():
    table = with_curves()
    assert fidelities(table, ["test"]) is None
    assert fidelities(table, ["valid", "test"]) is None
    assert fidelities(table, ["params"]) is None
    other = {**table.curves, "test": table.curves["valid"][:, :, :5]}
    assert fidelities(replace(table, curves=other), ["valid", "test"]) is None
    both = with_columns()
    named = {**both.targets, "other_accuracy_36ep": both.targets["valid_accuracy_36ep"]}
    values = {**both.values, "other_accuracy_36ep": both.values["valid_accuracy_36ep"]}
    one = replace(both, targets=named, values=values)
    assert fidelities(one, ["valid_accuracy_36ep", "other_accuracy_36ep"]) is None


def test_our_own_tables():
    assert fidelities(zcbench.get_benchmark("digits-201"), ["valid_nll", "valid_accuracy"]).epochs == 12
    assert fidelities(zcbench.get_benchmark("chars-rnn"), ["valid_nll"]).epochs == 10
    assert fidelities(zcbench.get_benchmark("chars-rnn"), ["test_nll"]) is None
