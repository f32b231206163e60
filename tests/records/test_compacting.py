"""One file of many: it says what they said, and nothing is lost or doubled whenever compaction is killed."""

import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import disk_of, record, trial

from zcbench.errors import InvalidInputError, MissingDependencyError, StoreError
from zcbench.records import Record, Store, Trial, _blocks, _compacting, _parquet
from zcbench.records._schema import LONGEST

OLD = Path(__file__).parent / "schema_1"
FORMATS = ["jsonl", "parquet"]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def write(store, *items, benchmark="toy"):
    with store.writer(benchmark) as writer:
        writer.environment("e0", {"torch": "2"})
        for item in items:
            (writer.record if isinstance(item, Record) else writer.trial)(item)


def said(store, benchmark="toy"):
    """All that a reader learns, exactly (also of nan, of -0.0 and of types)."""
    records, trials = store.records(benchmark), store.trials(benchmark)
    return (
        *(list(map(repr, records)), list(map(repr, trials)), store.environments(benchmark)),
        *(records.notes, trials.notes, store.disagreeing(benchmark).keys()),
    )


def fill(store):
    """Several files of what a store may hold."""
    write(store, record("a", 1 / 3), record("b", None, detail='"no" – |\n</script>\0'), record("c", -0.0, network="a"))
    write(store, record("d", seconds=math.nan), record("e", 5e-324, repeats=3), trial(), trial(seed=1, tau=None))
    write(store, record("a", 1 / 3, seconds=9.0), record("b", 2.0), record("a", 5.0, attempt=1), record("f", 1.7e308))
    write(store, record("disagrees"), record("close", 3.0), trial(seed=2), trial(seed=2, tau=0.1))
    write(store, record("disagrees", 2.0), record("close", 3.0 + 1e-9), record("g", None, status="non-finite"))
    write(store, record("h", 2.0, code="01", sample="02", higher_is_better=False, seed=2**32 - 1, environment="e1"))


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_read_stays_the_same(store, form):
    fill(store)
    before = said(store)
    done = store.compact("toy", form)
    assert [(one.kind, one.files) for one in done] == [("record", 6), ("trial", 2)]
    assert [path.name for path in (*store.files("toy"), *store.files("toy", Trial))] == [d.path.name for d in done]
    assert {path.suffix for path in store.folder.joinpath("toy").iterdir()} == {f".{form}"}
    assert said(store) == before
    assert [one.files for one in store.compact("toy", form)] == [0, 0]  # there is nothing to gain
    write(store, record("a", 4.0, attempt=2), record("i"))
    after = said(store)
    other = FORMATS[form == "jsonl"]
    assert [one.files for one in store.compact("toy", other)] == [2, 1]
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


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(any_record | any_trial, max_size=6), max_size=4), st.sampled_from(FORMATS))
def test_anything_stays_the_same(tmp_path_factory, files, form):
    store = Store(tmp_path_factory.mktemp("store") / "runs")
    for items in files:
        write(store, *items)
    before = said(store)
    store.compact("toy", form)
    assert said(store)[:-1] == before[:-1]
    assert len(list(store.folder.rglob("*.*"))) <= 2


@pytest.mark.parametrize("form", FORMATS)
def test_many_rows_make_blocks_of_a_megabyte(store, form):
    random = Random(0)
    items = [
        record(f"{random.random()}" * 10, random.random(), f"p{n % 7}@1", seconds=n / 7, detail="x" * (n % 13))
        for n in range(5000)
    ]
    write(store, *items)
    before = said(store)
    (done, _) = store.compact("toy", form)
    assert said(store) == before
    if form == "jsonl":
        lines = done.path.read_bytes().splitlines(keepends=True)
        assert len(lines) > 3  # an environment and blocks
        assert max(map(len, lines)) <= LONGEST
        for line in lines:
            json.loads(line)


def test_a_record_of_a_megabyte(store):
    big = record("x" * (LONGEST - 400))
    write(store, big, record("b"), record("c"))
    store.compact("toy", "jsonl")
    assert store.records("toy") == [big, record("b"), record("c")]
    assert store.notes("toy") == []


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
        done, _ = store.compact("digits-201", "jsonl")
    assert done.left == {tmp_path / "runs" / "digits-201.jsonl": "a run is writing to it"}
    assert (tmp_path / "runs" / "digits-201.jsonl").exists()
    assert said(store, "digits-201") == before


# -- lines that cannot be read -------------------------------------------------------------------

ODD = [b"bad", b'{"schema":3,"proxy":1}', b"\xff\xfe\0", b"x" * (2 << 20), b"", b'{"schema":2,"block":"record"}']


@pytest.mark.parametrize("form", FORMATS)
def test_lines_that_cannot_be_read_are_kept(store, form):
    fill(store)
    first, second = store.files("toy")[:2]
    for path in (first, second):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[0] + b"".join(line + b"\n" for line in ODD) + b"".join(lines[1:]) + b'{"schema":2,"cut')
    before = said(store)
    done, _ = store.compact("toy", form)
    assert len(done.aside) == 1  # both had the same lines
    (aside,) = done.aside
    assert aside.read_bytes() == b"".join(line + b"\n" for line in ODD)
    after = said(store)
    assert after[:3] == before[:3]
    (note, *rest) = after[3]
    assert note.startswith(f"{len(ODD)} lines that cannot be read were left out and stay in {aside}: ")
    assert tuple(rest) == before[3][2:]
    again, _ = store.compact("toy", form)
    assert (again.files, list(again.left)) == (0, [aside])
    write(store, record("new"))
    store.compact("toy", form)
    assert said(store)[3] == after[3]
    assert aside.read_bytes() == b"".join(line + b"\n" for line in ODD)


@pytest.mark.parametrize("form", FORMATS)
def test_any_damage_to_a_compacted_file_is_noticed(store, form):
    fill(store)
    write(store, *(record(str(n), n / 3) for n in range(300)))
    done, _ = store.compact("toy", form)
    write(store, record("other"))
    good, whole, random = said(store), done.path.read_bytes(), Random(0)
    changed = 0
    for _ in range(150):
        spoilt = bytearray(whole)
        kind = random.randrange(3)
        if kind == 0:
            spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)
        elif kind == 1:
            del spoilt[random.randrange(len(spoilt)) :]
        else:
            place = random.randrange(len(spoilt))
            spoilt[place : place + 40] = random.randbytes(40)
        done.path.write_bytes(spoilt)
        records = store.records("toy")
        assert record("other") in list(records)  # nothing else is hidden
        assert {*map(repr, records)} <= {*good[0]}  # and no number is wrong
        # An environment's description is a line without a checksum; what is cut within the last line says nothing.
        changed += bool(records.notes != good[3])
        assert records.notes != good[3] or len(records) == len(good[0]) or len(spoilt) < len(whole)
    assert changed > 100
    done.path.write_bytes(whole)
    assert said(store) == good


def test_blocks_do_not_hide_each_other(store):
    write(store, *(record("x" * 400 + str(n), n / 3) for n in range(8000)))
    done, _ = store.compact("toy", "jsonl")
    lines = done.path.read_bytes().splitlines(keepends=True)
    assert len(lines) > 4
    lines[2] = lines[2].replace(b"0.3", b"0.4", 1)
    done.path.write_bytes(b"".join(lines))
    records = store.records("toy")
    assert 4000 < len(records) < 8000
    (note,) = records.notes
    assert note.endswith(f"left out and stays in {done.path}: line 3 (a damaged block).")
    done, _ = store.compact("toy", "parquet")
    assert done.aside[0].read_bytes() == lines[2]
    assert store.records("toy") == records


# -- Parquet -------------------------------------------------------------------------------------


def test_parquet_without_pyarrow(store, monkeypatch):
    fill(store)
    store.compact("toy", "parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for use in (store.records, store.trials, store.environments, store.compact):
        with pytest.raises(MissingDependencyError, match=r"^reading .*\.parquet needs the package 'pyarrow'"):
            use("toy")
    with pytest.raises(MissingDependencyError, match=r"needs the package 'pyarrow'"):
        store.compact("toy", "parquet")


def test_without_pyarrow_compact_writes_lines(store, monkeypatch):
    fill(store)
    monkeypatch.setattr(_parquet, "available", lambda: False)
    done, _ = store.compact("toy")
    assert done.path.suffix == ".jsonl"


@pytest.mark.parametrize("name", ["foreign.parquet", "x-1-20260101T000000000000Z.parquet"])
def test_foreign_parquet(store, name):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write(store, record("a"))
    path = store.folder / "toy" / name
    for table in (
        pa.table({"value": [1.0]}),
        pa.table({}),
        pa.table({"value": pa.array(["x"])}).replace_schema_metadata({"zcbench": "{}"}),
        pa.table({"value": pa.array(["x"])}).replace_schema_metadata({"zcbench": "[" * 10**5}),
        pa.table({"v": [1]}).replace_schema_metadata({"zcbench": '{"schema":2,"block":"record","environments":[]}'}),
        pa.table({"v": [1]}).replace_schema_metadata({"zcbench": '{"schema":9,"block":"record","environments":[]}'}),
        pa.table({"value": pa.nulls(10**7, pa.float64())}),  # more rows than so few bytes may stand for
    ):
        pq.write_table(table, path)
        assert store.records("toy") == [record("a")]
        (note,) = store.notes("toy")
        assert note.startswith(f"{path} was left out: it")
    assert "states more than" in note
    path.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    assert store.records("toy") == [record("a")]
    store.compact("toy", "jsonl")
    assert path.exists()


@pytest.mark.parametrize(
    "column, values",
    [
        *(("value", ["1", "2"]), ("value", [math.inf, 1.0]), ("value", [None, 1.0]), ("seconds", [-1.0, 0.0])),
        *(("seed", [-1, 0]), ("seed", [2**32, 0]), ("seed", [0.5, 1.0]), ("seed", [None, 1]), ("proxy", [1, 2])),
        *(("proxy", ["mine", "b@1"]), ("status", ["ok", "odd"]), ("repeats", [0, 1]), ("network", [None, ""])),
        *(("higher_is_better", [0, 1]), ("attempt", [2**53, 0]), ("spread", [-1.0, None])),
    ],
)
def test_parquet_with_wrong_columns(store, column, values):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write(store, record("a"), record("b"))
    done, _ = store.compact("toy", "parquet")
    table = pq.read_table(done.path)
    place = table.schema.names.index(column)
    changed = pa.array(values)
    if pa.types.is_string(changed.type) and pa.types.is_dictionary(table.schema.field(column).type):
        changed = changed.dictionary_encode()
    done.path.unlink()
    path = store.folder / "toy" / "renamed.parquet"
    pq.write_table(table, path)
    assert store.records("toy") == [record("a"), record("b")]  # for comparison
    pq.write_table(table.set_column(place, column, changed).replace_schema_metadata(table.schema.metadata), path)
    assert store.records("toy") == []
    (note,) = store.notes("toy")
    assert note.startswith(f"{path} was left out: ")


def block(**changes):
    """A block with another content and the right checksum."""
    import zlib

    items = [record("a"), record("b")]
    from zcbench.records import Records

    records = Records.of(items)
    kind = records.kind.traced
    arrays = {**records._arrays, "origin": records._arrays["attempt"].astype("int32")}
    (line,) = _blocks.encoded(arrays, {**records._texts, "origin": ("o",)}, kind)
    content = json.loads(line)
    del content["crc32"]
    content = {name: value for name, value in (content | changes).items() if value != "drop"}
    text = json.dumps(content).encode()[:-1]
    return text + b',"crc32":%d}\n' % zlib.crc32(text)


@pytest.mark.parametrize(
    "changes",
    [
        *({"value": [1.0]}, {"value": [1.0, "x"]}, {"value": [1.0, None]}, {"value": 1.0}, {"value": [1.0, 10**400]}),
        *({"value": [True, 1.0]}, {"seconds": [-1, 1]}, {"seconds": 0.5}, {"seconds": "drop"}, {"texts": "drop"}),
        *({"seed": [0]}, {"seed": -1}, {"seed": 2**32}, {"seed": 0.0}, {"seed": [0, True]}, {"seed": 10**30}),
        *({"proxy": 99}, {"proxy": -1}, {"proxy": [0, 1.0]}, {"proxy": "mine@1"}, {"texts": {}}, {"texts": [1] * 20}),
        *({"architecture": [0, 10**12]}, {"higher_is_better": 2}, {"repeats": 0}, {"status": 0}, {"block": "trial"}),
        *({"texts": ["\ud800"] * 20}, {"schema": 3}, {"attempt": []}, {"value": [], "seconds": []}, {"spread": -1}),
    ],
)
def test_blocks_with_wrong_columns(store, changes):
    write(store, record("z"))
    path = store.folder / "toy" / "made.jsonl"
    path.write_bytes(block())
    assert store.records("toy") == [record("a"), record("b"), record("z")]  # for comparison
    path.write_bytes(block(**changes))
    assert store.records("toy") == [record("z")]
    (note,) = store.notes("toy")
    assert note.startswith(f"1 line that cannot be read was left out and stays in {path}: line 1 (")


# -- others at work ------------------------------------------------------------------------------


def test_a_living_writer_is_left_alone(store):
    fill(store)
    with store.writer("toy") as writer:
        writer.record(record("living"))
        done, _ = store.compact("toy", "jsonl")
        (path,) = done.left
        assert done.left[path] == "a run is writing to it"
        writer.record(record("more"))
        assert list(store.records("toy"))[-2:] == [record("living"), record("more")]
    before = said(store)
    done, _ = store.compact("toy", "jsonl")
    assert (done.files, done.left) == (2, {})
    assert said(store) == before


def test_the_order_of_writing_stays(store):
    write(store, record("a"))
    with store.writer("toy") as writer:
        writer.record(record("b"))
        write(store, record("c"))
        store.compact("toy", "jsonl")
        writer.record(record("d"))
        assert [r.architecture for r in store.records("toy")] == ["a", "b", "d", "c"]
    store.compact("toy", "parquet")
    assert [r.architecture for r in store.records("toy")] == ["a", "b", "d", "c"]


def test_a_file_that_vanishes_while_it_is_read(store, monkeypatch):
    fill(store)
    before, count = said(store), 0

    def reader(self, source, read=_compacting._lines.Reader.read):
        nonlocal count
        count += 1
        if count == 3:  # between the listing and this file another process compacts
            monkeypatch.setattr(_compacting._lines.Reader, "read", read)
            store.compact("toy", "jsonl")
        return read(self, source)

    monkeypatch.setattr(_compacting._lines.Reader, "read", reader)
    assert [*map(repr, store.records("toy"))] == before[0]
    assert len(store.files("toy")) == 1
    assert said(store) == before


def test_links_lead_to_what_they_name(store, tmp_path):
    fill(store)
    before = said(store)
    elsewhere = tmp_path / "elsewhere"
    store.folder.joinpath("toy").rename(elsewhere)
    store.folder.joinpath("toy").mkdir()
    for path in elsewhere.iterdir():
        (store.folder / "toy" / path.name).symlink_to(path)
    (store.folder / "toy" / "broken-1-20260101T000000000000Z.jsonl").symlink_to(tmp_path / "nowhere")
    (store.folder / "toy" / "loop-1-20260101T000000000000Z.jsonl").symlink_to("loop-1-20260101T000000000000Z.jsonl")
    assert said(store) == before
    store.compact("toy", "jsonl")
    assert said(store) == before
    assert len(list(elsewhere.iterdir())) == 8  # only the links are gone
    store.folder.joinpath("toy").rename(tmp_path / "moved")
    store.folder.joinpath("toy").symlink_to(tmp_path / "moved")
    write(store, record("new"))
    store.compact("toy", "jsonl")
    assert said(store)[0] == [*before[0], repr(record("new"))]


def test_foreign_files_are_not_read(store):
    write(store, record("a"))
    folder = store.folder / "toy"
    folder.joinpath("README.md").write_text("notes")
    folder.joinpath("x.curves.jsonl").write_text("of a later zcbench\n")
    folder.joinpath("deeper.jsonl").mkdir()
    folder.joinpath(".hidden.jsonl").write_text("bad\n")
    os.mkfifo(folder / "pipe.jsonl")
    assert store.records("toy") == [record("a")]
    assert store.notes("toy") == []
    report, _ = store.check("toy")
    assert report.foreign == ("README.md", "deeper.jsonl", "pipe.jsonl", "x.curves.jsonl")
    assert report.is_sound
    write(store, record("b"))
    store.compact("toy", "jsonl")
    assert len(list(folder.iterdir())) == 6


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
    with pytest.raises(StoreError, match="what was written was not what was read back"):
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


@pytest.mark.parametrize("form, steps", [("jsonl", range(8, 40, 4)), ("parquet", [12, 17, 24])])
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
        assert first == "9 6"
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
