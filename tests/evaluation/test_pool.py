"""Workers may die; the run goes on."""

import multiprocessing
import time

import pytest
from toys import calls, toy

import zcbench
from zcbench._store import Store
from zcbench.datasets import load_batch
from zcbench.errors import ZcbenchError
from zcbench.evaluation import Track, run
from zcbench.evaluation._pool import in_parallel
from zcbench.evaluation._work import Job
from zcbench.proxies import resolve

# Three networks of different sizes.
KEYS = [
    *("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",),
    *(f"|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_{k}x{k}~2|" for k in (1, 3)),
]


def job(*imports):
    return Job("digits-201", 10, load_batch("digits", 8, 0), 0, imports)


def sizes():
    return [int(dict(job().results(key, ["params"]))["params"].value) for key in KEYS]


def test_a_worker_that_dies_costs_one_score(tmp_path, plugin, monkeypatch):
    assert len(set(sizes())) == 3
    monkeypatch.setenv("T_VICTIM", str(sizes()[1]))
    names = ["t-count", "t-killed", "t-exits", "params"]
    store = Store(tmp_path / "runs")
    benchmark = toy([0.1, 0.2, 0.3], keys=KEYS)
    run(Track("toy", batch_size=8), benchmark, resolve(names), store, workers=1, imports=[plugin])
    found = {(r.architecture, r.proxy): r.score for r in store.records("toy")}
    assert len(found) == 12
    failed = {key: score.detail for key, score in found.items() if score.status != "ok"}
    assert failed == {
        (KEYS[1], "t-killed@1"): "the worker process died with signal 9 (killed, often for want of memory).",
        (KEYS[1], "t-exits@1"): "the worker process died with exit code 7.",
    }
    assert len(calls(plugin)) == 3  # what the architecture had scored before is not computed again
    assert found[KEYS[1], "params@1"].value == sizes()[1]
    alone = dict(job().results(KEYS[1], ["t-count"]))
    assert found[KEYS[1], "t-count@1"].value == alone["t-count"].value


def test_a_worker_that_cannot_import_says_so(tmp_path):
    path = tmp_path / "parent_only.py"
    path.write_text(
        "import multiprocessing\nif multiprocessing.parent_process(): raise RuntimeError('not here')\nimport zcbench\n"
    )
    with pytest.raises(ZcbenchError, match=r"could not start: .*parent_only\.py could not be imported: RuntimeError"):
        list(in_parallel(job(str(path)), [(KEYS[0], ("params",))], 1))
    assert multiprocessing.active_children() == []


def test_a_proxy_that_only_this_process_knows(plugin):
    zcbench.register_proxy("t-local")(lambda probe: 1.0)
    with pytest.raises(ZcbenchError, match=r"unknown proxy 't-local'.* A worker process knows what installed packages"):
        list(in_parallel(job(plugin), [(KEYS[0], ("t-local",))], 1))


def test_workers_end_with_the_one_who_asked(plugin, monkeypatch):
    monkeypatch.setenv("T_SLEEP", "30")
    results = in_parallel(job(plugin), [(KEYS[0], ("params", "t-count"))], 4)
    assert next(results)[1] == "params"
    assert len(multiprocessing.active_children()) == 1  # no more workers than tasks
    started = time.monotonic()
    results.close()
    assert multiprocessing.active_children() == []
    assert time.monotonic() - started < 10


def test_no_tasks_no_workers():
    assert list(in_parallel(job(), [], 2)) == []
    assert multiprocessing.active_children() == []
