import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from clusters import threads
from searches import FIRST, searched, timeless

import zcbench
from zcbench.errors import InvalidInputError, MissingDependencyError, UnknownNameError, ZcbenchError
from zcbench.executors import Answer
from zcbench.search import FunctionEvaluator, Objective, Proposal

GOAL = (Objective("value"),)
ONE = FIRST[0]
KEYS = [one.key for one in FIRST]


def drawing():
    """A function that travels by value, so that a process that calls it need not import this module."""

    def drawn(architecture):
        return {"value": random.random(), "numpy": np.random.random()}

    return drawn


drawn = drawing()


def test_what_cannot_be_called_so():
    with pytest.raises(InvalidInputError, match="evaluate is 3: give a benchmark or a function"):
        FunctionEvaluator(3, GOAL)
    with pytest.raises(InvalidInputError, match="has no argument epochs"):
        FunctionEvaluator(lambda architecture: 1, GOAL, 10)
    with pytest.raises(InvalidInputError, match="has no argument epochs"):
        FunctionEvaluator(len, GOAL, 10)
    for workers in (-1, 1.5, "4"):
        with pytest.raises(InvalidInputError, match="workers"):
            FunctionEvaluator(drawn, GOAL, workers=workers)
    for timeout in (0, -1, "soon"):
        with pytest.raises(InvalidInputError, match="timeout"):
            FunctionEvaluator(drawn, GOAL, timeout=timeout)


def test_epochs_are_passed_where_fewer_are_wanted():
    evaluator = FunctionEvaluator(lambda architecture, epochs=9: epochs, GOAL, 9)
    assert [evaluator.evaluate(ONE, epochs).values["value"] for epochs in (None, 3)] == [9, 3]


# -- code ----------------------------------------------------------------------------------------------


def test_the_code_says_whether_evaluations_can_be_compared():
    def twice(factor):
        return lambda architecture: factor

    codes = [FunctionEvaluator(twice(factor), GOAL).code for factor in (1, 2, 1)]
    assert codes[0] == codes[2] != codes[1]
    odd = twice(lambda: threading.Lock())
    odd.version = 3
    assert FunctionEvaluator(odd, GOAL).code == "version 3"


# -- processes -----------------------------------------------------------------------------------------


def troubles(keys):
    """As above."""

    def evaluate(architecture):
        number = keys.index(architecture.key)
        if number == 1:
            raise ValueError("bad cell")
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 3:
            time.sleep(600)
        if number == 5:
            os._exit(3)
        return "high" if number == 4 else {"value": number, "process": os.getpid()}

    return evaluate


def test_a_crew_lasts_over_batches_whatever_happens_in_it():
    evaluator = FunctionEvaluator(troubles(KEYS), GOAL, workers=2, timeout=3)
    try:
        found = dict(evaluator.each([Proposal(one) for one in FIRST[:8]]))
        assert [found[number].status for number in range(8)] == [
            *("ok", "failed", "failed", "timed-out", "failed", "failed", "ok", "ok"),
        ]
        assert found[1].detail == "ValueError: bad cell"
        assert found[2].detail == "the worker process died with signal 9 (killed, often because memory ran out)."
        assert found[3].detail == "it was not finished within 3 s." and found[3].seconds["training"] >= 3
        assert found[5].detail == "the worker process died with exit code 3."
        assert [found[number].values["value"] for number in (0, 6, 7)] == [0, 6, 7]
        processes = {worker.process.pid for worker in evaluator._crew.idle}
        again = dict(evaluator.each([Proposal(one) for one in FIRST[8:12]]))
        assert processes & {found.values["process"] for found in again.values()}  # who waited goes on
        for worker in evaluator._crew.idle:
            worker.process.kill()
            worker.process.join()
        assert [one.status for _, one in evaluator.each([Proposal(one) for one in FIRST[8:10]])] == ["ok"] * 2
    finally:
        evaluator.close()
    assert evaluator._crew.idle == []


def test_a_training_may_have_processes_of_its_own():
    def evaluate(architecture):
        import multiprocessing

        process = multiprocessing.get_context("fork").Process(target=os._exit, args=(7,))
        process.start()
        process.join()
        return process.exitcode

    evaluator = FunctionEvaluator(evaluate, GOAL, workers=1)
    try:
        assert evaluator.evaluate(ONE).values["value"] == 7
    finally:
        evaluator.close()


def test_where_there_is_no_script_functions_travel_by_value():
    code = (
        "import zcbench\n\ndef evaluate(architecture):\n    return 1\n\n"
        "found = zcbench.search(zcbench.get_space('digits-201'), evaluate, searcher='random', budget=2, workers=1)\n"
        "print(found.best.values)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "{'value': 1.0}\n", done.stderr


def test_where_nobody_waits_for_the_rest_it_is_ended():
    evaluator = FunctionEvaluator(troubles(KEYS), GOAL, workers=2)
    try:
        each = evaluator.each([Proposal(FIRST[place]) for place in (0, 3, 3)])
        assert next(each)[0] == 0
        each.close()
        assert evaluator._crew.alive == []
        assert dict(evaluator.each([Proposal(FIRST[7])]))[0].values["value"] == 7  # and not what was left over
    finally:
        evaluator.close()


def test_a_search_with_processes_writes_the_ledger_of_one_without(tmp_path):
    names = {}
    for workers in (0, 2):
        result = searched(tmp_path / str(workers), 14, drawn, workers=workers, objectives=["value", "numpy"],
                          searcher="random", batch=5)  # fmt: skip
        names[workers] = result.architectures
    assert timeless(tmp_path / "0") == timeless(tmp_path / "2")
    assert names[0] == names[2]
    result = searched(tmp_path / "0", 20, drawn, workers=2, objectives=["value", "numpy"], searcher="random", batch=5)
    assert len(result) == 20  # what is begun without goes on with


def test_a_search_on_engines_writes_the_ledger_of_one_without(tmp_path):
    settings = {"objectives": ["value", "numpy"], "searcher": "random", "batch": 4}
    searched(tmp_path / "here", 7, drawn, **settings)
    pytest.importorskip("submitit")
    (tmp_path / "jobs").mkdir()
    ledger = tmp_path / "jobs" / "ledger"
    searched(ledger, 3, drawn, executor="submitit:cluster=local:jobs=2", **settings)
    assert not list(ledger.parent.glob(".submitit*"))
    pytest.importorskip("distributed")
    with threads() as address:
        result = searched(ledger, 7, drawn, executor=address, workers=1, **settings)  # goes on elsewhere
    assert len(result) == 7
    there, here = (
        [row for row in timeless(path) if row["kind"] not in ("budget", "ended")]
        for path in (ledger, tmp_path / "here")
    )
    assert there == here


class Engine:
    """An engine whose machines are lost."""

    def carry_out(self, order, keys, say):
        for key in reversed(keys):
            yield Answer((key,), "h: it was lost.")


def test_executors_are_checked_before_anything_is_done(tmp_path):
    for executor, said in (
        ("dask://host", "dask://HOST:PORT"),
        ("submitit:partition", "partition"),
        ("submitit:hours=x", "hours"),
        ("mars", "executor"),
        (3, "give its name, or an object with a method carry_out"),
    ):
        with pytest.raises((InvalidInputError, UnknownNameError), match=said):
            searched(tmp_path / "ledger", 2, drawn, executor=executor)
    lock = threading.Lock()
    with pytest.raises(InvalidInputError, match=r"sent to other processes .*, or evaluate here, without an executor\."):
        searched(tmp_path / "ledger", 2, lambda architecture: lock and 1, executor=Engine())
    with pytest.raises(InvalidInputError, match="executor applies only to a function: a table is read in this process"):
        zcbench.search("digits-201", budget=2, executor=Engine())
    assert list(tmp_path.iterdir()) == []
    zcbench.search("digits-201", budget=2, executor="local")


@pytest.mark.parametrize(("package", "executor"), [("distributed", "dask://h:1"), ("submitit", "submitit")])
def test_a_package_that_is_missing_is_named_with_its_command(monkeypatch, package, executor):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"'{package}', which is not installed: run  pip install"):
        searched(None, 2, drawn, executor=executor)


def test_a_scheduler_that_is_not_there_costs_nothing(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("zcbench.executors._dask._PATIENCE", 0.5)
    ledger, settings = tmp_path / "ledger", {"objectives": ["value", "numpy"], "searcher": "random"}
    searched(ledger, 3, drawn, **settings)
    before = timeless(ledger)
    with pytest.raises(ZcbenchError, match=r"no Dask scheduler answers at 127\.0\.0\.1:9 .*: start one, or check"):
        searched(ledger, 6, drawn, executor="dask://127.0.0.1:9", **settings)
    assert timeless(ledger)[: len(before)] == before
    assert len(searched(ledger, 6, drawn, **settings)) == 6


def test_what_was_lost_with_machines_is_told_in_order(tmp_path):
    with pytest.raises(
        InvalidInputError, match=r"10 evaluations in a row returned no number; the last reason: h: it was"
    ):
        searched(tmp_path / "ledger", 40, drawn, executor=Engine(), batch=5, searcher="random")
    rows = [row for row in timeless(tmp_path / "ledger") if row["kind"] == "evaluated"]
    searched(tmp_path / "well", 12, lambda architecture: 1, batch=5, searcher="random")
    well = [row for row in timeless(tmp_path / "well") if row["kind"] == "evaluated"]
    assert [row["architecture"] for row in rows] == [row["architecture"] for row in well][:10]
    assert {(row["status"], row["detail"]) for row in rows} == {("failed", "h: it was lost.")}


def test_functions_of_functions_need_cloudpickle(monkeypatch):
    offset = 3
    evaluator = FunctionEvaluator(lambda architecture: offset, GOAL, workers=1)
    try:
        assert evaluator.evaluate(ONE).values["value"] == 3
    finally:
        evaluator.close()
    lock = threading.Lock()
    with pytest.raises(InvalidInputError, match=r"cannot be sent to other processes .*: let it open what it needs"):
        FunctionEvaluator(lambda architecture: lock and 1, GOAL, workers=1)
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(InvalidInputError, match="define it in a module, or run  pip install cloudpickle"):
        FunctionEvaluator(lambda architecture: offset, GOAL, timeout=3)


@pytest.mark.slow
def test_a_script_without_guard_is_told_of_it(tmp_path):
    path = tmp_path / "unguarded.py"
    path.write_text(
        "import zcbench\n\ndef evaluate(architecture):\n    return 1\n\n"
        "zcbench.search(zcbench.get_space('digits-201'), evaluate, searcher='random', budget=2, workers=1)\n"
    )
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "in a script, call zcbench under  if __name__ == '__main__':" in done.stderr.splitlines()[-1]


def test_a_worker_that_cannot_read_the_function_says_so():
    evaluator = FunctionEvaluator(drawn, GOAL, workers=1)
    evaluator._crew._work = b"no pickle"
    with pytest.raises(ZcbenchError, match="a worker process could not start"):
        evaluator.evaluate(ONE)
    evaluator.close()


def test_it_is_public():
    assert zcbench.search.FunctionEvaluator is FunctionEvaluator
