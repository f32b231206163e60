"""Nothing that was written is lost, whatever happens to the process, the disk or the file."""

import math
from random import Random

import pytest
from damage import mutated
from hypothesis import given
from hypothesis import strategies as st
from stores import write
from toys import disk_of, record, trial

from zcbench.errors import StoreError, ZcbenchError
from zcbench.records import Record, Store, Trial
from zcbench.records._schema import SCHEMA


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


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
    written = [record("a", value), record("b", None, detail=text), record(f"c{text}", 1.0)]
    path = write(store, *written)
    assert store.records("toy") == written
    assert path.read_bytes().count(b"\n") == 3


def test_text_that_is_no_text(store):
    # An exception may quote the bytes of a file name.
    write(store, record("a", None, detail="cannot open \udc80"), record("b"))
    assert [r.score.detail for r in store.records("toy")] == [r"cannot open \udc80", ""]


def test_nothing_yet(store):
    assert store.benchmarks() == []
    assert store.records("toy") == []
    assert store.environments("toy") == {}
    assert not store.folder.exists()


@pytest.mark.parametrize(
    "change",
    [
        *({"proxy": "mine@2"}, {"seed": 1}, {"batch": "x"}, {"benchmark": "toy@2"}, {"architecture": "z"}),
        {"code": "0123"},
    ],
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
    path = write(store, *RECORDS)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        # One may lack nothing but its end.
        assert store.records("toy") == RECORDS[: sum(end <= cut + 1 for end in ends)]
        assert store.left_out("toy") == ()  # a line that is cut short is no bad line
    for cut in (1, ends[0] - 2, ends[0] - 1, ends[0], ends[0] + 1, ends[2] - 2, ends[2] - 1):
        path.write_bytes(whole[:cut])
        new = write(store, record("new"))
        assert store.records("toy") == [*RECORDS[: sum(end <= cut + 1 for end in ends)], record("new")]
        assert path.read_bytes() == whole[:cut]  # nobody writes to another's file
        new.unlink()


MUTANTS = 600


@pytest.mark.parametrize("kind", ["records", "trials"])
def test_mutants(store, kind):
    """One spoilt line never costs another, and never raises."""
    items = [*RECORDS, *(record(f"r{i}", 0.1 * i, seed=i, repeats=3) for i in range(3))]
    if kind == "trials":
        items = [trial(seed=i, detail="x" * i) for i in range(6)]
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        for item in items:
            (writer.record if kind == "records" else writer.trial)(item)
    (path,) = store.files("toy", Record if kind == "records" else Trial)
    lines = path.read_bytes().splitlines(keepends=True)
    read = store.records if kind == "records" else store.trials
    random, bad, changed = Random(0), 0, 0
    for _ in range(MUTANTS):
        spoilt, where = mutated(random, lines)
        path.write_bytes(b"".join(spoilt))
        found = {item.key: item for item in read("toy")}
        others = {item.key: item for i, item in enumerate(items, 1) if i != where}
        same = {key for key in others if found.get(key) == others[key] or repr(found.get(key)) == repr(others[key])}
        # A mutant may pass for another good line of the same key, with which the other then disagrees.
        assert len(same) >= len(others) - 1
        numbers = [line.line for line in store.left_out("toy")]
        assert numbers in ([], [where + 1])
        bad, changed = bad + len(numbers), changed + (not numbers and spoilt != lines)
        store.environments("toy")
    assert bad > MUTANTS / 2
    assert changed > MUTANTS / 50  # some are other, good lines


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk(store, room):
    with store.writer("toy") as writer:
        writer.record(record("a"))
        writer.record(record("b"))
        (path,) = store.files("toy")
        before = path.read_bytes()
        with disk_of(len(before) + room):
            with pytest.raises(StoreError) as caught:
                writer.record(record("c"))
        assert path.read_bytes() == before
        writer.record(record("d"))  # room was made
    assert [r.architecture for r in store.records("toy")] == ["a", "b", "d"]
    message = str(caught.value)
    assert message.startswith(f"cannot write to {path}: ")
    assert message.endswith("All scores so far are kept; free disk space and run the same command again to continue.")


def test_a_folder_that_cannot_be(tmp_path):
    tmp_path.joinpath("file").write_text("")
    for store in (Store(tmp_path / "file"), Store(tmp_path / "file" / "deeper")):
        with pytest.raises(StoreError, match=r"cannot write to .*file.* Choose another folder with --store"):
            write(store, record())
        assert store.benchmarks() == []
        assert store.records("toy") == []


def test_a_file_in_place_of_the_folder(store):
    store.folder.mkdir()
    store.folder.joinpath("toy").write_text("")
    with pytest.raises(ZcbenchError, match=r"cannot write to .*toy.*: .*toy is not a folder. Choose") as caught:
        write(store, record())
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)
