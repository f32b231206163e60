"""All files together: in order of writing, while others write and compact, and those of older schemas for ever."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from stores import fill, said, write
from toys import forecast, record, trace, trial

from zcbench.records import Store, _lines

#: made by  zcbench run  of commit cb76440: three proxies, one of which failed and was tried again; three trials
OLD = Path(__file__).parent / "schema_1"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_a_file_that_vanishes_while_it_is_read(store, monkeypatch):
    fill(store)
    before, count = said(store), 0

    def reader(self, source, read=_lines.Reader.read):
        nonlocal count
        count += 1
        if count == 3:  # between the listing and this file another process compacts
            monkeypatch.setattr(_lines.Reader, "read", read)
            store.compact("toy", "jsonl")
        return read(self, source)

    monkeypatch.setattr(_lines.Reader, "read", reader)
    assert [*map(repr, store.records("toy"))] == before[0]
    assert len(store.files("toy")) == 1
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


# -- schema 2 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["lines", "blocks", "parquet"])
def test_a_store_of_schema_2_is_read(tmp_path, form):
    """What the commit before schema 3 wrote; nothing says where it was measured."""
    shutil.copytree(OLD.parent / "schema_2" / form, tmp_path / "runs")
    store = Store(tmp_path / "runs")
    a, b, c = store.records("toy")
    assert [a, b] == [record("a", 1 / 3), record("b", None, detail="no")]
    assert (c.score.value, c.score.repeats, c.code, c.sample) == (2.5, 3, "01", "02")
    assert list(store.trials("toy")) == [trial()]
    assert list(store.searches("toy")) == [trace()]
    assert list(store.forecasts("toy")) == [forecast()]
    assert {(r.score.device, r.score.device_name) for r in (a, b, c)} == {("", "")}
    assert np.isnan(store.records("toy").numbers("memory")).all()
    assert store.notes("toy") == []
    before = said(store)
    store.compact("toy", "jsonl")
    assert said(Store(store.folder)) == before


# -- schema 1 ----------------------------------------------------------------------------------


def old_lines():
    return (OLD / "digits-201.jsonl").read_bytes().splitlines(keepends=True)[1:]


@pytest.fixture
def old(tmp_path):
    shutil.copytree(OLD, tmp_path / "runs")
    return Store(tmp_path / "runs")


def test_a_store_of_schema_1_is_read(old):
    lines = [json.loads(line) for line in old_lines()]
    latest = {(line["architecture"], line["proxy"]): line for line in lines}
    assert (len(lines), len(latest)) == (12, 9)
    found = {(r.architecture, r.proxy): r for r in old.records("digits-201")}
    assert found.keys() == latest.keys()
    for key, line in latest.items():
        one = found[key]
        assert (one.benchmark, one.seed, one.batch) == (line["benchmark"], line["seed"], line["batch"])
        assert (one.score.value, str(one.score.status)) == (line["value"], line["status"])
        assert (one.score.seconds, one.score.detail) == (line["seconds"], line["detail"])
        assert (one.network, one.higher_is_better, one.environment) == (
            *(line["network"], line["higher_is_better"]),
            line["environment"],
        )
        assert one.score.repeats == line.get("repeats", 1)
        assert one.score.spread == line["spread"] if "spread" in line else np.isnan(one.score.spread)
        assert (one.code, one.sample) == ("", "")
    # What was tried again: 2 of 3 then gave a value. Its second line is its second attempt.
    again = [r for r in found.values() if r.proxy == "fails-some@1"]
    assert sorted(str(r.score.status) for r in again) == ["failed", "ok", "ok"]
    assert {r.attempt for r in again} == {1}
    assert {r.attempt for r in found.values() if r not in again} == {0}
    assert old.notes("digits-201") == []
    assert list(old.environments("digits-201")) == [lines[0]["environment"]]
    assert old.benchmarks() == ["digits-201"]


def test_trials_of_schema_1_are_read(old):
    first, second, third = old.trials("digits-201")
    assert (first.transfer_from, third.transfer_from) == ("", "digits-201@1/test_nll")
    assert (first.seed, second.seed, first.train_size, first.pool) == (0, 1, 5, 20)
    assert first.metrics["tau"] == 0.33333333333333337
    assert first.data == "7a528d6218bf-4c403da81130"


def test_a_store_of_schema_1_goes_on_in_new_files(old):
    before = {path: path.read_bytes() for path in old.folder.rglob("*.jsonl")}
    read = list(old.records("digits-201"))
    with old.writer("digits-201") as writer:
        writer.record(record("a"))
        writer.trial(trial())
    assert old.records("digits-201") == [*read, record("a")]
    assert len(old.trials("digits-201")) == 4
    assert {path: path.read_bytes() for path in before} == before
    new = [path for path in old.folder.rglob("*.jsonl") if path not in before]
    assert {path.parent for path in new} == {old.folder / "digits-201"}
    # The environment of an old record that a new file refers to is described there too.
    (kept,) = {r.environment for r in read}
    with old.writer("digits-201") as writer:
        writer.record(record("b", environment=kept))
    latest = old.files("digits-201")[-1].read_bytes().splitlines()
    assert json.loads(latest[0])["environment"] == kept
    assert "torch" in json.loads(latest[0])


def test_the_later_of_two_lines_of_schema_1_wins(old):
    path = old.folder / "digits-201.jsonl"
    line = json.loads(old_lines()[0])
    for value in (5.0, None, 4.0):
        status = "ok" if value is not None else "failed"
        with path.open("a") as file:
            file.write(json.dumps(line | {"value": value, "status": status}) + "\n")
        key = (line["architecture"], line["proxy"])
        found = {(r.architecture, r.proxy): r.score.value for r in old.records("digits-201")}
        assert found[key] == value
    assert old.notes("digits-201") == []
