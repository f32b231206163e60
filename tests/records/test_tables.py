"""How user-defined tables were read, next to their records."""

import json

import pytest

from zcbench.errors import InvalidInputError, StoreError
from zcbench.records import Store


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "runs")
    found.keep_table("own-my", "one", {"run": "1", "file": "my.csv"}, {"path": "../my.csv"})
    return found


def test_what_was_noted_is_read(store):
    assert store.tables() == store.every_benchmark() == ["own-my"]
    assert store.benchmarks() == []
    assert store.kept_tables("own-my") == {"one": ({"run": "1", "file": "my.csv"}, {"path": "../my.csv"})}
    store.keep_table("own-my", "one", {"run": "2"}, {})
    assert store.kept_tables("own-my") == {"one": ({"run": "2"}, {})}
    assert store.kept_tables("other") == {}
    assert Store(store.folder / "nowhere").tables() == []


def test_they_belong_to_the_store(store):
    assert [(report.files, report.foreign, report.is_sound) for report in store.check("own-my")] == [(0, (), True)] * 4


def test_merging_takes_them_without_places(store, tmp_path):
    other = Store(tmp_path / "other")
    assert [path.name for path in other.merge(store, "own-my")] == ["one.table.json"]
    assert other.kept_tables("own-my") == {"one": ({"run": "1", "file": "my.csv"}, {})}
    assert other.merge(store, "own-my") == []
    other.keep_table("own-my", "one", {"run": "3"}, {"path": "here"})
    assert other.merge(store, "own-my") == []  # what was run later counts
    store.keep_table("own-my", "one", {"run": "4"}, {})
    assert len(other.merge(store, "own-my")) == 1
    assert other.kept_tables("own-my")["one"][0] == {"run": "4"}


def test_what_cannot_be_read(store):
    path = store.folder / "own-my" / "one.table.json"
    for text in ("{", "[]", "\x00", json.dumps("x")):
        path.write_text(text)
        with pytest.raises(StoreError, match=r"one\.table\.json is damaged: delete it"):
            store.kept_tables("own-my")
    (store.folder / "own-my" / ".one.place.json").write_text("{")
    path.write_text("{}")
    assert store.kept_tables("own-my") == {"one": ({}, {})}
    with pytest.raises(InvalidInputError, match="cannot be a benchmark"):
        store.kept_tables("../x")
