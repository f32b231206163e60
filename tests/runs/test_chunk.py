"""What a worker of an engine computes of a run, and what it leaves in the store."""

import hashlib
from pathlib import Path

import pytest
from toys import toy

from zcbench.errors import ZcbenchError
from zcbench.records import Store
from zcbench.runs import Track, _chunk
from zcbench.runs._carry import _plan_file
from zcbench.runs.score_networks import ScorePlan


@pytest.fixture
def order(tmp_path):
    """An order to score four networks, whose plan is in the store."""
    track = Track(benchmarks=("toy",), proxies=("params",), batch_size=4)
    plan = ScorePlan(track, toy())
    store = tmp_path / "runs"
    with _plan_file(plan, store, plan.keys) as (path, digest):
        yield {
            **{"store": str(store), "plan": str(path), "digest": digest, "keys": plan.keys},
            **{"imports": [], "workers": 0, "timeout": None, "retry": []},
        }


def compute(order):
    _chunk.compute(order, order["keys"])


def stored(order):
    return len(Store(order["store"]).records("toy"))


def files(order):
    return list(Path(order["store"], "toy").glob("*.jsonl"))


def test_a_chunk_is_one_file(order, monkeypatch):
    monkeypatch.setattr(_chunk, "_FIRST", 1)  # several looks at the store
    compute(order)
    assert stored(order) == 4
    assert len(files(order)) == 1
    compute(order)  # all is known: no file is made
    assert len(files(order)) == 1


def test_what_another_machine_may_do(order, tmp_path):
    changed = tmp_path / "changed"
    changed.write_bytes(b"something else")
    for changes, said in (
        ({"plan": str(tmp_path / "gone")}, "cannot read the store"),
        ({"plan": str(changed)}, "is not the file that the run wrote"),
        ({"plan": str(changed), "digest": hashlib.sha256(b"something else").hexdigest()}, "cannot read the plan"),
        ({"imports": [str(tmp_path / "gone.py")]}, "gone.py is not a file"),
    ):
        with pytest.raises(ZcbenchError, match=said):
            compute(order | changes)
    assert stored(order) == 0


def test_a_plan_that_somebody_exchanged_is_not_unpickled(order):
    """It would run code."""
    marker = Path(order["store"], "ran")
    evil = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    Path(order["plan"]).write_bytes(evil)
    with pytest.raises(ZcbenchError, match="is not the file that the run wrote"):
        compute(order)
    assert not marker.exists()
