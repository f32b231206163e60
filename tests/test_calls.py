import importlib.util
import json
import os
import random
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from zcbench._calls import Call, _SeedsTorch
from zcbench.types import Architecture

ONE, OTHER = Architecture("s", "one"), Architecture("s", "other")


def given(value, names=("value",)):
    return Call(lambda architecture: value, names, 0)(ONE, None)


# -- what is given -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [1, 1.0, np.float32(1), np.int64(1), np.array(1.0), np.array([1.0]), torch.tensor(1.0),
     torch.tensor([1.0], requires_grad=True), Fraction(1), {"value": 1}, {"value": torch.tensor(1.0)}],
)  # fmt: skip
def test_numbers(value):
    found = given(value)
    assert (found.status, found.detail, found.values) == ("ok", "", {"value": 1.0})
    assert type(found.values["value"]) is float
    assert found.seconds["training"] > 0


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no repr")


class Odd:
    ndim, shape = 0, ()

    def item(self):
        raise SystemExit("gone")


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("0.9", "evaluate returned '0.9' for 'value': return a real number."),
        (None, "evaluate returned None for 'value': return a real number."),
        (True, "evaluate returned True for 'value': return a real number."),
        (np.bool_(True), "for 'value': return a real number."),
        (1j, "return a real number"),
        (Decimal(1), "return a real number"),
        ([1.0], "return a real number"),
        (np.array([1.0, 2.0]), "return a real number"),
        (np.array([]), "return a real number"),
        (torch.zeros(2, 2), "return a real number"),
        (Unshowable(), "evaluate returned a Unshowable for 'value'"),
        (Odd(), "SystemExit: gone"),
        (10**400, "OverflowError"),
        ({}, "evaluate returned no 'value': it returned no numbers."),
        ({"accuracy": 1, "loss": 2}, "evaluate returned no 'value': it returned accuracy, loss."),
        ({"value": "high"}, "evaluate returned 'high' for 'value'"),
    ],
)
def test_what_is_no_number(value, detail):
    found = given(value)
    assert found.status == "failed" and detail in found.detail
    assert np.isnan(found.values["value"])
    json.dumps([found.detail, found.status])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.array(-np.inf), torch.tensor(torch.nan)])
def test_what_is_not_finite_is_no_number_either(value):
    found = given(value)
    assert found.status == "non-finite" and found.detail.startswith("value is ")


def test_several_objectives_come_by_name():
    assert "a number for each objective, by name" in given(1.0, ("value", "size")).detail
    assert given({"value": 1, "size": 2.5}, ("value", "size")).values == {"value": 1.0, "size": 2.5}
    found = given({"value": 1, "size": 2, 3: 4, "curve": [1, 2], "note": "x"}, ("value", "size"))
    assert found.values == {"value": 1.0, "size": 2.0, "3": 4.0}
    assert (found.status, found.detail) == ("ok", "ignored, because they are not numbers: curve, note.")


@pytest.mark.parametrize("error", [ValueError("no\nsuch file"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_whatever_is_raised_costs_that_evaluation(error):
    def evaluate(architecture):
        raise error

    found = Call(evaluate, ("value",), 0)(ONE, None)
    assert found.status == "failed" and found.detail.startswith(type(error).__name__)
    assert "\n" not in found.detail


def test_what_a_call_leaves_behind_is_put_back(tmp_path):
    def evaluate(architecture):
        sys.stdout = None
        os.chdir(tmp_path)
        sys.setrecursionlimit(60)
        return 1

    before = Path.cwd(), sys.getrecursionlimit(), sys.stdout
    assert Call(evaluate, ("value",), 0)(ONE, None).status == "ok"
    assert (Path.cwd(), sys.getrecursionlimit(), sys.stdout) == before


# -- random numbers ------------------------------------------------------------------------------------


def drawn(architecture):
    return {"value": random.random(), "numpy": np.random.random(), "torch": torch.rand(()).item()}


def test_random_numbers_follow_from_seed_architecture_and_epochs():
    first, again, other = (Call(drawn, ["value"], seed) for seed in (0, 0, 1))
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    found = [call(ONE, None).values for call in (first, first, again, other)]
    assert found[0] == found[1] == found[2]
    assert all(found[0][name] != found[3][name] for name in found[0])
    assert all(found[0][name] != value for name, value in first(ONE, 3).values.items())
    elsewhere = first(OTHER, None).values
    assert all(found[0][name] != elsewhere[name] for name in found[0])
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def test_torch_that_is_loaded_within_a_call_is_seeded_as_in_later_ones(tmp_path):
    (tmp_path / "fake_torch.py").write_text("seeds = []\n\ndef manual_seed(seed):\n    seeds.append(seed)\n")
    spec = importlib.util.spec_from_file_location("torch", tmp_path / "fake_torch.py")
    finder = _SeedsTorch(17)
    sys.meta_path.insert(0, finder)
    try:
        assert finder.find_spec("numpy") is None and finder in sys.meta_path
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(importlib.util, "find_spec", lambda name: spec)
            found = finder.find_spec("torch")
        assert finder not in sys.meta_path
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        assert module.seeds == [17]
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)


def test_what_was_given_is_kept_where_an_objective_is_missing():
    found = given({"accuracy": 1, "loss": 2.5, "note": "x"})
    assert found.status == "failed"
    assert np.isnan(found.values["value"])
    assert (found.values["accuracy"], found.values["loss"]) == (1.0, 2.5)
