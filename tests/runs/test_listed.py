"""Plans that list what they want: known, skipped and left, whatever the kind of item."""

from dataclasses import replace
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from zcbench.records import SearchTrace, Store, Trial
from zcbench.runs._listed import Listed
from zcbench.runs._resume import left_of
from zcbench.types import Status

GOOD = {"status": Status.OK, "metrics": {"tau": 0.5, "rho": 0.5}, "environment": "e1"}


class Result(NamedTuple):
    status: Status
    metrics: dict


class Trials(Listed[Trial]):
    what, units, kind = "trials", "splits", Trial

    def stored(self, store):
        found = store.trials(self.benchmark)
        return found, found.notes

    def append(self, writer, item):
        writer.trial(item)


def trial(seed, size, **fields):
    known = {"pool": 40, "tuned_size": 0, "status": Status.FAILED, "metrics": {}, "data": "0-0"}
    return Trial("toy@1", "acc", "", "gp@1", train_size=size, seed=seed, **(known | fields))


def plan():
    wanted = {(f"{seed} gp", str(size)): trial(seed, size) for seed in (0, 1) for size in (5, 10)}
    return Trials("toy", SimpleNamespace(imports=()), wanted)


def written(store, item):
    with store.writer("toy") as writer:
        writer.environment(item.environment, {"python": "3"})
        writer.trial(item)


def test_everything_is_left_at_first_by_task(tmp_path):
    found = plan()
    assert found.total == 4 and found.keys == ["0 gp", "1 gp"] and found.done == {}
    assert left_of(found, Store(tmp_path)).tasks == [("0 gp", ("5", "10")), ("1 gp", ("5", "10"))]


def test_a_result_becomes_the_wanted_item_and_is_known_once_it_is_written(tmp_path):
    found, store = plan(), Store(tmp_path)
    (item,) = found.items("1 gp", "5", Result(Status.OK, GOOD["metrics"]), "e1")
    assert item == trial(1, 5, **GOOD)
    with store.writer("toy") as writer:
        writer.environment("e1", {"python": "3"})
        found.write(writer, item)
    assert found.done == {("1 gp", "5"): item} and list(store.trials("toy")) == [item]
    assert found.left().tasks == [("0 gp", ("5", "10")), ("1 gp", ("10",))]
    assert plan().left().parts == 4  # another plan of the same


def test_what_the_store_has_is_taken_and_what_was_not_wanted_is_no_result(tmp_path):
    found, store = plan(), Store(tmp_path)
    written(store, trial(0, 10, **GOOD))
    written(store, trial(7, 10, **GOOD))
    assert left_of(found, store).tasks == [("0 gp", ("5",)), ("1 gp", ("5", "10"))]
    assert list(found.done) == [("0 gp", "10")]
    assert left_of(plan(), store, retry=["failed"]).parts == 3


def test_what_disagrees_is_neither_a_result_nor_done_again(tmp_path):
    found, store = plan(), Store(tmp_path)
    for tau in (0.1, 0.9):
        written(store, trial(0, 5, **(GOOD | {"metrics": {"tau": tau, "rho": tau}})))
    assert list(found.disagreeing(store)) == [trial(0, 5).key]
    assert left_of(found, store).tasks == [("0 gp", ("10",)), ("1 gp", ("5", "10"))] and not found.done
    assert left_of(plan(), store, retry=["disagreeing"]).parts == 4


def test_a_part_of_a_plan_knows_nothing_and_changes_nothing_of_the_whole():
    whole = plan()
    whole.take(trial(1, 5, status=Status.OK))
    part = whole.only(["1 gp", "no such"])
    assert (part.keys, part.total, part.done) == (["1 gp"], 2, {})
    part.skip(trial(1, 10).key)
    assert part.left().tasks == [("1 gp", ("5",))]
    assert len(whole.done) == 1 and whole.left().parts == 3


@pytest.mark.parametrize("kind", [Trial, SearchTrace])
def test_both_kinds_have_what_a_plan_reads(kind):
    assert {"status", "attempt", "environment"} <= set(kind.__dataclass_fields__) and hasattr(kind, "key")
    assert replace(trial(0, 5), attempt=2).key == trial(0, 5).key
