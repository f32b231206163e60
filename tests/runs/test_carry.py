"""What goes out to an engine, what comes back, and what is said of it."""

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from toys import toy

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.executors import Answer, WorkersFailedError
from zcbench.runs._carry import _plan_file

GIVEN = {"proxies": ["params"], "batch_size": 4}


class Recorded:
    """An engine that does nothing but answer, and keeps what it was told."""

    def __init__(self, *answers):
        self.answers, self.order, self.keys, self.plan = answers, {}, [], b""

    def carry_out(self, order, keys, say):
        self.order, self.keys = json.loads(json.dumps(order)), list(keys)
        self.plan = Path(order["plan"]).read_bytes()
        assert Path(order["plan"]).stat().st_mode & 0o777 == 0o600
        yield from self.answers


def failed(tmp_path, *answers, **given):
    engine = Recorded(*answers)
    with pytest.raises(WorkersFailedError) as error:
        zcbench.run(toy(), store=tmp_path / "runs", executor=engine, **GIVEN, **given)
    assert list((tmp_path / "runs").glob(".zcbench*")) == []
    return engine, str(error.value)


def test_names_and_plain_values_go_out(tmp_path):
    engine, _ = failed(tmp_path, Answer(("a",), "h, process 1: it broke."))
    assert sorted(engine.keys) == sorted(a.key for a in toy().architectures)
    assert engine.order["store"] == str(tmp_path / "runs")
    assert engine.order["workers"] == 1
    assert len(json.dumps(engine.order)) < 1000


def test_what_workers_could_not_do_is_said_once(tmp_path):
    steps = []
    answers = [
        Answer(("a",), "host1, process 1: plug.py is not a file.", final=False),
        Answer(("a",), "host2, process 1: plug.py is not a file.", final=False),
        Answer(("a",), "host3, process 9: the disk is full.", final=True),
        Answer(("b", "c")),
    ]
    keys = [a.key for a in toy().architectures]
    answers = [Answer(tuple(keys["abc".index(k)] for k in a.keys), a.trouble, a.final) for a in answers]
    _, said = failed(tmp_path, *answers, progress=steps.append)
    assert "host1, process 1 and 1 more: plug.py is not a file." in said
    assert "host3, process 9: the disk is full." in said
    assert "Run the same command again" in said
    assert [note for step in steps for note in step.notes] == [answers[0].trouble, answers[2].trouble]
    assert [step.done for step in steps] == [0, 0, 0, 2]


def test_what_cannot_be_sent_is_said_before_anything_is(tmp_path):
    from toys import registry_as_it_was

    with registry_as_it_was():

        @zcbench.register_proxy("t-local", cost="static")
        def local(probe):
            """Of this function alone."""
            return 1.0

        with pytest.raises(InvalidInputError, match="cannot be sent to other processes"):
            zcbench.run(toy(), store=tmp_path, executor=Recorded(), proxies=["t-local"], batch_size=4)


def test_where_there_is_nothing_left_no_engine_is_asked(tmp_path):
    engine = Recorded()
    zcbench.run(toy(), store=tmp_path, **GIVEN)
    zcbench.run(toy(), store=tmp_path, executor=engine, **GIVEN)
    assert engine.keys == []


def test_plans_of_runs_that_were_killed_long_ago_are_removed(tmp_path):
    store = tmp_path / "runs"
    store.mkdir()
    for name, age in (("old", 31), ("new", 29)):
        path = store / f".zcbench-plan-{name}"
        path.touch()
        os.utime(path, (time.time() - 86_400 * age,) * 2)
    with _plan_file(SimpleNamespace(only=list), store, ["a"]) as (path, _):
        assert sorted(store.glob(".zcbench*")) == sorted([path, store / ".zcbench-plan-new"])
    assert [path.name for path in store.glob(".zcbench*")] == [".zcbench-plan-new"]
