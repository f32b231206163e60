import hashlib
import json
import os
from pathlib import Path

import pytest
from toys import disk_of

from zcbench.errors import DataCorruptError, StoreError
from zcbench.search._lines import Lines, digest_of, encoded, first_row, rows_of

BEGIN = b'{"kind":"search",'


def rows(path):
    return [row for _, row in rows_of(path)]


def appended(path, *found):
    lines = Lines(path, "make room")
    for row in found:
        lines.append(encoded(row), durable=True)
    lines.close()


def test_lines_are_read_back_as_they_are(tmp_path):
    path = tmp_path / "a"
    found = [{"a": 0.1 + 0.2, "b": None, "c": "ü\ud800\n"}, {"d": [1, 2.5], "e": 10**30}]
    appended(path, *found)
    assert rows(path) == found
    assert b"".join(line for line, _ in rows_of(path)) == path.read_bytes()
    assert rows(tmp_path / "nothing") == []


def test_no_number_that_json_lacks_is_written():
    with pytest.raises(ValueError):
        encoded({"a": float("nan")})


@pytest.mark.parametrize("torn", [b'{"a"', b"{", b"x" * 200_000, b"\x00" * 70_000])
def test_a_torn_line_is_left_out_and_then_cut_off(tmp_path, torn):
    path = tmp_path / "a"
    appended(path, {"n": 1}, {"n": 2})
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert rows(path) == [{"n": 1}, {"n": 2}]
    appended(path, {"n": 3})
    assert path.read_bytes() == whole + encoded({"n": 3})


def test_a_file_without_any_end_of_line_is_cut_to_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 150_000)
    appended(path, {"n": 3})
    assert path.read_bytes() == encoded({"n": 3})


@pytest.mark.parametrize("damage", [b"{]\n", b"[1]\n", b"\xff\xfe\n", b"\n", b"[" * 10**5 + b"\n"])
def test_a_damaged_line_is_named(tmp_path, damage):
    path = tmp_path / "a"
    path.write_bytes(b'{"n":1}\n' + damage + b'{"n":3}\n')
    found = rows_of(path)
    assert next(found)[1] == {"n": 1}
    with pytest.raises(DataCorruptError, match=r"line 2 of .*a is damaged: remove it and all lines after it"):
        next(found)


def test_where_there_is_no_room_nothing_of_the_line_stays(tmp_path):
    path = tmp_path / "a"
    appended(path, {"n": 1})
    whole = path.read_bytes()
    lines = Lines(path, "make room")
    with disk_of(len(whole) + 10):
        with pytest.raises(StoreError, match=r"cannot write to .*a: File too large. Make room"):
            lines.append(encoded({"n": "x" * 100}), durable=False)
    assert path.read_bytes() == whole
    lines.append(encoded({"n": 2}), durable=False)
    lines.close()
    assert rows(path) == [{"n": 1}, {"n": 2}]


def test_a_device_that_is_full():
    lines = Lines.__new__(Lines)  # whose constructor would look for the last line
    lines.path, lines._advice = Path("/dev/full"), "make room"
    lines._descriptor, lines._size, lines._linked = os.open("/dev/full", os.O_WRONLY), 0, True
    with pytest.raises(StoreError, match=r"No space left on device\. Make room"):
        lines.append(b"{}\n", durable=False)
    lines.close()


def test_it_is_waited_for_the_disk_where_that_is_wanted(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    lines = Lines(tmp_path / "a", "make room")
    lines.append(b"{}\n", durable=False)
    assert synced == []
    lines.append(b"{}\n", durable=True)
    assert len(synced) == 1
    lines.close()


def test_a_folder_cannot_be_appended_to(tmp_path):
    with pytest.raises(StoreError, match="Choose another place for the ledger"):
        Lines(tmp_path, "make room")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", None),
        (b'{"ki', None),
        (b'{"kind":"search","see', None),
        (BEGIN + b'"seed":1}\n{"x":1}\n', {"kind": "search", "seed": 1}),
    ],
)
def test_the_first_row(tmp_path, content, found):
    (tmp_path / "a").write_bytes(content)
    assert first_row(tmp_path / "a", BEGIN) == found
    assert (tmp_path / "a").read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"\n", b"notes without an end", b'{"kind":"other"}\n', BEGIN + b"\n", b"\x00" * 100, b"[]\n"]
)
def test_files_of_another_kind(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError):
        first_row(tmp_path / "a", BEGIN)
    assert (tmp_path / "a").read_bytes() == content


def test_the_digest_of_a_beginning(tmp_path):
    path = tmp_path / "a"
    content = json.dumps(list(range(30_000))).encode()
    path.write_bytes(content)
    assert digest_of(path, 100_001) == hashlib.sha256(content[:100_001]).hexdigest()
    assert digest_of(path, len(content)) == hashlib.sha256(content).hexdigest()
    assert digest_of(path, len(content) + 1) == ""


def test_what_a_check_refuses_is_said(tmp_path):
    def check(row):
        if row["n"] == 2:
            raise ValueError("its n is 2")

    path = tmp_path / "a"
    appended(path, {"n": 1}, {"n": 2})
    found = rows_of(path, check)
    assert next(found)[1] == {"n": 1}
    with pytest.raises(DataCorruptError, match=r"line 2 of .*a is damaged \(its n is 2\): remove it"):
        next(found)


@pytest.mark.parametrize(
    "meddle, said",
    [
        (lambda path: path.unlink(), "was removed"),
        (lambda path: path.write_bytes(b""), "was changed by another program"),
        (lambda path: path.write_bytes(path.read_bytes() + b"{}\n"), "was changed by another program"),
    ],
)
def test_a_file_that_others_meddle_with_is_not_written_any_more(tmp_path, meddle, said):
    path = tmp_path / "a"
    lines = Lines(path, "make room")
    lines.append(encoded({"n": 1}), durable=False)
    lines.append(encoded({"n": 2}), durable=False)
    meddle(path)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(StoreError, match=f"{said} while it was written: let no other program write to it"):
        lines.append(encoded({"n": 3}), durable=False)
    lines.close()
    assert (path.read_bytes() if path.exists() else None) == before
