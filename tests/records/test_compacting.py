"""One file of many: it says what they said, and nothing is lost or doubled whenever compaction is killed."""

import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import fill, said, write
from toys import disk_of, record, trial

from zcbench.errors import InvalidInputError, StoreError
from zcbench.records import CurveTrial, SearchTrace, Store, Trial, _blocks

OLD = Path(__file__).parent / "schema_1"
FORMATS = ["jsonl", "parquet"]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_read_stays_the_same(store, form):
    fill(store)
    before = said(store)
    done = store.compact("toy", form)
    assert [(one.kind, one.files) for one in done] == [("record", 6), ("trial", 2), ("search", 2), ("forecast", 2)]
    files = (
        *store.files("toy"),
        *store.files("toy", Trial),
        *store.files("toy", SearchTrace),
        *store.files("toy", CurveTrial),
    )
    assert [path.name for path in files] == [d.path.name for d in done]
    assert {path.suffix for path in store.folder.joinpath("toy").iterdir()} == {f".{form}"}
    assert said(store) == before
    assert [one.files for one in store.compact("toy", form)] == [0, 0, 0, 0]  # there is nothing to gain
    write(store, record("a", 1 / 3, attempt=2), record("i"))
    after = said(store)
    other = FORMATS[form == "jsonl"]
    assert [one.files for one in store.compact("toy", other)] == [2, 1, 1, 1]
    assert said(store) == after
    assert len(store.records("toy")) == 10


texts = st.text(max_size=8)
outcomes = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["failed", "non-finite", "timed-out", "unsupported"]),
)
any_record = st.builds(
    lambda outcome, **fields: record(
        value=outcome if isinstance(outcome, float) else None,
        **({} if isinstance(outcome, float) else {"status": outcome}),
        **fields,
    ),
    outcomes,
    architecture=texts,
    proxy=st.sampled_from(["mine@1", "mine:a=1@12", "ü –@3"]),
    seed=st.integers(0, 2**32 - 1) | st.just(0),
    detail=st.text(max_size=8) | st.sampled_from(["\udc80", "x" * 600, "\0", "\u2028\r\n"]),
    seconds=st.floats(0, 1e9) | st.just(math.nan),
    network=texts,
    code=st.sampled_from(["", "0123"]),
    sample=texts,
    attempt=st.integers(0, 2),
    repeats=st.integers(1, 3),
    higher_is_better=st.booleans(),
    environment=st.sampled_from(["e0", "e1"]),
)
any_trial = st.builds(
    lambda tau, metrics, **fields: _with(trial(tau=tau, **fields), metrics),
    st.floats(-1, 1) | st.none(),
    st.dictionaries(texts | st.sampled_from(["rho", "\ud800"]), st.floats() | st.floats(0, 1)),
    seed=st.integers(0, 5),
    detail=texts,
    train_size=st.integers(1, 2**53 - 1),
    transfer_from=texts,
    attempt=st.integers(0, 2),
)


def _with(item, metrics):
    object.__setattr__(item, "metrics", {**metrics, **({"tau": item.metrics["tau"]} if item.metrics else {})})
    return item


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(any_record | any_trial, max_size=6), max_size=4), st.sampled_from(FORMATS))
def test_anything_stays_the_same(tmp_path_factory, files, form):
    store = Store(tmp_path_factory.mktemp("store") / "runs")
    for items in files:
        write(store, *items, described=True)
    before = said(store)
    store.compact("toy", form)
    assert said(store)[:-1] == before[:-1]
    assert len(list(store.folder.rglob("*.*"))) <= 2


@pytest.mark.parametrize("form", FORMATS)
def test_a_store_of_schema_1(tmp_path, form):
    shutil.copytree(OLD, tmp_path / "runs")
    store = Store(tmp_path / "runs")
    (tmp_path / "runs" / "digits-201.lock").touch()
    before = said(store, "digits-201")
    write(store, record("z"), benchmark="digits-201")
    store.compact("digits-201", form)
    (one,), (other,) = store.files("digits-201"), store.files("digits-201", Trial)
    assert {path for path in store.folder.rglob("*") if path.is_file()} == {one, other}
    records, trials, environments, *rest = said(store, "digits-201")
    assert (records, trials, rest) == ([*before[0], repr(record("z"))], before[1], list(before[3:]))
    assert environments.items() >= before[2].items()


def test_a_running_writer_of_schema_1_is_left_alone(tmp_path):
    from filelock import FileLock

    shutil.copytree(OLD, tmp_path / "runs")
    store = Store(tmp_path / "runs")
    before = said(store, "digits-201")
    with FileLock(tmp_path / "runs" / "digits-201.lock"):
        done, *_ = store.compact("digits-201", "jsonl")
    assert done.left == {tmp_path / "runs" / "digits-201.jsonl": "a run is writing to it"}
    assert (tmp_path / "runs" / "digits-201.jsonl").exists()
    assert said(store, "digits-201") == before


# -- lines that cannot be read -------------------------------------------------------------------

ODD = [b"bad", b'{"schema":4,"proxy":1}', b"\xff\xfe\0", b"x" * (2 << 20), b"", b'{"schema":2,"block":"record"}']


@pytest.mark.parametrize("form", FORMATS)
def test_lines_that_cannot_be_read_are_kept(store, form):
    fill(store)
    first, second = store.files("toy")[:2]
    for path in (first, second):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[0] + b"".join(line + b"\n" for line in ODD) + b"".join(lines[1:]) + b'{"schema":2,"cut')
    before = said(store)
    done, *_ = store.compact("toy", form)
    assert len(done.aside) == 1  # both had the same lines
    (aside,) = done.aside
    assert aside.read_bytes() == b"".join(line + b"\n" for line in ODD)
    after = said(store)
    assert after[:3] == before[:3]
    (note, *rest) = after[3]
    assert note.startswith(f"{len(ODD)} lines that cannot be read were skipped and stay in {aside}: ")
    assert tuple(rest) == before[3][2:]
    again, *_ = store.compact("toy", form)
    assert (again.files, list(again.left)) == (0, [aside])
    write(store, record("new"))
    store.compact("toy", form)
    assert said(store)[3] == after[3]
    assert aside.read_bytes() == b"".join(line + b"\n" for line in ODD)


# -- Parquet -------------------------------------------------------------------------------------


# -- others at work ------------------------------------------------------------------------------


def test_a_living_writer_is_left_alone(store):
    fill(store)
    with store.writer("toy") as writer:
        writer.record(record("living"))
        done, *_ = store.compact("toy", "jsonl")
        (path,) = done.left
        assert done.left[path] == "a run is writing to it"
        writer.record(record("more"))
        assert list(store.records("toy"))[-2:] == [record("living"), record("more")]
    before = said(store)
    done, *_ = store.compact("toy", "jsonl")
    assert (done.files, done.left) == (2, {})
    assert said(store) == before


# -- kills, disks, permissions -------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("room", [0, 100, 2000])
def test_a_full_disk_costs_nothing(store, room, form):
    write(store, *(record(str(n), n / 3) for n in range(200)))
    write(store, record("a"))
    before, files = said(store), sorted(store.folder.rglob("*"))
    with disk_of(room), pytest.raises(StoreError, match="cannot write to"):
        store.compact("toy", form)
    assert sorted(store.folder.rglob("*")) == files
    assert said(store) == before
    store.compact("toy", form)
    assert said(store) == before


def test_what_is_read_back_otherwise_is_not_believed(store, monkeypatch):
    fill(store)
    before, files = said(store), sorted(store.folder.rglob("*"))
    encoded = _blocks.encoded

    def wrong(arrays, texts, kind):
        return encoded({**arrays, "value": arrays["value"] + 1e-13}, texts, kind)

    monkeypatch.setattr(_blocks, "encoded", wrong)
    with pytest.raises(StoreError, match="the new file differs from the data that was written"):
        store.compact("toy", "jsonl")
    assert sorted(store.folder.rglob("*")) == files
    assert said(store) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from zcbench.records import Store
count = int(sys.argv[3])
def trace(event, arguments):
    # Everything that changes a folder or a file is announced before it is done.
    global count
    if event in ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir") and sys.argv[1] in str(arguments[0]):
        count -= 1
        if count < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(trace)
Store(sys.argv[1]).compact("toy", sys.argv[2])
"""


def kill_at(store, form, step):
    """Compact in a process that is killed at a step; whether it was."""
    command = [sys.executable, "-c", KILLED, str(store.folder), form, str(step)]
    return subprocess.run(command, check=False, capture_output=True).returncode == -9


@pytest.mark.parametrize("form, steps", [("jsonl", range(10, 40, 8)), ("parquet", [12, 24])])
def test_a_kill_at_any_step(store, tmp_path, form, steps):
    check_kills(store, tmp_path, form, steps)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_a_kill_at_every_step(store, tmp_path, form):
    check_kills(store, tmp_path, form, range(200))


def check_kills(store, tmp_path, form, steps):
    fill(store)
    first = store.files("toy")[0]
    first.write_bytes(first.read_bytes() + b"bad\n")
    whole, killed = said(store), 0
    shutil.copytree(store.folder, tmp_path / "copy")
    for step in steps:
        shutil.rmtree(store.folder)
        shutil.copytree(tmp_path / "copy", store.folder)
        was = kill_at(store, form, step)
        killed += was
        found = said(store)
        assert found[:3] == whole[:3]
        assert found[5] == whole[5]
        assert len(found[3]) - len(whole[3]) in (0, 1)  # the bad line may be named twice until the next compaction
        store.compact("toy", form)
        again = said(store)
        assert (again[:3], again[4:]) == (whole[:3], whole[4:])
        assert len(again[3]) == len(whole[3])
        if not was:
            break
    assert killed >= 2


def test_a_folder_that_may_only_be_read(store):
    fill(store)
    before = said(store)
    code = (
        "import fcntl, os, sys\n"
        "from zcbench.records import Store\n"
        "from zcbench.errors import StoreError\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "store = Store(sys.argv[1])\n"
        "print(len(store.records('toy')), store.check('toy')[0].files)\n"
        "first = store.records('toy')[0]\n"
        "for use in (lambda: store.compact('toy', 'jsonl'), lambda: store.writer('toy').record(first)):\n"
        "    try: use()\n"
        "    except StoreError as error: print(error)\n"
    )
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    place = Path("/tmp") / f"zcbench-test-{os.getpid()}-{time.monotonic_ns()}"
    shutil.copytree(store.folder, place)
    try:
        for path in (place, *place.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        command = [sys.executable, "-c", code, str(place)]
        run = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
        assert run.returncode == 0, run.stderr
        first, second, third = run.stdout.splitlines()
        assert first == "11 6"
        assert second.startswith(f"cannot write to {place}/toy/")
        assert third.startswith(f"cannot write to {place}/toy/")
        assert said(Store(place)) == before
    finally:
        for path in (place, *place.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(place)


def test_a_format_that_does_not_exist(store):
    fill(store)
    with pytest.raises(InvalidInputError, match=r"the format 'csv': choose one of jsonl, parquet\."):
        store.compact("toy", "csv")
