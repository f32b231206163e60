"""Files are there whole or not at all: with others that write them too, a kill, a full disk, no home."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from toys import disk_of

from zcbench._files import cannot_write, locked, whole, write_text
from zcbench.errors import StoreError

ADVICE = "choose another folder."


def left(folder):
    """Names of everything in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "deep" / "er" / "board.csv"
    write_text(path, "ä", ADVICE)
    assert path.read_bytes() == "ä".encode()
    write_text(path, "not text: \udc80", ADVICE)
    assert path.read_text() == "not text: \\udc80"
    assert left(path.parent) == ["board.csv"]
    assert path.stat().st_mode == (tmp_path / "deep").stat().st_mode & 0o666 | 0o100000  # as any other file


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, StoreError, GeneratorExit])
def test_whatever_is_raised_the_old_file_stays(tmp_path, error):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(error), whole(path, ADVICE) as temporary:
        assert (temporary.suffix, temporary.parent) == (".csv", tmp_path)
        temporary.write_text("half")
        raise error("x")
    assert path.read_text() == "old"
    assert left(tmp_path) == ["a.csv"]


def test_a_full_disk(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with disk_of(1000), pytest.raises(StoreError) as caught:
        write_text(path, "x" * 2000, ADVICE)
    assert str(caught.value) == f"cannot write to {path}: File too large. Make room, or choose another folder."
    assert path.read_text() == "old"
    assert left(tmp_path) == ["a.csv"]


def test_a_disk_that_is_found_full_only_at_the_end(tmp_path, monkeypatch):
    """Some file systems take everything and say so when the file is brought to the disk."""

    def full(_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"quota exceeded\. Make room, or choose another folder\."):
        write_text(tmp_path / "a.csv", "x", ADVICE)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device. Make room, or choose"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "Read-only file system. Choose another folder."),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "Permission denied. Choose another folder."),
        (OSError("odd"), "odd. Choose another folder."),
    ],
)
def test_reasons(tmp_path, error, words):
    assert str(cannot_write(tmp_path, error, ADVICE)).startswith(f"cannot write to {tmp_path}: {words}")


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "a.csv", tmp_path / "file" / "deep" / "a.csv"):
        with pytest.raises(StoreError, match=rf": {tmp_path}/file is not a folder\. Choose"):
            write_text(path, "x", ADVICE)
        with pytest.raises(StoreError, match=rf": {tmp_path}/file is not a folder\. Choose"):
            with locked(path, ADVICE):
                raise AssertionError


def test_a_folder_where_the_file_should_be(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(StoreError, match=r"cannot write to .*a\.csv: Is a directory\."):
        write_text(tmp_path / "a.csv", "x", ADVICE)
    assert left(tmp_path) == ["a.csv"]


WRITE = """
import sys
from pathlib import Path
from zcbench._files import whole
path, letter, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(times):
    with whole(path, "x.") as temporary:
        with temporary.open("w") as file:
            for _ in range(50):
                file.write(letter * 10_000)
                file.flush()
"""


def writing(path, letter, times):
    command = [sys.executable, "-c", WRITE, str(path), letter, str(times)]
    started = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdout.readline() == "ready\n"
    return started


def test_processes_that_write_one_file_at_once(tmp_path):
    """Nobody fails, and at every moment the file is what one of them wrote."""
    path = tmp_path / "new" / "folder" / "a.npz"
    writers = [writing(path, letter, 30) for letter in "abcd"]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            text = path.read_text()
            assert len(text) == 500_000
            assert text == text[0] * 500_000
            seen.add(text[0])
    assert [(writer.wait(), writer.communicate()[1]) for writer in writers] == [(0, "")] * 4
    assert len(seen) > 1
    assert left(path.parent) == ["a.npz"]


def test_what_a_killed_process_leaves_is_removed_a_day_later(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    writer = writing(path, "x", 10**6)
    writer.stdin.write("go\n")
    writer.stdin.flush()
    until = time.monotonic() + 60
    while not any("partial" in name for name in left(tmp_path)) and time.monotonic() < until:
        time.sleep(0.001)
    writer.send_signal(signal.SIGSTOP)  # in the middle, or between two files
    writer.kill()
    writer.communicate()
    (tmp_path / ".zcbench-0123456789abcdef.partial.csv").write_text("half")  # one there is, at any rate
    stale = [name for name in left(tmp_path) if "partial" in name]
    others = [".zcbench-mine.csv", "a.partial", ".zcbench-0123456789abcdef.csv"]
    for name in others:
        (tmp_path / name).write_text("")
    write_text(tmp_path / "b.csv", "x", ADVICE)
    assert set(stale) <= set(left(tmp_path))  # a living process may still write them
    for name in left(tmp_path):
        os.utime(tmp_path / name, (time.time() - 90_000,) * 2)
    write_text(tmp_path / "b.csv", "x", ADVICE)
    assert left(tmp_path) == sorted([*others, "a.csv", "b.csv"])


def test_a_lock_is_waited_for(tmp_path):
    waited, path = [], tmp_path / "deep" / "lock"
    with locked(path, ADVICE):
        with pytest.raises(StoreError, match="it is busy"):
            with locked(path, ADVICE, busy="it is busy"):
                raise AssertionError

        def other():
            with locked(path, ADVICE, waiting=lambda: waited.append(1)):
                waited.append(2)

        thread = threading.Thread(target=other)
        thread.start()
        while not waited:
            time.sleep(0.01)
        assert 2 not in waited
    thread.join()
    assert waited[-1] == 2
    with pytest.raises(KeyError), locked(path, ADVICE):
        raise KeyError
    with locked(path, ADVICE, busy="the lock was not released"):
        pass
