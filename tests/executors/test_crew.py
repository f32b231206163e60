"""Calls on the machines of an engine: what becomes of answers, and of engines that end."""

import json
import os
import random
import signal
import sys
import time
import warnings

import pytest
from clusters import processes, threads, wait_until

from zcbench._calls import Call
from zcbench._workers import Crew
from zcbench.errors import StoreError, ZcbenchError
from zcbench.executors import Answer, EngineCrew, EngineEndedError, EngineWarning, Sent, get_executor
from zcbench.executors._crew import compute


def sent(function, names=("value",)):
    return Sent.of(Call(function, names, 0), "mine", "evaluate here", by_value=True)


def tasks(*names):
    return [(str(place), (json.dumps(["s", name, None]),)) for place, name in enumerate(names)]


class Recorded:
    """An engine that calls here, or answers what it is told to; it keeps what it was asked for."""

    def __init__(self, *answers, says=""):
        self.answers, self.says = answers, says
        self.order, self.open, self.closed = {}, 0, False

    def carry_out(self, order, keys, say):
        self.order = json.loads(json.dumps(order))
        if self.says:
            say(self.says)
        try:
            for place, key in enumerate(keys):
                answer = self.answers[place] if place < len(self.answers) else None
                if isinstance(answer, Exception):
                    raise answer
                for given in answer or [{"said": json.loads(json.dumps(compute(self.order, [key])))}]:
                    yield Answer((key,), **given)
        finally:
            self.closed = True


def crew(engine, tmp_path, function=lambda architecture: len(architecture.key), **given):
    return EngineCrew(
        engine, sent(function), tmp_path / "new" / "place", given.pop("at_once", 0), given.pop("timeout", None)
    )


def test_results_come_back_as_they_are(tmp_path):
    def train(architecture):
        return {"value": 1 / 3, "drawn": random.random(), "size": 2}

    engine = Recorded()
    made = crew(engine, tmp_path, train, at_once=3, timeout=60)
    found = list(made.do(tasks("one", "one")))
    assert [(key, part) for key, part, _ in found] == [(key, part) for key, (part,) in tasks("one", "one")]
    here = Call(train, ["value"], 0)
    ((_, theirs),) = here.results("", [found[0][1]])
    assert found[0][2].values == found[1][2].values == theirs.values
    assert found[0][2].seconds["training"] > 0 and found[0][2]._replace(seconds=theirs.seconds) == theirs
    assert (engine.order["chunk"], engine.order["at_once"], engine.order["timeout"]) == (1, 3, 60)
    assert (tmp_path / "new" / "place").is_dir() and engine.order["store"] == str(tmp_path / "new" / "place")


def test_a_call_whose_machines_were_lost_costs_itself(tmp_path):
    lost = [{"trouble": "h: it was lost.", "final": False}, {"trouble": "h: it was lost."}]
    done = {"said": {json.dumps(["1", tasks("one")[0][1][0]]): [{"value": 2.0}, {"training": 1.0}, "ok", ""]}}
    unfit = [{"trouble": "h: no.", "final": False, "fit": False}, done]  # another machine does it
    with pytest.warns(EngineWarning, match=r"an evaluation is computed again: h: (it was lost|no)\."):
        found = {key: outcome for key, _, outcome in crew(Recorded(lost, unfit), tmp_path).do(tasks("one", "one"))}
    assert found["1"].values == {"value": 2.0}
    assert (found["0"].status, found["0"].detail, found["0"].seconds) == (
        "failed",
        "h: it was lost.",
        {"training": 0.0},
    )


def test_where_no_machine_can_do_it_the_search_ends(tmp_path):
    made = crew(Recorded([{"trouble": "no worker is left (no module named 'x').", "fit": False}]), tmp_path)
    with pytest.raises(ZcbenchError) as error:
        list(made.do(tasks("one")))
    assert str(error.value) == (
        "the function could not be called: no worker is left (no module named 'x'). The ledger's content is kept: "
        "start the same search again to resume it."
    )


def test_an_engine_that_ends(tmp_path):
    made = crew(Recorded(EngineEndedError("the scheduler")), tmp_path)
    with pytest.raises(
        ZcbenchError, match=r"the scheduler has ended\. The ledger's content is kept: start the same search"
    ):
        list(made.do(tasks("one")))


def test_an_engine_that_ends_without_a_word(tmp_path):
    class Silent:
        def carry_out(self, order, keys, say):
            return []

    with pytest.raises(ZcbenchError, match=r"the executor ended without an answer for 2 evaluations\."):
        list(crew(Silent(), tmp_path).do(tasks("one", "two")))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "new").write_text("a file")
    with pytest.raises(StoreError, match=r"new is not a folder\. Choose another place for the ledger\."):
        list(crew(Recorded(), tmp_path).do(tasks("one")))


def test_nobody_waits_for_the_rest(tmp_path):
    engine = Recorded()
    each = crew(engine, tmp_path).do(tasks("one", "two"))
    assert next(each)[0] == "0"
    assert not engine.closed
    each.close()
    assert engine.closed


def test_what_an_engine_has_to_say_is_a_warning(tmp_path):
    with pytest.warns(EngineWarning, match="nobody is there"):
        list(crew(Recorded(says="nobody is there."), tmp_path).do(tasks("one")))


def test_a_machine_that_lacks_what_the_function_needs_says_so(tmp_path, monkeypatch):
    path = tmp_path / "t_crew_module.py"
    path.write_text("def train(architecture):\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import t_crew_module

    made = EngineCrew(Recorded(), sent(t_crew_module.train), tmp_path, 0, None)
    assert str(tmp_path) in made._order["path"]
    assert [outcome.status for *_, outcome in made.do(tasks("one"))] == ["ok"]
    path.rename(tmp_path / "gone.py")
    with pytest.raises(ZcbenchError, match=r"could not start: ModuleNotFoundError: No module named 't_crew_module'"):
        compute(made._order, [json.dumps(["0", tasks("one")[0][1][0]])])
    del sys.modules["t_crew_module"]


# -- engines ---------------------------------------------------------------------------------------------


def troubling():
    """A function that travels by value, so that a process that calls it need not import this module."""

    def troubles(architecture):
        """Depending on the architecture, whatever can go wrong."""
        if architecture.key == "raises":
            raise ValueError("bad cell")
        if architecture.key == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if architecture.key == "hangs":
            time.sleep(600)
        if architecture.key == "exits":
            os._exit(3)
        return "high" if architecture.key == "text" else random.random()

    return troubles


troubles = troubling()
NAMES = ("raises", "is killed", "hangs", "exits", "text", "well")


def outcomes(made):
    try:
        found = {key: outcome for key, _, outcome in made.do(tasks(*NAMES))}
    finally:
        made.close()
    return [(found[key].status, found[key].detail, str(found[key].values)) for key in sorted(found)]


def test_on_dask_calls_end_as_in_processes_of_this_machine(tmp_path):
    pytest.importorskip("distributed")
    here = outcomes(Crew(sent(troubles), 2, 2.0))
    assert [status for status, *_ in here] == ["failed", "failed", "timed-out", "failed", "failed", "ok"]
    with threads() as address:
        assert outcomes(EngineCrew(get_executor(address), sent(troubles), tmp_path, 0, 2.0)) == here
    assert list(tmp_path.iterdir()) == []


def test_jobs_of_submitit_end_as_processes_of_this_machine(tmp_path):
    pytest.importorskip("submitit")
    (tmp_path / "jobs").mkdir()
    executor = get_executor("submitit:cluster=local:jobs=2")
    made = EngineCrew(executor, sent(troubles), tmp_path / "jobs", 0, 60.0)
    for names in (("is killed", "well"), ("text",)):
        found = {key: outcome for key, _, outcome in made.do(tasks(*names))}
        here = {key: outcome for key, _, outcome in Crew(sent(troubles), 1, 60.0).do(tasks(*names), last=True)}
        for key, outcome in here.items():
            assert found[key].status == outcome.status and found[key].detail == outcome.detail
            assert str(found[key].values) == str(outcome.values)
        (folder,) = (tmp_path / "jobs").iterdir()  # one for all batches, and nothing of jobs that are done
        assert [path.name for path in folder.iterdir() if path.suffix != ".sh"] == []
    made.close()
    assert list((tmp_path / "jobs").iterdir()) == []


def test_what_runs_on_a_dask_worker_ends_with_who_waits_for_it(tmp_path):
    pytest.importorskip("distributed")
    marker, program = tmp_path / "begun", ("-m", "zcbench.executors")

    def hangs(architecture):
        marker.touch()
        time.sleep(600)

    with threads() as address:
        made = EngineCrew(get_executor(address), sent(hangs), tmp_path, 1, None)
        each = made.do(tasks("one", "two"))
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        _interrupt.wanted = lambda: marker.exists() and processes(*program, parent=os.getpid())
        try:
            with pytest.raises(KeyboardInterrupt):
                next(each)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        wait_until(lambda: not processes(*program, parent=os.getpid()), "the process", 20)
        made.close()


def _interrupt(*_):
    if _interrupt.wanted():
        raise KeyboardInterrupt


def test_a_cluster_without_workers_is_told_of(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    from distributed import LocalCluster

    monkeypatch.setattr("zcbench.executors._dask._LONELY", 0.1)
    monkeypatch.setattr("zcbench.executors._dask._LOOK", 0.1)
    settings = {"processes": False, "protocol": "tcp://", "host": "127.0.0.1", "dashboard_address": ":0"}
    with LocalCluster(n_workers=0, **settings) as found, warnings.catch_warnings():
        warnings.simplefilter("error", EngineWarning)
        made = EngineCrew(
            get_executor(found.scheduler_address.replace("tcp", "dask")), sent(troubles), tmp_path, 0, None
        )
        with pytest.raises(EngineWarning, match="has no worker: zcbench waits until there is one"):
            next(made.do(tasks("well")))
        made.close()
