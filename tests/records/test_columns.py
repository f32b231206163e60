"""Records as columns: the same items, by index, slice, mask and key."""

import math
import pickle
import tracemalloc

import numpy as np
import pytest
from toys import record, trial

from zcbench.records import Records, Store, Trials
from zcbench.records._columns import key_numbers

ITEMS = [
    record("a", 1 / 3),
    record("b", None, detail="why", network="a", seed=3),
    record("c", -0.0, proxy="other@2", seconds=math.nan),
    record("a", 2.0, proxy="other@2", repeats=3, code="01", sample="02", attempt=4, higher_is_better=False),
]


def test_items_come_back():
    records = Records.of(ITEMS)
    assert list(records) == ITEMS
    assert records == ITEMS
    assert ITEMS == records  # noqa: SIM300 - a list that is asked first
    assert records == Records.of(iter(ITEMS))
    assert records != ITEMS[:3]
    assert records != [*ITEMS[:3], record("z")]
    assert [records[i] for i in range(-4, 4)] == [*ITEMS, *ITEMS]
    assert records[1:3] == ITEMS[1:3]
    assert records[::-2] == ITEMS[::-2]
    assert records.take([3, 0, 3]) == [ITEMS[3], ITEMS[0], ITEMS[3]]
    assert records.where(records.has("proxy", "other@2")) == ITEMS[2:]
    assert records.where(records.has("architecture", ["b", "c", "z"])) == ITEMS[1:3]
    assert ITEMS[2] in records
    assert records.index(ITEMS[2]) == 2
    assert math.copysign(1, records[2].score.value) == -1
    for place in (4, -5):
        with pytest.raises(IndexError):
            records[place]
    assert repr(records) == "<Records: 4>"
    assert pickle.loads(pickle.dumps(records)) == ITEMS


def test_nothing():
    for none in (Records.of([]), Trials.of([])):
        assert list(none) == []
        assert none == []
        assert len(none[:3]) == len(none.take([])) == 0
        assert none.row(record().key) is None
        assert not none.keys()
    assert len(Records.of([]).where(Records.of([]).has("proxy", "x"))) == 0


def test_trials_come_back():
    items = [trial(seed=1), trial(tau=None, detail="why"), trial(transfer_from="x@1/y", code="01", attempt=2)]
    assert Trials.of(items) == items
    assert Trials.of(items).find(items[2].key) == items[2]
    nan = trial(seed=2)
    object.__setattr__(nan, "metrics", {"tau": 0.5, "nll": math.nan, "x": math.inf})
    (found,) = Trials.of([nan])
    assert found.metrics["tau"] == 0.5
    assert math.isnan(found.metrics["nll"])
    assert math.isnan(found.metrics["x"])


def test_columns():
    records = Records.of(ITEMS)
    codes, texts = records.codes("proxy")
    assert codes.dtype == np.int32
    assert [texts[code] for code in codes] == [r.proxy for r in ITEMS]
    assert records.values.dtype == np.float64
    assert np.array_equal(records.values, [1 / 3, math.nan, 0, 2], equal_nan=True)
    assert np.array_equal(records.seconds, [0.5, 0.5, math.nan, 0.5], equal_nan=True)
    assert records.numbers("attempt").tolist() == [0, 0, 0, 4]
    assert records.numbers("attempt").dtype.kind == "i"
    assert records.column("architecture") == ["a", "b", "c", "a"]
    assert records.column("seed") == [0, 3, 0, 0]
    assert records.distinct("architecture") == ["a", "b", "c"]
    assert records[2:].distinct("architecture") == ["c", "a"]
    assert records.keys() == [r.key for r in ITEMS]
    for name in ("value", "nothing"):
        with pytest.raises(KeyError):
            records.codes(name)
    for name in ("proxy", "nothing"):
        with pytest.raises(KeyError):
            records.numbers(name)
    with pytest.raises(ValueError, match="read-only"):
        records.values[0] = 7


def test_keys_find_rows():
    records = Records.of(ITEMS)
    for place, item in enumerate(ITEMS):
        assert records.row(item.key) == place
        assert records.find(item.key) == item
        for other in range(len(item.key)):
            changed = (*item.key[:other], 999 if other == 3 else "other", *item.key[other + 1 :])
            assert records.find(changed) is None
    # A combination of parts that occur, but not together.
    assert records.row(record("b", proxy="other@2").key) is None
    assert records[2:].row(ITEMS[0].key) is None


def test_keys_that_do_not_fit_into_a_number():
    items = [
        trial(seed=n, predictor=f"p{n}@1", target=f"t{n}", data=f"{n}", train_size=n + 1, code=f"c{n}")
        for n in range(3000)
    ]
    trials = Trials.of(items)
    assert key_numbers(trials._arrays, trials._texts, trials.kind) is None
    assert len(np.unique(key_numbers(trials._arrays, trials._texts, trials.kind, exact=False))) == 3000
    assert trials.row(items[123].key) == 123
    assert trials.row(trial(seed=5, predictor="p6@1").key) is None


def test_memory(tmp_path):
    """A record takes a hundred bytes, not a thousand."""
    store = Store(tmp_path)
    with store.writer("toy") as writer:
        for number in range(5_000):
            writer.record(record(f"a{number % 250}", number / 7, proxy=f"p{number // 250}@1"))
    tracemalloc.start()
    records = store.records("toy")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(records) == 5_000
    assert kept / len(records) < 160
