"""The loop that every kind of work shares, with a kind that is none of ours: squares of numbers, kept as trials."""

import dataclasses
import os
import signal

import pytest
from toys import trial

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.records import Store, Trial
from zcbench.runs import RETRIES, Plan, resume
from zcbench.runs._resume import ACCIDENTS, Left, left_of
from zcbench.types import Status

TASKS = (("a", ("1", "2")), ("b", ("3",)), ("c", ("4", "5")))


class Squares:
    """What a worker does; an odd number fails while the variable T_GOOD is not set."""

    imports = ()

    def prepare(self):
        pass

    def lost(self, status, reason, seconds):
        return status

    def results(self, key, parts, begin=str):
        for part in parts:
            begin(part)
            if part == os.environ.get("T_PRESS"):
                os.kill(os.getpid(), signal.SIGINT)
            good = int(part) % 2 == 0 or "T_GOOD" in os.environ
            yield part, int(part) ** 2 / 100 if good else Status.FAILED


class SquarePlan(Plan):
    """What is wanted of them."""

    what, units = "squares", "letters"

    def __init__(self, tasks=TASKS):
        self.benchmark, self.work, self.tasks = "toy", Squares(), tasks
        self.total = sum(len(parts) for _, parts in tasks)
        self.known = {}

    @property
    def keys(self):
        return [key for key, _ in self.tasks]

    def only(self, keys):
        return SquarePlan([task for task in self.tasks if task[0] in keys])

    def stored(self, store):
        trials = store.trials("toy")
        return trials, trials.notes

    def disagreeing(self, store):
        return store.disagreeing("toy", Trial)

    def status(self, item):
        return item.status

    def take(self, item):
        self.known[item.key] = item

    def skip(self, key):
        self.known[key] = None

    def left(self):
        tasks = [
            (key, tuple(p for p in parts if self._trial(key, p, 0).key not in self.known)) for key, parts in self.tasks
        ]
        return Left([(key, parts) for key, parts in tasks if parts])

    def items(self, key, part, result, environment):
        yield self._trial(key, part, result, environment)

    def write(self, writer, item):
        writer.trial(item)

    def _trial(self, key, part, result, environment=""):
        tau = result if isinstance(result, float) else None
        return trial(f"{key}@1", tau, train_size=int(part), environment=environment)


def go(store, plan=None, **options):
    steps = []
    resume(plan or SquarePlan(), store, progress=steps.append, **options)
    return steps


def taus(store):
    return {t.train_size: t.metrics.get("tau") for t in store.trials("toy")}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_item_once_with_its_environment(store, workers):
    steps = go(store, workers=workers)
    assert taus(store) == {1: None, 2: 0.04, 3: None, 4: 0.16, 5: None}
    assert [(step.benchmark, step.what, step.done, step.total) for step in steps] == [
        ("toy", "squares", done, 5) for done in range(6)
    ]
    assert [step.latest is None for step in steps] == [True] + 5 * [False]
    assert {t.environment for t in store.trials("toy")} == set(store.environments("toy"))
    (again,) = go(store)
    assert (again.done, again.total) == (5, 5)
    assert len(store.files("toy", Trial)) == 1  # nothing is left: nothing is written


def test_what_is_left_is_told_without_work(store):
    assert left_of(SquarePlan(), store).tasks == list(TASKS)
    assert left_of(SquarePlan(), store).parts == 5
    go(store)
    assert left_of(SquarePlan(), store).tasks == []
    assert left_of(SquarePlan(), store, "failed").tasks == [("a", ("1",)), ("b", ("3",)), ("c", ("5",))]
    assert not store.files("toy") and len(store.files("toy", Trial)) == 1


def test_a_part_of_the_plan(store):
    part = SquarePlan().only(["c", "a"])
    assert (part.keys, part.total, part.count(part.keys)) == (["a", "c"], 4, 2)
    go(store, part)
    assert set(taus(store)) == {1, 2, 4, 5}
    assert left_of(SquarePlan(), store).tasks == [("b", ("3",))]


def test_an_interrupt_keeps_what_is_done(store, monkeypatch):
    monkeypatch.setenv("T_PRESS", "3")
    with pytest.raises(KeyboardInterrupt):
        go(store)
    assert taus(store) == {1: None, 2: 0.04}
    monkeypatch.delenv("T_PRESS")
    steps = go(store)
    assert [step.done for step in steps] == [2, 3, 4, 5]


def test_attempts(store, monkeypatch):
    go(store)
    go(store, retry=ACCIDENTS)
    assert {t.train_size: t.attempt for t in store.trials("toy")} == {1: 1, 2: 0, 3: 1, 4: 0, 5: 1}
    monkeypatch.setenv("T_GOOD", "1")
    go(store, retry=["failed"])
    assert taus(store) == {1: 0.01, 2: 0.04, 3: 0.09, 4: 0.16, 5: 0.25}
    assert {t.train_size: t.attempt for t in store.trials("toy")} == {1: 2, 2: 0, 3: 2, 4: 0, 5: 2}


def test_what_disagrees_is_left_alone_until_a_retry_asks(store):
    go(store)
    (two,) = (t for t in store.trials("toy") if t.train_size == 2)
    with store.writer("toy") as writer:
        writer.trial(dataclasses.replace(two, metrics={**two.metrics, "tau": -0.5}, attempt=0))
    steps = go(store)
    assert steps[0].done == 5
    assert steps[0].notes == store.trials("toy").notes != ()
    assert 2 not in taus(store)
    go(store, retry="disagreeing")
    assert taus(store)[2] == 0.04
    assert store.disagreeing("toy", Trial) == {}
    assert [t.attempt for t in store.trials("toy") if t.train_size == 2] == [1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"workers": -1}, InvalidInputError, "-1 workers: choose 0"),
        ({"workers": 10_001}, InvalidInputError, "at most 10000"),
        ({"workers": 1.0}, InvalidInputError, "the number of workers 1.0: choose a whole number"),
        ({"timeout": 0}, InvalidInputError, "a timeout of 0 seconds"),
        ({"retry": "ok"}, UnknownNameError, "unknown status to retry 'ok': known: disagreeing, failed, non-finite"),
        ({"retry": 5}, InvalidInputError, "retry 5: give names"),
    ],
)
def test_options_out_of_range(store, options, error, message):
    with pytest.raises(error, match=message):
        go(store, **options)
    assert not store.files("toy", Trial)


def test_every_status_but_ok_can_be_retried():
    assert set(RETRIES) == {str(status) for status in Status} - {"ok"} | {"disagreeing"}
