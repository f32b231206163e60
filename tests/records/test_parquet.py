"""Parquet: as good as lines, and no file of a stranger is believed."""

import math
import sys
from random import Random

import pytest
from stores import fill, said, write
from toys import record

from zcbench.errors import MissingDependencyError
from zcbench.records import Store, _parquet

FORMATS = ["jsonl", "parquet"]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_parquet_without_pyarrow(store, monkeypatch):
    fill(store)
    store.compact("toy", "parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for use in (store.records, store.trials, store.environments, store.compact):
        with pytest.raises(MissingDependencyError, match=r"^reading .*\.parquet needs the package 'pyarrow'"):
            use("toy")
    with pytest.raises(MissingDependencyError, match=r"needs the package 'pyarrow'"):
        store.compact("toy", "parquet")


def test_without_pyarrow_compact_writes_lines(store, monkeypatch):
    fill(store)
    monkeypatch.setattr(_parquet, "available", lambda: False)
    done, *_ = store.compact("toy")
    assert done.path.suffix == ".jsonl"


@pytest.mark.parametrize("name", ["foreign.parquet", "x-1-20260101T000000000000Z.parquet"])
def test_foreign_parquet(store, name):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write(store, record("a"))
    path = store.folder / "toy" / name
    for table in (
        pa.table({"value": [1.0]}),
        pa.table({}),
        pa.table({"value": pa.array(["x"])}).replace_schema_metadata({"zcbench": "{}"}),
        pa.table({"value": pa.array(["x"])}).replace_schema_metadata({"zcbench": "[" * 10**5}),
        pa.table({"v": [1]}).replace_schema_metadata({"zcbench": '{"schema":2,"block":"record","environments":[]}'}),
        pa.table({"v": [1]}).replace_schema_metadata({"zcbench": '{"schema":9,"block":"record","environments":[]}'}),
        pa.table({"value": pa.nulls(10**7, pa.float64())}),  # more rows than so few bytes may stand for
    ):
        pq.write_table(table, path)
        assert store.records("toy") == [record("a")]
        (note,) = store.notes("toy")
        assert note.startswith(f"{path} was skipped: it")
    assert "declares more than" in note
    path.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    assert store.records("toy") == [record("a")]
    store.compact("toy", "jsonl")
    assert path.exists()


@pytest.mark.parametrize(
    "column, values",
    [
        *(("value", ["1", "2"]), ("value", [math.inf, 1.0]), ("value", [None, 1.0]), ("seconds", [-1.0, 0.0])),
        *(("seed", [-1, 0]), ("seed", [2**32, 0]), ("seed", [0.5, 1.0]), ("seed", [None, 1]), ("proxy", [1, 2])),
        *(("proxy", ["mine", "b@1"]), ("status", ["ok", "odd"]), ("repeats", [0, 1]), ("network", [None, ""])),
        *(("higher_is_better", [0, 1]), ("attempt", [2**53, 0]), ("spread", [-1.0, None])),
    ],
)
def test_parquet_with_wrong_columns(store, column, values):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write(store, record("a"), record("b"))
    done, *_ = store.compact("toy", "parquet")
    table = pq.read_table(done.path)
    place = table.schema.names.index(column)
    changed = pa.array(values)
    if pa.types.is_string(changed.type) and pa.types.is_dictionary(table.schema.field(column).type):
        changed = changed.dictionary_encode()
    done.path.unlink()
    path = store.folder / "toy" / "renamed.parquet"
    pq.write_table(table, path)
    assert store.records("toy") == [record("a"), record("b")]  # for comparison
    pq.write_table(table.set_column(place, column, changed).replace_schema_metadata(table.schema.metadata), path)
    assert store.records("toy") == []
    (note,) = store.notes("toy")
    assert note.startswith(f"{path} was skipped: ")


@pytest.mark.parametrize("form", FORMATS)
def test_any_damage_to_a_compacted_file_is_noticed(store, form):
    fill(store)
    write(store, *(record(str(n), n / 3) for n in range(300)))
    done, *_ = store.compact("toy", form)
    write(store, record("other"))
    good, whole, random = said(store), done.path.read_bytes(), Random(0)
    changed = 0
    for _ in range(150):
        spoilt = bytearray(whole)
        kind = random.randrange(3)
        if kind == 0:
            spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)
        elif kind == 1:
            del spoilt[random.randrange(len(spoilt)) :]
        else:
            place = random.randrange(len(spoilt))
            spoilt[place : place + 40] = random.randbytes(40)
        done.path.write_bytes(spoilt)
        records = store.records("toy")
        assert record("other") in list(records)  # nothing else is hidden
        assert {*map(repr, records)} <= {*good[0]}  # and no number is wrong
        # An environment's description is a line without a checksum; what is cut within the last line says nothing.
        changed += bool(records.notes != good[3])
        assert records.notes != good[3] or len(records) == len(good[0]) or len(spoilt) < len(whole)
    assert changed > 100
    done.path.write_bytes(whole)
    assert said(store) == good
