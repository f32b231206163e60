"""The program that computes a chunk: what it answers, and what it leaves in the store."""

import hashlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from toys import toy

import zcbench
from zcbench.records import Store
from zcbench.runs import Track
from zcbench.runs.executors import __main__ as program
from zcbench.runs.executors._carry import _plan_file
from zcbench.runs.score_networks import ScorePlan


@pytest.fixture
def order(tmp_path):
    """An order to score four networks, whose plan is in the store."""
    track = Track(benchmarks=("toy",), proxies=("params",), batch_size=4)
    plan = ScorePlan(track, toy())
    store = tmp_path / "runs"
    with _plan_file(plan, store, plan.keys) as (path, digest):
        yield {
            **{"version": zcbench.__version__, "store": str(store), "plan": str(path), "digest": digest},
            **{"imports": [], "workers": 0, "timeout": None, "retry": [], "keys": plan.keys},
        }


@pytest.fixture
def answer(order, monkeypatch):
    """What the program answers to an order with changes. It runs here; only its streams are others."""

    def ask(**changes):
        request = {"order": order | changes, "keys": (order | changes)["keys"], "parent": None}
        written = []
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
        monkeypatch.setattr(program, "die_with", lambda parent: None)
        streams = SimpleNamespace(dup=lambda n: n, dup2=lambda a, b: None, write=lambda n, t: written.append(t))
        monkeypatch.setattr(program, "os", streams)
        assert program.main() == 0
        (line,) = written
        return json.loads(line)

    return ask


def stored(order):
    return len(Store(order["store"]).records("toy"))


def files(order):
    return list(Path(order["store"], "toy").glob("*.jsonl"))


def test_a_chunk_is_one_file(order, answer, monkeypatch):
    monkeypatch.setattr(program, "_FIRST", 1)  # several looks at the store
    told = answer()
    assert (told["trouble"], told["fit"]) == ("", True)
    assert told["seconds"] > 0
    assert stored(order) == 4
    assert len(files(order)) == 1
    answer()  # all is known: no file is made
    assert len(files(order)) == 1


def test_what_another_machine_may_do(order, answer, tmp_path):
    changed = tmp_path / "changed"
    changed.write_bytes(b"something else")
    for changes, said in (
        ({"version": "0.0.0"}, "it has zcbench"),
        ({"plan": str(tmp_path / "gone")}, "does not see the store"),
        ({"plan": str(changed)}, "is not what the run wrote"),
        ({"plan": str(changed), "digest": hashlib.sha256(b"something else").hexdigest()}, "cannot read the plan"),
        ({"imports": [str(tmp_path / "gone.py")]}, "gone.py is not a file"),
    ):
        told = answer(**changes)
        assert said in told["trouble"]
        assert not told["fit"]
    assert stored(order) == 0


def test_a_plan_that_somebody_exchanged_is_not_unpickled(order, answer):
    """It would run code."""
    marker = Path(order["store"], "ran")
    evil = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    Path(order["plan"]).write_bytes(evil)
    assert "is not what the run wrote" in answer()["trouble"]
    assert not marker.exists()


def test_a_defect_is_said_and_the_worker_stays(answer, monkeypatch, capsys):
    monkeypatch.setattr(program, "Store", lambda folder: 1 / 0)
    told = answer()
    assert told["trouble"].startswith("ZeroDivisionError")
    assert told["fit"]
    assert "Traceback" in capsys.readouterr().err
