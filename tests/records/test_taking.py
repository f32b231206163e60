"""Another store's files are taken over whole, once."""

import shutil
from pathlib import Path

import pytest
from toys import disk_of, record, trial

from zcbench.errors import InvalidInputError, StoreError
from zcbench.records import Store

OLD = Path(__file__).parent / "schema_1"


@pytest.fixture
def stores(tmp_path):
    return Store(tmp_path / "here"), Store(tmp_path / "there")


def write(store, *names):
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        for name in names:
            writer.record(record(name))


def test_files_of_another_store(stores):
    here, there = stores
    write(here, "a", "b")
    write(there, "b", "c")
    with there.writer("toy") as writer:
        writer.trial(trial())
    content = {path: path.read_bytes() for path in there.folder.rglob("*.*")}
    assert len(here.merge(there, "toy")) == 2
    assert [r.architecture for r in here.records("toy")] == ["a", "b", "c"]
    assert here.trials("toy") == [trial()]
    assert here.notes("toy") == []
    assert {path: path.read_bytes() for path in there.folder.rglob("*.*")} == content
    files = {path: path.stat().st_mtime_ns for path in here.folder.rglob("*.*")}
    assert here.merge(there, "toy") == []
    assert {path: path.stat().st_mtime_ns for path in here.folder.rglob("*.*")} == files


def test_a_writer_that_goes_on(stores):
    here, there = stores
    with there.writer("toy") as writer:
        for name in "abc":
            writer.record(record(name))
            assert len(here.merge(there, "toy")) == 1
            assert here.records("toy") == there.records("toy")
    assert len(here.files("toy")) == 1
    shutil.copytree(here.folder, there.folder.with_name("older"))
    write(there, "d")
    here.merge(there, "toy")
    assert here.merge(Store(there.folder.with_name("older")), "toy") == []


def test_two_files_of_one_name(stores):
    here, there = stores
    write(here, "a")
    write(there, "b")
    (first,), (second,) = here.files("toy"), there.files("toy")
    second.rename(second.with_name(first.name))
    for _ in range(2):
        here.merge(there, "toy")
        assert sorted(r.architecture for r in here.records("toy")) == ["a", "b"]
        assert len(here.files("toy")) == 2


def test_what_was_compacted_may_be_taken_again(stores):
    here, there = stores
    write(there, "a", "b")
    here.merge(there, "toy")
    here.compact("toy")
    here.merge(there, "toy")
    assert here.records("toy") == there.records("toy")
    there.compact("toy", "parquet")
    here.merge(there, "toy")
    assert here.records("toy") == there.records("toy")
    here.compact("toy", "jsonl")
    assert here.records("toy") == there.records("toy")


def test_a_store_of_schema_1(stores, tmp_path):
    here, _ = stores
    old = Store(OLD)
    for _ in range(2):
        here.merge(old, "digits-201")
        assert here.records("digits-201") == old.records("digits-201")
        assert here.trials("digits-201") == old.trials("digits-201")
        assert len(here.files("digits-201")) == 1
    here.compact("digits-201", "jsonl")
    assert here.records("digits-201") == old.records("digits-201")


def test_the_store_itself(stores):
    here, _ = stores
    write(here, "a")
    for other in (here, Store(here.folder / ".." / here.folder.name)):
        with pytest.raises(InvalidInputError, match="is the store itself"):
            here.merge(other, "toy")


def test_a_full_disk(stores):
    here, there = stores
    write(there, *map(str, range(100)))
    with disk_of(500), pytest.raises(StoreError, match="cannot write to"):
        here.merge(there, "toy")
    assert list(here.folder.rglob("*.*")) == []
    here.merge(there, "toy")
    assert len(here.records("toy")) == 100
