"""Files of lines: chunks of any size, environments without the items."""

import pytest
from stores import columns_of, fill, new_lines, old_lines
from toys import record

from zcbench.records import Store, _lines
from zcbench.records._kinds import RECORDS
from zcbench.records._layout import Source


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 5000])
def test_chunks_of_any_size(tmp_path, monkeypatch, size):
    path = tmp_path / "file"
    path.write_bytes(b"".join([*new_lines(), b"x" * 3000 + b"\n", *old_lines(), b"\n", b'{"schema":2,"cut']))
    expected = columns_of(path, quick=False)
    monkeypatch.setattr(_lines, "_CHUNK", size)
    monkeypatch.setattr(_lines._schema, "READ", 2000)
    found = columns_of(path, quick=True)
    assert found[0] == expected[0]
    assert [line.line for line in found[1].left_out] == [line.line for line in expected[1].left_out]
    assert found[1].lines == expected[1].lines


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_environments_alone(tmp_path, form):
    store = Store(tmp_path)
    fill(store)
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        writer.record(record("last"))
    path = store.files("toy")[0]
    path.write_bytes(path.read_bytes() + b'bad\n{"schema":2,"environment":"e7","x":"\\"proxy\\":"}\n')
    found = store.environments("toy")
    assert found.keys() == {"e0", "e7"}
    store.compact("toy", form)
    assert store.environments("toy") == found
    made = store.files("toy")[-1]
    assert _lines.environments(Source(made, form, made.name.partition(".")[0]), RECORDS) == found


@pytest.mark.parametrize("rest", [0, 100, -1])
def test_a_compacted_file_that_was_copied_in_part(tmp_path, rest):
    store = Store(tmp_path)
    with store.writer("toy") as writer:
        for number in range(20):
            writer.record(record(f"a{number}"))
    path = store.compact("toy", "jsonl")[0].path
    assert store.records("toy").notes == ()
    path.write_bytes(path.read_bytes()[:rest])
    (note,) = store.records("toy").notes
    assert "the file is not complete: copy it again" in note
    assert not store.check("toy")[0].is_sound
