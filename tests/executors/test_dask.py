"""A Dask cluster of real processes, some of which are killed."""

import asyncio
import os
from concurrent.futures import CancelledError
from types import SimpleNamespace

import pytest
from clusters import cluster, kill, part, wait_until

from zcbench._imports import space_named
from zcbench.errors import InvalidInputError, ZcbenchError
from zcbench.executors import Answer, _dask, _elsewhere, get_executor

pytest.importorskip("distributed")


def test_a_worker_does_it_once(place, undisturbed):
    with cluster(place.folder, {}) as (address, _):
        out, err = place.run("--executor", address, limit=4)
        assert place.values().items() <= undisturbed.items()
        assert set(place.lines.values()) == {1}
        assert place.calls == 4
        assert "8/8 scores" in err
        assert "t-count" in out
    assert not list(place.store.glob(".zcbench*"))


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_what_it_computed(place, undisturbed):
    with cluster(place.folder, {"T_SLEEP": ".4"}, {"T_SLEEP": ".4"}) as (address, processes):
        with place.start("--executor", address) as run:
            place.wait_for_calls(3)
            kill(processes[1].pid)
            _, err = run.communicate(timeout=400)
        assert run.returncode == 0, err  # Dask gave its chunk to the other worker
        assert place.values() == part(undisturbed, "t-count", "params")
        assert set(place.lines.values()) == {1}
        assert place.calls <= 12 + 1
        before = place.calls
        place.run("--executor", address)
        assert place.calls == before


@pytest.mark.slow
def test_a_scheduler_that_dies(place, undisturbed):
    with cluster(place.folder, {"T_SLEEP": ".4"}) as (address, processes):
        with place.start("--executor", address) as run:
            place.wait_for_calls(3)
            kill(processes[0].pid)
            out, err = run.communicate(timeout=400)
        assert run.returncode == 1
        assert out == ""
        assert "the Dask scheduler at" in err.splitlines()[-1]
        assert "Traceback" not in err
        wait_until(lambda: processes[1].poll() is not None, "the worker")
    done = len(place.lines)
    assert done
    with cluster(place.folder, {}) as (address, _):
        place.run("--executor", address)
    assert place.values() == part(undisturbed, "t-count", "params")
    assert set(place.lines.values()) == {1}
    assert place.calls <= 12 + 1


@pytest.mark.slow
def test_a_plugin_that_one_worker_lacks(place, undisturbed):
    with cluster(place.folder, {}, {"T_BROKEN": "1"}) as (address, _):
        _, err = place.run("--executor", address, status=1)
        said = [line for line in err.splitlines() if "no module of that name here" in line]
        assert len(said) == 2  # when it happens, and at the end
        assert all(place.plugin in line and os.uname().nodename in line for line in said)
        assert place.values() == part(undisturbed, "t-count", "params")
        assert set(place.lines.values()) == {1}
        assert place.calls == 12
        again, _ = place.run("--executor", address)
        assert "t-count" in again
        assert place.calls == 12


@pytest.mark.slow
def test_no_worker_has_the_plugin(place):
    with cluster(place.folder, {"T_BROKEN": "1"}, {"T_BROKEN": "2"}) as (address, _):
        out, err = place.run("--executor", address, status=1)
    assert out == ""
    assert place.plugin in err.splitlines()[-1]
    assert not place.lines


@pytest.mark.slow
def test_nobody_waits_for_a_straggler(place, undisturbed):
    names = sorted({key[0] for key in undisturbed})
    space = space_named("digits-201")
    sizes = {}
    for name in names:
        network = space.build(space.parse(name), num_classes=10)
        sizes.setdefault(sum(p.numel() for p in network.parameters()), []).append(name)
    victim = str(next(size for size, found in sizes.items() if len(found) == 1))
    with cluster(place.folder, {"T_VICTIM": victim}, {"T_VICTIM": victim}) as (address, _):
        with place.start("--executor", address, proxies="t-waits") as run:
            try:
                wait_until((place.folder / "waiting").exists, "the straggler")
                wait_until(lambda: place.calls >= 7, "the others")
                before = place.calls
                place.run(proxies="t-waits")
                assert place.values() == part(undisturbed, "t-waits")
                assert place.calls - before <= 2 * (12 - before)  # what nobody had stored, here and by the others
            finally:
                (place.folder / "go").touch()
            _, err = run.communicate(timeout=400)
        assert run.returncode == 0, err
    assert place.values() == part(undisturbed, "t-waits")
    assert max(place.lines.values()) <= 2
    total = place.calls
    place.run(proxies="t-waits")
    assert place.calls == total


@pytest.mark.parametrize(
    "text", ["dask", "dask:x", "dask:h:1", "dask://", "dask://host", "dask://host:port", "dask://a/b:1", "dask://h:1/x"]
)
def test_an_address_that_is_none(text):
    with pytest.raises(InvalidInputError, match="dask://HOST:PORT"):
        get_executor(text)


def test_a_scheduler_that_is_not_there(monkeypatch):
    monkeypatch.setattr("zcbench.executors._dask._PATIENCE", 1.0)
    with pytest.raises(ZcbenchError, match=r"no Dask scheduler answers at 127\.0\.0\.1:9"):
        next(get_executor("dask://127.0.0.1:9").carry_out({}, ["a"], print))


class Future:
    """What became of a chunk: an answer, or what is raised where it is asked for."""

    def __init__(self, found):
        self.found, self.status = found, "finished"

    def result(self, timeout):
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found


def dealer(*futures, running=True, **order):
    """A dealer on a scheduler without a network, and the futures that it will get."""
    scheduler = SimpleNamespace(ncores=None)
    left = list(futures)
    client = SimpleNamespace(
        status="running" if running else "closed",
        scheduler=scheduler,
        sync=lambda *_, **__: {"tcp://a": 1, "tcp://b": 1},
        submit=lambda function, *_, **__: "order" if function is _elsewhere.same else left.pop(0),
    )
    made = _dask._Dealer(client, "h:1", order, ["x", "y"], str)
    made._give({"tcp://a": 1})
    return made


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), CancelledError(), OSError("the connection was closed"), RuntimeError("mars")]
)
def test_a_result_that_is_lost_with_its_worker_is_dealt_out_again(error):
    """The worker was done, and died before its answer was fetched; or what it raised cannot be told."""
    futures = [Future(error) for _ in range(_dask.RETRIES + 1)]
    made = dealer(*futures)
    for future in futures[:-1]:
        answer = made._answer(future)
        assert "a chunk of 1 was lost: " in answer.trouble
        assert not answer.final
        made._give({"tcp://a": 1})
    assert made._answer(futures[-1]).final


def test_a_result_that_is_lost_with_the_scheduler():
    future = Future(CancelledError())
    made = dealer(future)
    made._client.status = "closed"
    with pytest.raises(ZcbenchError, match="the Dask scheduler at h:1 has ended"):
        made._answer(future)


def test_a_worker_that_cannot_do_it_gets_no_more():
    told = {"worker": "h", "address": "tcp://a", "trouble": "no.", "fit": False, "seconds": 1.0}
    future = Future(told)
    made = dealer(future)
    answer = made._answer(future)
    assert (answer.trouble, answer.final) == ("h: no.", False)
    assert made._unfit == {"tcp://a"}
    assert list(made._again) == [(answer.keys, 0)]


def test_no_more_is_out_than_may_be():
    made = dealer(*map(Future, "ab"), chunk=1, at_once=1)
    slots = {"tcp://a": 2, "tcp://b": 2}
    made._give(slots)
    assert [chunk for chunk, *_ in made._out.values()] == [("x",)]
    made._at_once = 5
    made._give(slots)
    assert [chunk for chunk, *_ in made._out.values()] == [("x",), ("y",)]


def test_what_killed_several_workers_gets_no_further_ones():
    killed = type("KilledWorker", (Exception,), {})
    future = Future(killed("perform-1234 on 4 workers"))
    made = dealer(future)
    assert made._answer(future) == Answer(("x",), "several workers died one after another while they computed it.")
    assert not made._again


def test_where_no_worker_is_left_the_last_reason_is_told():
    told = {"worker": "h", "address": "tcp://a", "trouble": "no such module.", "fit": False, "seconds": 1.0}
    future, other = Future(told), Future({**told, "address": "tcp://b"})
    future.done = other.done = lambda: True
    made = dealer(future, other)
    found = list(made.answers())
    assert [(answer.final, answer.fit) for answer in found] == [(False, False), (False, False), (True, False)]
    assert found[-1].trouble == "no worker of the cluster is left that can do it (h: no such module)."
    assert sorted(found[-1].keys) == ["x", "y"]


def test_one_connection_serves_a_block_and_what_is_out_is_taken_back(monkeypatch):
    made, cancelled, closed = [], [], []

    class Client(SimpleNamespace):
        def __init__(self, *_, **__):
            made.append(self)
            super().__init__(status="running", scheduler=SimpleNamespace(ncores=None))

        def sync(self, *_, **__):
            return {"tcp://a": 2}

        def submit(self, *_, **__):
            future = Future({"worker": "h", "trouble": "", "fit": True, "seconds": 1.0, "said": len(made)})
            future.done = lambda: len(made) == 1
            return future

        def cancel(self, futures, force):
            cancelled.extend(futures)

        def close(self, timeout):
            closed.append(self)

    executor = get_executor("dask://h:1")
    monkeypatch.setattr(executor._distributed, "Client", Client)
    with executor:
        for _ in range(2):
            assert [answer.said for answer in executor.carry_out({"chunk": 1}, ["a", "b"], str)] == [1, 1]
        assert len(made) == 1 and not closed
        answers = executor.carry_out({"chunk": 1, "at_once": 2}, ["a", "b"], str)
        next(answers)
        answers.close()
        assert len(cancelled) == 1
    assert closed == made
    list(executor.carry_out({}, [], str))
    assert len(made) == len(closed) == 2
