"""Blocks: many records in a line, each line by itself, none of it believed."""

import json
from random import Random

import pytest
from stores import said, write
from toys import record

from zcbench.records import Records, Store, _blocks
from zcbench.records._schema import LONGEST

FORMATS = ["jsonl", "parquet"]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.mark.parametrize("form", FORMATS)
def test_many_rows_make_blocks_of_a_megabyte(store, form):
    random = Random(0)
    items = [
        record(f"{random.random()}" * 20, random.random(), f"p{n % 7}@1", seconds=n / 7, detail="x" * (n % 13))
        for n in range(6000)
    ]
    write(store, *items)
    before = said(store)
    done, *_ = store.compact("toy", form)
    assert said(store) == before
    if form == "jsonl":
        lines = done.path.read_bytes().splitlines(keepends=True)
        assert len(lines) > 2
        assert max(map(len, lines)) <= LONGEST
        for line in lines:
            json.loads(line)


def test_a_record_of_a_megabyte(store):
    big = record("x" * (LONGEST - 400))
    write(store, big, record("b"), record("c"))
    store.compact("toy", "jsonl")
    assert store.records("toy") == [big, record("b"), record("c")]
    assert store.notes("toy") == []


def test_blocks_do_not_hide_each_other(store):
    write(store, *(record("x" * 400 + str(n), n / 3) for n in range(8000)))
    done, *_ = store.compact("toy", "jsonl")
    lines = done.path.read_bytes().splitlines(keepends=True)
    assert len(lines) > 4
    lines[2] = lines[2].replace(b"0.3", b"0.4", 1)
    done.path.write_bytes(b"".join(lines))
    records = store.records("toy")
    assert 4000 < len(records) < 8000
    (note,) = records.notes
    assert note.endswith(f"skipped and stays in {done.path}: line 3 (a damaged block).")
    done, *_ = store.compact("toy", "parquet")
    assert done.aside[0].read_bytes() == lines[2]
    assert store.records("toy") == records


def block(**changes):
    """A block with another content and the right checksum."""
    import zlib

    items = [record("a"), record("b")]

    records = Records.of(items)
    kind = records.kind.traced
    arrays = {**records._arrays, "origin": records._arrays["attempt"].astype("int32")}
    (line,) = _blocks.encoded(arrays, {**records._texts, "origin": ("o",)}, kind)
    content = json.loads(line)
    del content["crc32"]
    content = {name: value for name, value in (content | changes).items() if value != "drop"}
    text = json.dumps(content).encode()[:-1]
    return text + b',"crc32":%d}\n' % zlib.crc32(text)


@pytest.mark.parametrize(
    "changes",
    [
        *({"value": [1.0]}, {"value": [1.0, "x"]}, {"value": [1.0, None]}, {"value": 1.0}, {"value": [1.0, 10**400]}),
        *({"value": [True, 1.0]}, {"seconds": [-1, 1]}, {"seconds": 0.5}, {"seconds": "drop"}, {"texts": "drop"}),
        *({"seed": [0]}, {"seed": -1}, {"seed": 2**32}, {"seed": 0.0}, {"seed": [0, True]}, {"seed": 10**30}),
        *({"proxy": 99}, {"proxy": -1}, {"proxy": [0, 1.0]}, {"proxy": "mine@1"}, {"texts": {}}, {"texts": [1] * 20}),
        *({"architecture": [0, 10**12]}, {"higher_is_better": 2}, {"repeats": 0}, {"status": 0}, {"block": "trial"}),
        *({"texts": ["\ud800"] * 20}, {"schema": 4}, {"attempt": []}, {"value": [], "seconds": []}, {"spread": -1}),
    ],
)
def test_blocks_with_wrong_columns(store, changes):
    write(store, record("z"))
    path = store.folder / "toy" / "made.jsonl"
    path.write_bytes(block())
    assert store.records("toy") == [record("a"), record("b"), record("z")]  # for comparison
    path.write_bytes(block(**changes))
    assert store.records("toy") == [record("z")]
    (note,) = store.notes("toy")
    assert note.startswith(f"1 line that cannot be read was skipped and stays in {path}: line 1 (")
