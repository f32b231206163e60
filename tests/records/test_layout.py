"""Names of files: what they say, and which are read."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stores import fill, said, write
from toys import record, trial

from zcbench.errors import InvalidInputError, StoreError
from zcbench.records import Store, _layout

OLD = Path(__file__).parent / "schema_1"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.mark.parametrize("host", ["node.cluster", "../../etc", "ü\0 \n", "x" * 500, "", "-", "a-1-2"])
def test_names_of_hosts(store, monkeypatch, host):
    monkeypatch.setattr(_layout.socket, "gethostname", lambda: host)
    with store.writer("toy") as writer:
        writer.record(record())
        writer.trial(trial())
    (path,) = store.files("toy")
    assert path.parent == store.folder / "toy"
    assert _layout.writer_of(path.name.partition(".")[0])[1] == os.getpid()
    assert store.trials("toy") == [trial()]


def test_two_hosts_with_one_process_number(store, monkeypatch):
    for host in ("a", "b"):
        monkeypatch.setattr(_layout.socket, "gethostname", lambda host=host: host)
        with store.writer("toy") as writer:
            writer.record(record(host))
    assert len(store.files("toy")) == 2
    assert sorted(r.architecture for r in store.records("toy")) == ["a", "b"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\\b", "a\0"])
def test_names_that_are_no_folder(store, name):
    for use in (store.records, store.writer, store.compact, store.files):
        with pytest.raises(InvalidInputError, match="cannot be a benchmark of the store"):
            use(name)


def test_a_benchmark_that_is_named_as_the_folder_of_old_trials(tmp_path):
    shutil.copytree(OLD, tmp_path / "runs")
    old = Store(tmp_path / "runs")
    with old.writer("predictors") as writer:
        writer.record(record("a"))
        writer.trial(trial())
    assert old.records("predictors") == [record("a")]
    assert old.trials("predictors") == [trial()]
    assert len(old.trials("digits-201")) == 3
    assert old.every_benchmark() == ["digits-201", "predictors"]


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
    report, *_ = store.check("toy")
    assert report.foreign == ("README.md", "deeper.jsonl", "pipe.jsonl", "x.curves.jsonl")
    assert report.is_sound
    write(store, record("b"))
    store.compact("toy", "jsonl")
    assert len(list(folder.iterdir())) == 6


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
    assert len(list(elsewhere.iterdir())) == 12  # only the links are gone
    store.folder.joinpath("toy").rename(tmp_path / "moved")
    store.folder.joinpath("toy").symlink_to(tmp_path / "moved")
    write(store, record("new"))
    store.compact("toy", "jsonl")
    assert said(store)[0] == [*before[0], repr(record("new"))]


def test_what_cannot_be_looked_into_is_no_empty_store(store, monkeypatch):
    """Otherwise its scores would be missing from a table, and computed again, without a word."""
    with store.writer("toy") as writer:
        writer.record(record())
    (path,) = store.files("toy")
    shutil.rmtree(store.folder / "toy")
    (store.folder / "toy").symlink_to("toy")
    with pytest.raises(StoreError, match=r"cannot read .*toy: "):
        store.records("toy")
    (store.folder / "toy").unlink()
    (store.folder / "toy").mkdir()
    path.touch()
    looked = Path.stat

    def refused(self, **given):
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return looked(self, **given)

    monkeypatch.setattr(Path, "stat", refused)
    with pytest.raises(StoreError, match="Permission denied"):
        store.records("toy")


@pytest.mark.parametrize("latest", ["", "29991231T235959999999Z", "99991231T235959999999Z", "20269999T000000000000Z"])
def test_a_clock_that_is_put_back(store, monkeypatch, latest):
    """What was measured last is read last, as of two versions of a proxy the last one is shown."""

    class Clock(datetime):
        days = 0

        @classmethod
        def now(cls, tz=None):
            cls.days += 1
            return datetime(2026, 1, 30, tzinfo=UTC) - timedelta(days=cls.days)

    if latest:
        path = write(store, record("first", proxy="mine@9"))
        path.rename(path.with_name(f"a-1-{latest}.jsonl"))
    monkeypatch.setattr(_layout, "datetime", Clock)
    for version in (1, 2, 3):
        write(store, record(proxy=f"mine@{version}"))
        if version == 2:
            store.compact("toy", "jsonl")
    if latest[:4] == "9999" or latest[4:6] == "99":  # no time is after this one
        return
    assert [r.proxy[5:] for r in store.records("toy")] == [*(["9"] if latest else []), "1", "2", "3"]
