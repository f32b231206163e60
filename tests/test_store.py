"""Nothing that was written is lost, whatever happens to the process, the disk or the file."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import disk_of, record

from zcbench._store import SCHEMA, Store
from zcbench.errors import DataCorruptError, StoreError, ZcbenchError


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def write(store, *records):
    with store.writer("toy") as writer:
        for r in records:
            writer.record(r)


RECORDS = [
    record("a", 1 / 3, detail="", seconds=0.123456),
    record("b", None, detail='said "no" – |\n</script>', network="a", higher_is_better=False),
    record("c", None, status="non-finite", detail="nan"),
]


def test_what_is_written_is_read(store):
    write(store, *RECORDS)
    assert store.records("toy") == RECORDS
    assert store.benchmarks() == ["toy"]
    write(store, record("d"))
    assert store.records("toy") == [*RECORDS, record("d")]


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20))
def test_values_and_texts_come_back_exactly(tmp_path_factory, value, text):
    store = Store(tmp_path_factory.mktemp("store"))
    written = [record("a", value), record("b", None, detail=text), record(text, 1.0)]
    write(store, *written)
    assert {r.key: r for r in written} == {r.key: r for r in store.records("toy")}
    assert store.path("toy").read_bytes().count(b"\n") == 3


def test_text_that_is_no_text(store):
    # An exception may quote the bytes of a file name.
    write(store, record("a", None, detail="cannot open \udc80"), record("b"))
    assert [r.score.detail for r in store.records("toy")] == ["cannot open \udc80", ""]


def test_nothing_yet(store):
    assert store.benchmarks() == []
    assert store.records("toy") == []
    assert store.environments("toy") == {}
    assert not store.folder.exists()


def test_the_latest_of_one_key_wins(store):
    write(store, record("a", None), record("b", 2.0), record("a", 3.0))
    found = {r.architecture: r.score.value for r in store.records("toy")}
    assert found == {"a": 3.0, "b": 2.0}


@pytest.mark.parametrize(
    "change", [{"proxy": "mine@2"}, {"seed": 1}, {"batch": "x"}, {"benchmark": "toy@2"}, {"architecture": "z"}]
)
def test_other_measurements_are_kept_apart(store, change):
    write(store, record("a"), record(**{"architecture": "a", "value": 2.0} | change))
    assert len(store.records("toy")) == 2


def test_unknown_duration(store):
    write(store, record("a", seconds=math.nan))
    assert math.isnan(store.records("toy")[0].score.seconds)


def test_environments(store):
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        writer.record(record())
    assert store.environments("toy") == {"e0": {"schema": SCHEMA, "environment": "e0", "torch": "2"}}
    assert store.records("toy") == [record()]


def test_a_file_cut_anywhere(store):
    write(store, *RECORDS)
    path = store.path("toy")
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert store.records("toy") == RECORDS[: sum(end <= cut for end in ends)]
    for cut in (1, ends[0] - 1, ends[0], ends[0] + 1, ends[2] - 1):
        path.write_bytes(whole[:cut])
        write(store, record("new"))
        assert store.records("toy") == [*RECORDS[: sum(end <= cut for end in ends)], record("new")]


def test_a_long_partial_line_is_removed(store):
    write(store, record("a"))
    with store.path("toy").open("ab") as file:
        file.write(b"x" * 200_000)
    write(store, record("b"))
    assert [r.architecture for r in store.records("toy")] == ["a", "b"]


def change(**changes):
    line = {
        **{"schema": SCHEMA, "benchmark": "toy@1", "architecture": "a", "proxy": "mine@1", "seed": 0, "batch": "b"},
        **{"value": 1.0, "status": "ok", "seconds": 0.1, "detail": "", "network": "", "higher_is_better": True},
        "environment": "e0",
    } | changes
    return json.dumps({key: value for key, value in line.items() if value != "drop"}).encode()


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"{", b"\xff\xfe", b"7", b"[]", b"null", b"{}", b'{"schema":"1"}', b'{"schema":1}'),
        b'{"schema":1,"environment":["e"]}',
        *(change(value=None), change(value=math.nan), change(value="1"), change(status="good"), change(seed="0")),
        *(change(proxy="mine"), change(proxy="@1"), change(benchmark="toy"), change(architecture=["a"])),
        *(change(seconds=None), change(detail=None), change(environment=None), change(higher_is_better=1)),
        *(change(network="drop"), change(batch="drop"), change(schema="drop")),
    ],
)
def test_a_malformed_line_is_named(store, line):
    write(store, record("a"))
    with store.path("toy").open("ab") as file:
        file.write(line + b"\n")
    write(store, record("b"))
    with pytest.raises(DataCorruptError, match=r"toy\.jsonl, line 2 is not a record: delete that line"):
        store.records("toy")
    first, _, third = store.path("toy").read_bytes().splitlines(keepends=True)
    store.path("toy").write_bytes(first + third)  # what the message says to do
    assert [r.architecture for r in store.records("toy")] == ["a", "b"]


def test_a_good_line_for_comparison(store):
    store.folder.mkdir()
    store.path("toy").write_bytes(change() + b"\n")
    assert len(store.records("toy")) == 1


def test_a_newer_schema(store):
    store.folder.mkdir()
    store.path("toy").write_bytes(change(schema=SCHEMA + 1) + b"\n")
    with pytest.raises(DataCorruptError, match=rf"newer zcbench \(schema {SCHEMA + 1}\): upgrade zcbench"):
        store.records("toy")


def test_a_second_writer_is_refused(store):
    with store.writer("toy") as writer:
        with pytest.raises(StoreError, match=r"another run is writing to .*toy\.jsonl: wait for it, or choose"):
            write(store, record("b"))
        with store.writer("other") as other:
            other.record(record("c"))
        writer.record(record("a"))
    assert store.records("toy") == [record("a")]
    write(store, record("b"))  # the lock is gone


def test_a_writer_in_another_process(store):
    code = (
        "import sys; from zcbench._store import Store\n"
        "with Store(sys.argv[1]).writer('toy') as w:\n"
        "    print('open', flush=True); input()\n"
    )
    command = [sys.executable, "-c", code, str(store.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match="another run is writing"):
            write(store, record())
        other.kill()
        other.wait()
        write(store, record())  # a lock dies with its holder
    assert store.records("toy") == [record()]


def test_the_lock_is_released_after_an_error(store):
    with pytest.raises(KeyError), store.writer("toy"):
        raise KeyError
    write(store, record())


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk(store, room):
    write(store, record("a"), record("b"))
    before = store.path("toy").read_bytes()
    with store.writer("toy") as writer:
        with disk_of(len(before) + room):
            with pytest.raises(StoreError) as caught:
                writer.record(record("c"))
        assert store.path("toy").read_bytes() == before
        writer.record(record("d"))  # room was made
    assert [r.architecture for r in store.records("toy")] == ["a", "b", "d"]
    message = str(caught.value)
    assert message.startswith(f"cannot write to {store.path('toy')}: ")
    assert message.endswith("Everything scored so far is kept; make room and run the same command again to go on.")


def test_no_space_left_on_device(store):
    store.folder.mkdir()
    store.path("toy").symlink_to("/dev/full")
    with store.writer("toy") as writer:
        with pytest.raises(StoreError, match="No space left on device"):
            writer.record(record())


def test_a_folder_that_cannot_be(tmp_path):
    tmp_path.joinpath("file").write_text("")
    for store in (Store(tmp_path / "file"), Store(tmp_path / "file" / "deeper")):
        with pytest.raises(StoreError, match=r"cannot write to .*file.* Choose another folder with --store"):
            write(store, record())
        assert store.benchmarks() == []
        assert store.records("toy") == []


def test_a_folder_in_place_of_the_file(store):
    store.path("toy").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"cannot write to .*toy\.jsonl: Is a directory"):
        write(store, record())


def test_messages_are_one_sentence_of_ours(store):
    store.path("toy").mkdir(parents=True)
    with pytest.raises(ZcbenchError) as caught:
        write(store, record())
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)
