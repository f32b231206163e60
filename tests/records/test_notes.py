"""Sentences on what was left out."""

import pytest
from stores import write
from toys import record, trial

from zcbench.records import Store, _notes


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_numbers_of_many_bad_lines(store):
    path = write(store, record("a"))
    with path.open("ab") as file:
        file.write(b"x\n" * 2000 + b"{}\n")
    assert store.records("toy") == [record("a")]
    (note,) = store.notes("toy")
    assert note == (
        f"2,001 lines that cannot be read were skipped and stay in {path}: "
        "lines 2, 3, 4, 5, 6 and 1,995 more (not JSON), line 2002 (no field 'schema' with a number)."
    )


def test_bad_lines_of_many_files(store):
    for number in range(8):
        path = write(store, record(str(number)))
        path.write_bytes(path.read_bytes() + b"x\n")
    assert len(store.records("toy")) == 8
    *notes, last = store.notes("toy")
    assert len(notes) == 5
    assert last == "3 lines of 3 more files cannot be read; zcbench store check names them."


def test_names_of_any_length():
    long = record("a" * 5000, 1.0, "p" * 500 + "@1")
    note = _notes.of_disagreement(1, [long, record("a" * 5000, None, status="non-finite")])
    assert len(note) < 400
    assert "1.0 and non-finite;" in note
    every = [record("a", float(n)) for n in range(9)]
    assert "1.0 and 2.0 and 6 more;" in _notes.of_round_off(2, every[1:]).replace(" and 3.0 and 5 more", " and 6 more")
    assert "gp@1 for 2 networks" in _notes.of_disagreement(3, [trial(), trial(tau=None)])
