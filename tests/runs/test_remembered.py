"""What a store notes of user-defined tables, and reading them again."""

import json
import shutil

import pytest

import zcbench
from zcbench.datasets import own_benchmark
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError
from zcbench.records import Store
from zcbench.runs import run
from zcbench.runs._remembered import COLUMNS, name_of, read_again, remember, remembered, ways
from zcbench.runs._track import SCORES, Track
from zcbench.spaces import ChoiceSpace, FactorySpace

TABLE = "arch,acc,val acc,size\na,1,1,9\nb,2,3,8\nc,3,2,7\nd,4,4,6\n"

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def store(place):
    place.joinpath("my.csv").write_text(TABLE)
    return Store("runs")


def noted(store, kind=SCORES, target="acc", imports=(), **options):
    table = own_benchmark(options.pop("path", "my.csv"), target, **options)
    remember(store, table, kind, Track(benchmarks=(table.name,), proxies=("params",)), imports=imports)
    return table


def test_a_table_is_read_again_as_it_was(store):
    first = noted(store, lower="size", arch="arch", batch="digits", seed_column=None, exclude="val*")
    (one,) = remembered(store, "own-my")
    again = one.read()
    assert (again.name, again.own, again.targets) == (first.name, first.own, first.targets)
    assert set(again.facts) == set(first.facts) == {"size"}
    other = one.read(target="size")
    assert (other.default_target, other.target().higher_is_better) == ("size", False)


def test_it_is_found_from_any_folder(store, place, monkeypatch):
    noted(store)
    (place / "deep").mkdir()
    monkeypatch.chdir(place / "deep")
    there = Store("../runs")
    assert len(read_again(there, "own-my", ())) == len(read_again(there, "../my.csv", ())) == 4
    shutil.copytree(place / "runs", place / "deep" / "runs")
    shutil.copy(place / "my.csv", place / "deep")
    (place / "my.csv").unlink()
    assert len(read_again(Store("runs"), "own-my", ())) == 4  # the folder moved with the table beside it


def test_nothing_but_the_hidden_file_has_a_path(store, place):
    noted(store, path=place / "my.csv", space=FactorySpace(f"{place}/nets.py:build", str), imports=[f"{place}/mine.py"])
    (path,) = (place / "runs" / "own-my").glob("*.table.json")
    assert str(place) not in path.read_text()
    content = json.loads(path.read_text())
    assert content["space"] == "nets.py:build"
    assert content["words"][:5] == ["my.csv", "--target", "acc", "--factory", "nets.py:build"]
    (one,) = remembered(store, "own-my")
    assert one.words[0] == str(place / "my.csv")
    assert one.words[-2:] == ("--import", f"{place}/mine.py")


def test_a_store_from_another_machine(store, place):
    noted(store)
    other = Store(place / "elsewhere" / "runs")
    other.merge(store, "own-my")
    with pytest.raises(
        DataMissingError, match=r"as its place on this machine is not known: say where it is, with  --source"
    ):
        read_again(other, "own-my", ())
    assert len(read_again(other, "own-my", (), source="my.csv")) == 4
    assert len(zcbench.own_benchmark("my.csv", "acc")) == 4


def test_two_files_of_one_name(store, place):
    (place / "b").mkdir()
    (place / "b" / "my.csv").write_text(TABLE + "e,5,5,5\n")
    noted(store)
    noted(store, path="b/my.csv")
    assert len(read_again(store, "own-my", ())) == 5  # that of the latest run
    assert len(read_again(store, "my.csv", ())) == 4
    assert len(read_again(store, "b/my.csv", ())) == 5


def test_targets_and_kinds(store):
    noted(store)
    noted(store, kind=COLUMNS, target="val acc")
    assert [(one.kind, one.target) for one in ways(store, "own-my", (COLUMNS, SCORES))] == [(COLUMNS, "val acc")]
    assert [(one.kind, one.target) for one in ways(store, "own-my", (COLUMNS, SCORES), "acc")] == [(SCORES, "acc")]
    assert read_again(store, "own-my", (SCORES,)).default_target == "val acc"
    assert read_again(store, "own-my", (SCORES,), target="size").default_target == "size"


def test_columns_of_several_runs_add_up(store, place):
    run("my.csv", target="acc", proxies="size", lower="size")
    run("my.csv", target="acc", proxies="val*", lower="size")
    (found,) = zcbench.leaderboard("own-my")
    assert {entry.proxy: entry.higher_is_better for entry in found.entries} == {"size": False, "val acc": True}
    (place / "my.csv").write_text(TABLE.replace("9", "1"))
    run("my.csv", target="acc", proxies="val*", lower="size")
    (found,) = zcbench.leaderboard("own-my")
    assert [entry.proxy for entry in found.entries] == ["val acc"]  # the others are of another content


def test_simultaneous_runs_of_different_columns_lose_nothing(store, place):
    """Both have read the store before either writes."""
    table = own_benchmark("my.csv", "acc", lower="size")
    for column, up in (("size", False), ("val acc", True)):
        other = Store(place / f"other-{up}")
        remember(other, table, COLUMNS, Track(benchmarks=(table.name,)), higher_is_better={column: up})
        store.merge(other, table.name)
    (found,) = ways(store, "own-my", (COLUMNS,))
    assert found.higher_is_better == {"size": False, "val acc": True}


def test_what_stays_true_of_changed_content(store, place):
    noted(store)
    (place / "my.csv").write_text(TABLE + "e,5,5,5\n")
    with pytest.raises(DataCorruptError, match="has 5 rows instead of 4: run it again"):
        read_again(store, "own-my", (SCORES,))
    run("my.csv", target="acc")
    assert {one.kind: one.rows for one in ways(store, "own-my", (COLUMNS, SCORES))} == {COLUMNS: 5, SCORES: 5}


def test_a_space_that_is_not_registered(store, place):
    (place / "my.csv").write_text("arch,acc\na-a,1\na-b,2\n")
    noted(store, space=Pairs("pairs", ["ab", "ab"]), imports=["my spaces.py"])
    with pytest.raises(InvalidInputError, match=r"is not registered: add  --import 'my spaces\.py'"):
        read_again(store, "own-my", ())


class Pairs(ChoiceSpace):
    """The least that a space of choices has."""

    def read(self, text):
        """Choices."""
        return tuple(text.split("-"))

    def write(self, choices):
        """Text."""
        return "-".join(choices)


def test_a_run_by_the_name_of_the_table(store, place):
    with pytest.raises(InvalidInputError, match="the table own-my has not been run in"):
        run("own-my", proxies="size")
    run("my.csv", target="acc", lower="size", exclude="val*")
    again = run("own-my")
    assert {entry.proxy: entry.tau.value for entry in again.entries} == {"size": pytest.approx(1)}
    other = run("own-my", target="val acc", lower=[])
    assert {e.proxy: e.tau.value for e in other.entries} == pytest.approx({"acc": 2 / 3, "size": -2 / 3})
    (place / "my.csv").rename("other.csv")
    with pytest.raises(DataMissingError, match=r"it is not at my\.csv any more"):
        run("own-my")
    assert run("own-my", source="other.csv").target.name == "val acc"  # that of the latest run


def test_names():
    assert name_of("own-x") == name_of("a/x.csv") == "own-x"


def test_a_store_that_cannot_be_written_loses_no_result(store, place):
    (place / "runs").write_text("a file")
    found = run("my.csv", target="acc")
    assert len(found.entries) == 2
    assert any("could not be noted in the store" in note for note in found.notes)


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"space": "x"}},
        {"settings": {"unknown": 1}},
        {"settings": [1]},
        {"higher_is_better": 3},
        {"columns": 5},
        {"columns": [5]},
        {"run": 3},
        {"more": 1},
    ],
)
def test_an_entry_of_another_version_is_one_sentence(store, changed):
    noted(store)
    (path,) = store.folder.rglob("*.table.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    with pytest.raises(DataCorruptError, match="another version of zcbench: give the table's"):
        read_again(store, "own-my", (SCORES,))
