"""Workers may die; the run goes on."""

import dataclasses
import itertools
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from toys import calls, is_alive, registry_as_it_was, toy

import zcbench
from zcbench import _workers
from zcbench._imports import space_named
from zcbench._workers import in_parallel
from zcbench.batches import get_batch
from zcbench.errors import InvalidInputError, ZcbenchError
from zcbench.records import Store
from zcbench.runs import Track, run_scores
from zcbench.runs._scoring import NetworkScoring

# Three networks of different sizes.
KEYS = [
    *("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",),
    *(f"|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_{k}x{k}~2|" for k in (1, 3)),
]


def job(*imports):
    return NetworkScoring("digits-201", 10, get_batch("digits", 8, 0), 0, imports)


def sizes():
    return [int(dict(job().results(key, ["params"]))["params"].value) for key in KEYS]


def test_a_worker_that_dies_costs_one_score(tmp_path, plugin, monkeypatch):
    assert len(set(sizes())) == 3
    monkeypatch.setenv("T_VICTIM", str(sizes()[1]))
    names = ["random:repeats=2", "t-count", "t-killed", "t-exits", "params"]
    store = Store(tmp_path / "runs")
    benchmark = toy([0.1, 0.2, 0.3], keys=KEYS)
    run_scores(Track(batch_size=8, proxies=names), benchmark, store, workers=1, imports=[plugin])
    found = {(r.architecture, r.proxy): r.score for r in store.records("toy")}
    assert len(found) == 15
    failed = {key: score.detail for key, score in found.items() if score.status != "ok"}
    assert failed == {
        (KEYS[1], "t-killed@1"): "the worker process died with signal 9 (killed, often because memory ran out).",
        (KEYS[1], "t-exits@1"): "the worker process died with exit code 7.",
    }
    assert len(calls(plugin)) == 3  # what the architecture had scored before is not computed again
    assert found[KEYS[1], "params@1"].value == sizes()[1]
    alone = dict(job().results(KEYS[1], ["t-count", "random:repeats=2"]))
    # Its second initialisation was to come when the others killed the worker.
    assert found[KEYS[1], "random:repeats=2@2"].value == alone["random:repeats=2"].value
    assert found[KEYS[1], "t-count@1"].value == alone["t-count"].value


class Ends:
    """Work that gives its results, and then ends its process where something is put away."""

    def prepare(self):
        pass

    def lost(self, status, reason, seconds):
        return status

    def results(self, key, parts, begin=str):
        try:
            for part in parts:
                begin(part)
                if part == "dies":
                    os._exit(7)
                yield part, "done"
        finally:
            os._exit(7)


def test_results_before_an_end_are_not_lost():
    tasks = [("a", ("one", "two", "three")), ("b", ("four", "dies", "five"))]
    found = [*in_parallel(Ends(), tasks, 1)]
    assert found == [
        *(("a", part, "done") for part in ("one", "two", "three")),
        ("b", "four", "done"),
        ("b", "dies", "failed"),
        ("b", "five", "done"),
    ]


SPOILER = """
import os, zcbench
@zcbench.register_proxy("t-spoils", cost="static")
def spoils(probe):
    probe.batch.inputs.zero_()
    for descriptor in range(3, 200):  # also what the parent listens to for the end of this process
        try:
            os.write(descriptor, bytes([0, 0, 0, 5]) + b"hello")
        except OSError:
            pass
    return 1.0
"""


def test_workers_share_no_memory_and_may_write_anywhere(tmp_path):
    path = tmp_path / "spoiler.py"
    path.write_text(SPOILER)
    mine = job(str(path))
    before = mine.batch.inputs.clone()
    with registry_as_it_was():
        found = {part: score for _, part, score in in_parallel(mine, [(KEYS[2], ("t-spoils", "params", "snip"))], 1)}
    assert torch.equal(mine.batch.inputs, before)
    assert not mine.batch.inputs.is_shared()
    assert found["t-spoils"].detail == "the worker process closed its pipe or wrote into it, and was stopped."
    assert found["snip"].value == dict(job().results(KEYS[2], ["snip"]))["snip"].value


def test_a_worker_that_cannot_import_says_so(tmp_path):
    path = tmp_path / "parent_only.py"
    path.write_text(
        "import multiprocessing\nif multiprocessing.parent_process(): raise RuntimeError('not here')\nimport zcbench\n"
    )
    with pytest.raises(ZcbenchError, match=r"could not start: .*parent_only\.py could not be imported: RuntimeError"):
        list(in_parallel(job(str(path)), [(KEYS[0], ("params",))], 1))
    assert multiprocessing.active_children() == []


def test_a_script_without_a_guard_is_told_what_it_lacks(tmp_path):
    script = tmp_path / "script.py"
    call = f"zcbench.run('digits-201', proxies='params', limit=3, workers=1, store={str(tmp_path / 'runs')!r})"
    script.write_text(f"import zcbench\n{call}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert "in a script, call zcbench under  if __name__ == '__main__':" in done.stderr.splitlines()[-1]
    script.write_text(f"import zcbench\nif __name__ == '__main__':\n    print({call})\n")
    assert "on 3 architectures" in subprocess.run([sys.executable, script], capture_output=True, text=True).stdout


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


NETWORKS = """
import os, time
from torch import nn
def build(name):
    while name == "slow" and "T_HANG" in os.environ:
        time.sleep(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, len(name)), nn.Linear(len(name), 10))
"""


def test_what_takes_too_long_is_stopped_and_the_rest_goes_on(tmp_path, plugin, monkeypatch):
    networks = tmp_path / "networks.py"
    networks.write_text(NETWORKS)
    space = space_named(f"{networks}:build")
    names = ["slow", "steady", "fine"]
    benchmark = dataclasses.replace(
        toy([0.1, 0.2, 0.3]), space=space, architectures=tuple(space.parse(name) for name in names)
    )
    proxies = ("random:repeats=2", "t-hangs", "params")
    store, track = Store(tmp_path / "runs"), Track(batch_size=8, proxies=proxies)
    monkeypatch.setenv("T_VICTIM", str(sum(p.numel() for p in space.build(space.parse("steady")).parameters())))
    monkeypatch.setenv("T_HANG", "1")
    seconds = 5.0
    run_scores(track, benchmark, store, workers=0, imports=[plugin], timeout=seconds)
    found = {(r.architecture, r.proxy.partition("@")[0]): r.score for r in store.records("toy")}
    assert len(found) == 9
    late = {key: score.detail for key, score in found.items() if score.status == "timed-out"}
    assert late == {
        **{("slow", label): "the network was not built within 5 s." for label in proxies},
        ("steady", "t-hangs"): "it was not finished within 5 s.",
    }
    assert all(found[key].seconds >= seconds for key in late)
    assert {score.status for key, score in found.items() if key not in late} == {"ok"}
    assert multiprocessing.active_children() == []

    monkeypatch.delenv("T_HANG")
    run_scores(track, benchmark, store, workers=1, imports=[plugin])  # they are kept until asked for
    assert sum(r.score.status == "timed-out" for r in store.records("toy")) == 4
    run_scores(track, benchmark, store, workers=0, imports=[plugin], retry=("failed", "timed-out"))
    again = {(r.architecture, r.proxy.partition("@")[0]): r.score for r in store.records("toy")}
    assert {score.status for score in again.values()} == {"ok"}
    assert {key: again[key].value for key in found.keys() - late} == {k: found[k].value for k in found.keys() - late}


def test_time_that_nobody_watched_is_not_counted(plugin, monkeypatch):
    # A machine that slept for an hour at every look.
    slept = itertools.count(step=3600)
    monkeypatch.setattr(_workers.time, "monotonic", lambda: next(slept))
    parts = ("params", "t-count")
    monkeypatch.setenv("T_SLEEP", "1.5")
    found = {part: score.status for _, part, score in in_parallel(job(plugin), [(KEYS[0], parts)], 1, timeout=60)}
    assert found == dict.fromkeys(parts, "ok")


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, "5", True])
def test_a_timeout_that_is_none(timeout, tmp_path):
    with pytest.raises(InvalidInputError, match=r"timeout .*: choose (more than 0|a finite number)\.$"):
        run_scores(Track(proxies="params"), toy(), Store(tmp_path), timeout=timeout)


FORKED = """
import os, time, zcbench
@zcbench.register_proxy("t-forks", cost="static")
def forks(probe):
    if os.fork() == 0:  # the child has the worker's pipe too
        time.sleep(60)
        os._exit(0)
    os._exit(7)
"""


def test_a_process_that_a_worker_forked_does_not_hide_its_end(tmp_path):
    path = tmp_path / "forked.py"
    path.write_text(FORKED)
    with registry_as_it_was():
        (found,) = in_parallel(job(str(path)), [(KEYS[0], ("t-forks",))], 1)
    assert found[2].detail == "the worker process died with exit code 7."


LONG = """
import os, sys, time, zcbench
@zcbench.register_proxy("t-long", cost="static")
def long(probe):
    place = os.environ["T_PLACE"]
    open(f"{place}/{os.getpid()}", "w").close()
    while len(os.listdir(place)) < 2:
        time.sleep(0.05)
    if sorted(os.listdir(place))[0] == str(os.getpid()):
        sum(range(10**13))  # native code that never lets go of Python
    time.sleep(300)
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    place = tmp_path / "pids"
    place.mkdir()
    tmp_path.joinpath("long.py").write_text(LONG)
    words = ("run", "digits-201", "--limit", "2", "--proxies", "t-long", "--workers", "2", "--import", "long.py")
    parent = subprocess.Popen(
        [sys.executable, "-m", "zcbench", *words],
        cwd=tmp_path,
        env=os.environ | {"T_PLACE": str(place)},
        stderr=subprocess.DEVNULL,
    )
    try:
        while len(list(place.iterdir())) < 2:
            assert parent.poll() is None
            time.sleep(0.05)
        workers = [int(path.name) for path in place.iterdir()]
        time.sleep(0.3)
        assert all(map(is_alive, workers))
    finally:
        parent.kill()
        parent.wait()
    for _ in range(200):
        if not any(map(is_alive, workers)):
            return
        time.sleep(0.05)
    for worker in filter(is_alive, workers):
        os.kill(worker, signal.SIGKILL)
    raise AssertionError("workers outlived their parent")


def test_no_tasks_no_workers():
    assert list(in_parallel(job(), [], 2)) == []
    assert multiprocessing.active_children() == []
