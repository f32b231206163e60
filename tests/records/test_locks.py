"""Whether a writer lives, with locks and without."""

import os
import signal
import time

import pytest
from toys import record

from zcbench.records import Store, _layout, _locks


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def names(store):
    return sorted(r.architecture for r in store.records("toy"))


@pytest.mark.parametrize("error", ["ENOTSUP", "ENOLCK", "ENOSYS"])
def test_without_locks_scoring_works(store, monkeypatch, error):
    import errno
    import fcntl

    def flock(descriptor, operation):
        raise OSError(getattr(errno, error), "no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    with store.writer("toy") as one, store.writer("toy") as two:
        one.record(record("a"))
        two.record(record("b"))
        done, *_ = store.compact("toy", "jsonl")
        assert len(done.left) == 2  # this process lives
        one.record(record("c"))
    assert names(store) == ["a", "b", "c"]
    # A process that is gone has ended; what another machine wrote is left alone for a day.
    for path, stem in zip(store.files("toy"), (f"{_layout.host()}-999999999", "elsewhere-1"), strict=True):
        path.rename(path.with_name(f"{stem}-20260101T000000000000Z.jsonl"))
    done, *_ = store.compact("toy", "jsonl")
    assert [path.name for path in done.left] == ["elsewhere-1-20260101T000000000000Z.jsonl"]
    os.utime(next(iter(done.left)), (0, 0))
    done, *_ = store.compact("toy", "jsonl")
    assert done.left == {}
    assert names(store) == ["a", "b", "c"]


def test_a_forked_process_does_not_keep_a_file_alive(store):
    with store.writer("toy") as writer:
        writer.record(record())
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        (path,) = store.files("toy")
        assert not _locks.is_alive(path, path.stem)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
