"""What a check says of files."""

import pytest
from toys import record, trial

from zcbench.records import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_what_files_hold(store):
    with store.writer("toy") as writer:
        for number in range(300):
            writer.record(record(str(number), number / 3))
    with store.writer("toy") as writer:
        writer.record(record("0", 0.0))
        writer.record(record("1", 7.0))
        writer.record(record("x"))
        writer.trial(trial())
        records, trials, *_ = store.check("toy")
        assert (records.files, records.living, records.lines, records.items) == (2, 1, 303, 300)
        assert (records.disagreeing, records.left_out, records.is_sound) == (1, 0, False)
        assert records.bytes == sum(path.stat().st_size for path in store.files("toy"))
        assert (trials.files, trials.living, trials.items, trials.is_sound) == (1, 1, 1, True)
    path = store.files("toy")[0]
    path.write_bytes(path.read_bytes() + b"x\n")
    records, *_ = store.check("toy")
    assert (records.left_out, records.living) == (1, 0)
    assert len(records.notes) == 2
    before = records.bytes
    store.compact("toy", "jsonl")
    after, *_ = store.check("toy")
    # What was promised is about what came; the bad line stays.
    assert before - after.bytes == pytest.approx(records.saved, rel=0.1)
    assert (after.items, after.lines, after.saved < before / 50) == (300, 2, True)


def test_nothing(store):
    records, trials, *_ = store.check("toy")
    assert (records.files, records.items, trials.files, records.is_sound) == (0, 0, 0, True)
