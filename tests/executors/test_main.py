"""The program that computes a chunk, and what it answers."""

import io
import json
import sys
from types import SimpleNamespace

import pytest

import zcbench
from zcbench import devices
from zcbench.errors import InvalidInputError
from zcbench.executors import __main__ as program


def compute(order, keys):
    """What the order names."""
    if order["does"] == "ours":
        raise InvalidInputError("there is no such folder.")
    if order["does"] == "defect":
        raise ZeroDivisionError("by zero")
    if order["does"] == "place":
        return [devices.chosen()]
    return [order["does"], *keys]


@pytest.fixture
def answer(monkeypatch):
    """What the program answers to an order. It runs here; only its streams are others."""

    def ask(does, **changes):
        order = {"version": zcbench.__version__, "compute": f"{__name__}:compute", "does": does, **changes}
        request = {"order": order, "keys": ["a", "b"], "parent": None}
        written = []
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
        monkeypatch.setattr(program, "die_with", lambda parent: None)
        streams = SimpleNamespace(dup=lambda n: n, dup2=lambda a, b: None, write=lambda n, t: written.append(t))
        monkeypatch.setattr(program, "os", streams)
        assert program.main() == 0
        (line,) = written
        return json.loads(line)

    return ask


def test_what_was_computed_is_said(answer):
    told = answer("it")
    assert (told["trouble"], told["fit"], told["said"]) == ("", True, ["it", "a", "b"])
    assert told["seconds"] > 0


def test_what_another_machine_may_do(answer):
    told = answer("it", version="0.0.0")
    assert not told["fit"] and told["trouble"].startswith("it has zcbench ")
    assert answer("ours") | {"seconds": 0} == {
        **{"trouble": "there is no such folder.", "fit": False, "seconds": 0, "said": None},
    }


def test_a_defect_is_said_and_the_worker_stays(answer, capsys):
    told = answer("defect")
    assert told["trouble"].startswith("ZeroDivisionError")
    assert told["fit"]
    assert "Traceback" in capsys.readouterr().err


def test_torch_s_work_is_done_where_the_order_says(answer, monkeypatch):
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    assert answer("place", device="cuda:1")["said"] == ["cuda:1"]
    assert answer("place")["said"] == ["cpu"]
