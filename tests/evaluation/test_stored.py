"""What a store knows of a benchmark: every run once, what was left out once."""

import dataclasses

import numpy as np
import pytest
from toys import BATCH, record, records, toy, trial

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import Wanted, at_zero, efficiency_of, evaluations_of
from zcbench.records import Store


def stored(folder, items=(), trials=()):
    """A store that holds them."""
    store = Store(folder)
    with store.writer("toy") as writer:
        for item in items:
            writer.record(item)
        for one in trials:
            writer.trial(one)
    return store


@pytest.fixture
def benchmark():
    return toy(np.arange(8.0))


def batch(seed, size=8):
    return BATCH.replace("train/8", f"train/{size}").replace("seed 0", f"seed {seed}")


def test_an_evaluation_per_seed_and_batch(tmp_path, benchmark):
    small = records(benchmark, range(8), seed=1, batch=batch(1))[:4]
    store = stored(
        tmp_path, [*small, *records(benchmark, range(8)), *records(benchmark, range(8), batch=batch(0, 16))[:6]]
    )
    found = evaluations_of(store, benchmark)
    assert [(e.total, e.seed, e.batch) for e in found] == [(8, 0, batch(0)), (6, 0, batch(0, 16)), (4, 1, batch(1))]
    (only,) = evaluations_of(store, benchmark, wanted=Wanted(seed=1))
    assert only.content() == found[2].content()
    assert at_zero(store, benchmark).content() == found[0].content()


def test_what_was_left_out_is_said_once(tmp_path, benchmark):
    strange = [record("nowhere"), record("a", benchmark="toy@7")]
    store = stored(
        tmp_path, [*records(benchmark, range(8)), *records(benchmark, range(8), seed=1, batch=batch(1)), *strange]
    )
    with store.files("toy")[0].open("a") as file:
        file.write("gibberish\n")
    first, second = evaluations_of(store, benchmark)
    assert [note.split(" ")[:3] for note in first.notes] == [
        ["1", "line", "that"],
        ["1", "line", "of"],
        ["1", "record", "of"],
    ]
    assert second.notes == ()
    (second,) = evaluations_of(store, benchmark, wanted=Wanted(seed=1))
    assert len(second.notes) == 3
    with pytest.raises(
        InvalidInputError, match=r"no records of toy@1 on digits with seed 9 in .*zcbench run toy\. 1 line that"
    ):
        evaluations_of(store, benchmark, wanted=Wanted(seed=9))


def test_measurements_that_disagree_are_named(tmp_path, benchmark):
    good = records(benchmark, range(8))
    stored(tmp_path, [*good, *records(benchmark, range(8), "params@1")])
    store = stored(tmp_path, [dataclasses.replace(good[3], score=dataclasses.replace(good[3].score, value=99.0))])
    (evaluation,) = evaluations_of(store, benchmark)
    assert {entry.proxy: entry.total for entry in evaluation.entries} == {"mine": 7, "params": 8}
    (note,) = evaluation.notes
    assert "measured several times" in note
    assert note in evaluation.footnotes()


def test_only_what_is_wanted(tmp_path, benchmark):
    rows = [r for name in ("a@1", "ab@1", "b:x=1@1") for r in records(benchmark, range(8), name)]
    store = stored(tmp_path, [*rows, *records(benchmark, range(8), "a@1", batch=batch(0, 16))])
    keys = frozenset(a.key for a in benchmark.architectures[:5])
    (found,) = evaluations_of(store, benchmark, wanted=Wanted(0, 8, keys, ("a", "b*")))
    assert [(e.proxy, e.total) for e in found.entries] == [("a", 5), ("b:x=1", 5)]
    (found,) = evaluations_of(store, benchmark, wanted=Wanted(batch_size=16))
    assert [(e.proxy, e.total) for e in found.entries] == [("a", 8)]


def test_common_and_ensembles(tmp_path, benchmark):
    store = stored(tmp_path, [*records(benchmark, range(8), "a@1")[:6], *records(benchmark, range(8), "b@1")])
    (found,) = evaluations_of(store, benchmark, common=True, ensembles=["mean_rank(a+b)"])
    assert {e.n for e in found.entries} == {6}
    assert len(found.entries) == 3


def test_a_run_that_lacks_a_member_of_an_ensemble_hides_no_other(tmp_path, benchmark):
    rows = [*records(benchmark, range(8), "a@1"), *records(benchmark, range(8), "b@1")]
    store = stored(tmp_path, [*rows, *records(benchmark, range(8), "a@1", seed=1, batch=batch(1))])
    first, second = evaluations_of(store, benchmark, ensembles=["vote(a+b)"])
    assert ({e.proxy for e in first.entries}, first.notes) == ({"a", "b", "vote(a+b)"}, ())
    assert [e.proxy for e in second.entries] == ["a"]
    assert second.notes == ("vote(a+b) is excluded: it needs scores of b.",)
    with pytest.raises(InvalidInputError, match=r"vote\(a\+c\) needs scores of c: run these proxies too"):
        evaluations_of(store, benchmark, ensembles=["vote(a+c)"])


def test_samples_of_another_data_set_are_no_runs_on_this_target(tmp_path, benchmark):
    store = stored(tmp_path, records(benchmark, range(8), batch="noise/train/8 of 512/seed 0"))
    assert at_zero(store, benchmark) is None
    with pytest.raises(InvalidInputError, match="no records of toy@1 on digits"):
        evaluations_of(store, benchmark)
    other = dataclasses.replace(benchmark, batches={"digits": "noise"})
    assert len(evaluations_of(store, other)) == 1


def test_sample_efficiency_of_a_store(tmp_path, benchmark):
    rows = [trial(f"{p}@1", 0.5, train_size=n, seed=s) for p in ("gp", "mean") for n in (2, 3) for s in range(3)]
    others = [
        trial("gp@1", 0.5, pool=3),
        trial("gp@1", 0.5, transfer_from="toy@1/other"),
        trial("gp@1", target="other"),
    ]
    store = stored(tmp_path, records(benchmark, range(8)), [*rows, *others, trial(benchmark="toy@7")])
    found = efficiency_of(store, benchmark)
    assert {(p.predictor, p.train_size) for p in found.points} == {("gp", 2), ("gp", 3), ("mean", 2), ("mean", 3)}
    assert found.proxies.total == 8
    assert found.notes == ("1 line of toy@7 was excluded: the table here is toy@1.",)
    assert efficiency_of(store, benchmark, pool=3).pool == 3
    assert efficiency_of(store, benchmark, transfer=True).points[0].transfer_from == "toy@1/other"
    assert efficiency_of(store, benchmark, "other").target.name == "other"
    assert efficiency_of(store, benchmark, predictors=["me*"]).predictors == ["mean"]
    points = efficiency_of(store, benchmark, plans=[(["gp"], [2]), (["mean"], None)]).points
    assert {(p.predictor, p.train_size) for p in points} == {("gp", 2), ("mean", 2), ("mean", 3)}
    for words in ({"pool": 1}, {"predictors": ["x"]}, {"plans": []}):
        with pytest.raises(InvalidInputError, match="no trials of predictors on toy"):
            efficiency_of(store, benchmark, **words)
    with pytest.raises(UnknownNameError):
        efficiency_of(store, benchmark, "beauty")


def test_a_note_on_the_store_is_said_once(tmp_path, benchmark):
    """Trials and proxies have the same note where lines of one file are bad."""
    strange = [record("a", benchmark="toy@7")], [trial(benchmark="toy@7")]
    rows = [trial(train_size=n, seed=s) for n in (2, 3) for s in range(3)]
    store = stored(tmp_path, [*records(benchmark, range(8)), *strange[0]], [*rows, *strange[1]])
    found = efficiency_of(store, benchmark)
    note = "1 line of toy@7 was excluded: the table here is toy@1."
    assert (*found.notes, *found.proxies.notes) == (note, note)
    assert found.footnotes().count(note) == 1
