"""Any number of writers, each with files of its own: what one has written is there, whatever becomes of it."""

import os
import subprocess
import sys
import threading
import time
from random import Random

import pytest
from toys import record, trial

from zcbench.errors import StoreError
from zcbench.records import Store, Trial, _layout, _locks, _writer


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def names(store):
    return sorted(r.architecture for r in store.records("toy"))


def test_a_file_is_made_with_its_first_line(store):
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        assert not store.folder.exists()
        writer.trial(trial())
        assert len(store.files("toy", Trial)) == 1
        assert store.files("toy") == []
        writer.record(record())
    (path,) = store.files("toy")
    assert path.parent == store.folder / "toy"
    assert _layout.writer_of(path.name.partition(".")[0]) == (_layout.host(), os.getpid())
    # Both describe the environment, before the line that refers to it.
    for one in (path, *store.files("toy", Trial)):
        assert one.read_bytes().splitlines()[0] == b'{"schema":3,"environment":"e0","torch":"2"}'


def test_an_environment_is_described_in_every_file_that_refers_to_it(store):
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        writer.record(record("a"))
    with store.writer("toy") as writer:
        writer.record(record("b"))  # as a run does with a score that another run measured
        writer.record(record("c", environment="unknown"))
    assert store.files("toy")[1].read_bytes().count(b'"torch":"2"') == 1
    with pytest.raises(StoreError, match="cannot store the environment"):
        Store(store.folder).writer("toy").environment("e1", {"x": ["no text"]})


def test_every_line_is_there_at_once(store):
    with store.writer("toy") as writer:
        for number in range(5):
            writer.record(record(str(number)))
            assert len(Store(store.folder).records("toy")) == number + 1


def test_writers_share_no_file(store, monkeypatch):
    monkeypatch.setattr(_layout, "new_stem", lambda folder: "host-1-20260101T000000000000Z")  # all at one time
    with store.writer("toy") as one, store.writer("toy") as two, store.writer("toy") as three:
        for number, writer in enumerate((one, two, three, one, two)):
            writer.record(record(str(number)))
    assert [path.name for path in store.files("toy")] == [
        *("host-1-20260101T000000000000Z.jsonl", "host-1-20260101T000000000000Z-2.jsonl"),
        "host-1-20260101T000000000000Z-3.jsonl",
    ]
    assert names(store) == list("01234")


def test_threads_share_a_writer(store):
    def work(number):
        for place in range(50):
            writer.record(record(f"{number}-{place}", detail="x" * 300 * (place % 3), value=None))

    with store.writer("toy") as writer:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(store.records("toy")) == 400
    assert store.notes("toy") == []
    assert len(store.files("toy")) == 1


def test_a_forked_process_has_a_file_of_its_own(store):
    with store.writer("toy") as writer:
        writer.record(record("before"))
        child = os.fork()
        if child == 0:
            try:
                writer.record(record("child"))
                writer.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert _locks.is_alive(store.files("toy")[0], store.files("toy")[0].stem)  # the parent still holds its own
        writer.record(record("after"))
    assert names(store) == ["after", "before", "child"]
    first, second = store.files("toy")
    assert (first.read_bytes().count(b"\n"), second.read_bytes().count(b"\n")) == (2, 1)


def test_a_file_that_is_removed_is_made_anew(store):
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        writer.record(record("a"))
        for path in store.files("toy"):
            path.unlink()
        writer.record(record("b"))
        store.folder.joinpath("toy").rename(store.folder / "moved")
        writer.record(record("c"))
    assert names(store) == ["c"]
    assert list(store.environments("toy")) == ["e0"]
    assert [r.architecture for r in store.records("moved")] == ["b"]


def test_what_is_written_is_soon_on_the_disk(store, monkeypatch):
    now, synced = 0.0, []
    monkeypatch.setattr(_writer.time, "monotonic", lambda: now)
    monkeypatch.setattr(_writer.os, "fsync", lambda descriptor: synced.append(now))
    with store.writer("toy") as writer:
        for now in (0.0, 1.0, 1.9, 2.0, 3.0, 4.1, 4.2):
            writer.record(record(str(now)))
        assert synced == [2.0, 4.1]
    assert synced == [2.0, 4.1, 4.2]


@pytest.mark.parametrize("number", ["EIO", "EINVAL"])
def test_a_disk_that_reports_late(store, monkeypatch, number):
    import errno

    def fsync(descriptor):
        raise OSError(getattr(errno, number), "no")

    monkeypatch.setattr(_writer.os, "fsync", fsync)
    writer = store.writer("toy")
    writer.record(record())
    if number == "EINVAL":  # nothing to wait for
        writer.close()
    else:
        with pytest.raises(
            StoreError, match=r"cannot write to .*: no\. The latest scores may be lost; free disk space"
        ):
            writer.close()
    writer.close()
    assert names(store) == ["a"]


# -- many processes ------------------------------------------------------------------------------

#: writes records until it is killed, and says of each one that it is written
WRITES = """
import itertools, os, sys, time
from zcbench.records import Record, Store
from zcbench.types import Score, Status
with Store(sys.argv[1]).writer("toy") as writer:
    writer.environment("e0", {"torch": "2"})
    for number in itertools.count():
        score = Score(None, Status.FAILED, 0.5, "x" * (number % 7 * 70))
        writer.record(Record("toy@1", f"{sys.argv[2]}-{number}", "mine@1", 0, "b", score, environment="e0"))
        os.write(1, b"%d\\n" % number)
        time.sleep(0.0005)
"""


def start(store, name):
    command = [sys.executable, "-c", WRITES, str(store.folder), str(name)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def check_kills(store, kills, at_once, *, compacting=False):
    """Kill writers at random times; everything that one said it has written is there, and counts once."""
    random, said, running, started = Random(0), {}, {}, 0
    while started < kills or running:
        while started < kills and len(running) < at_once:
            running[started] = start(store, started)
            started += 1
        name = random.choice(list(running))
        process = running.pop(name)
        process.stdout.readline()  # it is at work
        time.sleep(random.random() * 0.1)
        process.kill()
        rest, _ = process.communicate()
        said[name] = rest.count(b"\n") + 1
        if compacting and random.random() < 0.3:
            store.compact("toy", random.choice(["jsonl", "parquet"]))
    records = store.records("toy")
    assert store.notes("toy") == []
    found = [r.architecture for r in records]
    assert len(set(found)) == len(found)
    for name, count in said.items():
        own = {int(text.partition("-")[2]) for text in found if text.partition("-")[0] == str(name)}
        assert own == set(range(len(own)))
        assert len(own) in (count, count + 1)  # one more may be written and not yet told
    assert list(store.environments("toy")) == ["e0"]
    return len(found)


def test_writers_that_are_killed(store):
    assert check_kills(store, 4, 2) > 4
    before = list(store.records("toy"))
    store.compact("toy")
    assert list(store.records("toy")) == before
    assert len(store.files("toy")) == 1


@pytest.mark.slow
def test_a_hundred_kills_while_others_compact(store):
    assert check_kills(store, 100, 5, compacting=True) > 1000


def test_writers_and_compactions_and_readers_at_once(store):
    writers = [start(store, name) for name in range(3)]
    compacts = [
        sys.executable,
        "-c",
        "import sys; from zcbench.records import Store; Store(sys.argv[1]).compact('toy')",
    ]
    try:
        for writer in writers:
            writer.stdout.readline()
        for number in range(3):  # ended files for compactions to compete for
            with store.writer("toy") as writer:
                writer.record(record(f"own{number}"))
        others = [subprocess.Popen([*compacts, str(store.folder)]) for _ in range(2)]
        known = 0
        while any(other.poll() is None for other in others):
            records = store.records("toy")
            assert len(records) >= known  # what was there stays
            assert store.notes("toy") == []
            known = len(records)
        assert [other.wait() for other in others] == [0, 0]
        assert {f"own{number}" for number in range(3)} <= set(names(store))
        assert len(store.files("toy")) <= 5
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
