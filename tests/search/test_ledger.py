import json
import os
import subprocess
import sys

import pytest
from toys import disk_of

from zcbench.errors import DataCorruptError, InvalidInputError, StoreError
from zcbench.search import Ledger, read_ledger

HEAD = {"space": "s", "seed": 1, "objectives": ["a"]}
EVALUATED = {"architecture": "x", "epochs": None, "values": {"a": 0.5}, "seconds": {"training": 1.0}}
EVALUATED |= {"status": "ok", "detail": ""}


def write(path, *names):
    with Ledger(path, HEAD) as ledger:
        for name in names:
            ledger.append("evaluated", **{**EVALUATED, "architecture": name})


def test_what_is_appended_is_read_back(tmp_path):
    path = tmp_path / "new" / "folder" / "a.jsonl"
    write(path, "x", "y")
    head, rows = read_ledger(path)
    assert head == {"format": 1, **HEAD}
    assert [(row["kind"], row["architecture"]) for row in rows] == [("evaluated", "x"), ("evaluated", "y")]
    before = path.read_bytes()
    with Ledger(path, HEAD) as ledger:
        assert ledger.reading and ledger.lines == 1
        found = ledger.append("evaluated", architecture="x", epochs=None, values={"a": 0.9})
        assert found["values"] == {"a": 0.5}  # what was paid for
        assert ledger.peek("equal") is None
        assert ledger.peek("evaluated")["architecture"] == "y"
        assert ledger.known("evaluated", architecture="y", epochs=None)["kind"] == "evaluated"
        assert not ledger.reading and ledger.lines == 3
        assert ledger.known("evaluated", architecture="z", epochs=None) is None
    assert path.read_bytes() == before


def test_a_ledger_in_memory_keeps_nothing():
    with Ledger(None, HEAD) as ledger:
        row = ledger.append("evaluated", **EVALUATED)
        assert row == {"kind": "evaluated", **EVALUATED}
        assert not ledger.reading and ledger.lines == 1
        ledger.set_aside(**EVALUATED)
        assert ledger.aside(architecture="x", epochs=None) is None
        ledger.save_state({})
        assert ledger.skip_to_state() is None


@pytest.mark.parametrize("changed", [{"seed": 2}, {"space": "t"}, {"objectives": ["a", "b"]}, {"more": 1}])
def test_the_ledger_of_another_search_says_what_differs(tmp_path, changed):
    path = tmp_path / "a"
    write(path, "x")
    before = path.read_bytes()
    with pytest.raises(InvalidInputError, match=rf"another search: its {next(iter(changed))} is .*, not"):
        Ledger(path, {**HEAD, **changed})
    with pytest.raises(InvalidInputError, match="another search: its seed is 1, not null"):
        Ledger(path, {name: value for name, value in HEAD.items() if name != "seed"})
    assert path.read_bytes() == before
    Ledger(path, HEAD).close()  # nothing holds it


@pytest.mark.parametrize("content", [b"my notes", b"a,b\n1,2\n3,4", b'{"kind":"run"}\n', b"\x89PNG\x00", b"\n\n"])
def test_a_foreign_file_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match="is not the ledger of a search"):
        Ledger(path, HEAD)
    with pytest.raises(InvalidInputError, match="is not the ledger of a search"):
        read_ledger(path)
    assert path.read_bytes() == content


def test_what_is_no_file(tmp_path):
    with pytest.raises(InvalidInputError, match="is a folder: give a file"):
        Ledger(tmp_path, HEAD)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInputError, match="is not a file: give a file"):
        Ledger(tmp_path / "pipe", HEAD)
    with pytest.raises(InvalidInputError, match="is not a file"):
        read_ledger(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file is not a folder"):
        Ledger(tmp_path / "file" / "a", HEAD)


@pytest.mark.parametrize("length", [0, 1, 10, 40])
def test_a_head_that_was_never_finished_is_written_anew(tmp_path, length):
    write(tmp_path / "whole", "x")
    whole = (tmp_path / "whole").read_bytes()
    path = tmp_path / "a"
    path.write_bytes(whole[:length])
    write(path, "x")
    assert path.read_bytes() == whole


def test_a_line_that_tells_of_something_else(tmp_path):
    path = tmp_path / "a"
    write(path, "x", "y")
    with Ledger(path, HEAD) as ledger:
        with pytest.raises(
            InvalidInputError, match=r'line 2 of .*a contains "evaluated x".* this search is at "evaluated z"'
        ):
            ledger.append("evaluated", **{**EVALUATED, "architecture": "z"})
        with pytest.raises(InvalidInputError, match="this search is at"):
            ledger.append("evaluated", **{**EVALUATED, "epochs": 3})
        with pytest.raises(InvalidInputError, match='this search is at "an end"'):
            ledger.finished()


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "a"
    write(path, "x", "y")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1] + b"{]\n" + lines[2])
    with Ledger(path, HEAD) as ledger, pytest.raises(DataCorruptError, match=r"line 3 of .* is damaged"):
        ledger.append("evaluated", **EVALUATED)


def test_one_search_at_a_time(tmp_path):
    path = tmp_path / "a"
    (tmp_path / "b").symlink_to(path)
    with Ledger(path, HEAD):
        for name in ("a", "b"):  # the same file by two names
            with pytest.raises(
                StoreError, match=r"another search is writing .*: wait for it, or choose another ledger"
            ):
                Ledger(tmp_path / name, HEAD)
        code = f"from filelock import FileLock\nFileLock({f'{path}.lock'!r}).acquire(timeout=0)"  # as another process
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert other.stderr.splitlines()[-1].startswith("filelock._error.Timeout")
    Ledger(path, HEAD).close()


def test_a_full_disk_keeps_what_is_there(tmp_path):
    path = tmp_path / "a"
    write(path, "x")
    before = path.read_bytes()
    with Ledger(path, HEAD) as ledger:
        ledger.append("evaluated", **EVALUATED)
        with disk_of(len(before) + 5):
            with pytest.raises(StoreError, match="Its content is kept"):
                ledger.append("evaluated", **{**EVALUATED, "architecture": "y" * 100})
            with pytest.raises(StoreError, match="Its content is kept"):
                ledger.append("equal", architecture="y" * 100, epochs=None)
    assert path.read_bytes() == before
    write(path, "x", "y")
    with disk_of(5), pytest.raises(StoreError, match="Its content is kept"):
        Ledger(tmp_path / "other", HEAD)


def test_a_folder_that_is_not_to_be_written(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o500)
    if os.geteuid() == 0:
        folder = type(folder)("/proc/zcbench")  # root may write anywhere else
    with pytest.raises(StoreError, match=r"cannot write to .*another place for the ledger"):
        Ledger(folder / "a", HEAD)


def test_what_is_paid_for_outlasts_a_power_cut(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for durable in (True, False):
        with Ledger(tmp_path / str(durable), HEAD, durable=durable) as ledger:
            ledger.append("equal", architecture="x", epochs=None)
            assert synced == []
            ledger.append("evaluated", **EVALUATED)
            ledger.append("scored", scorer="s", architectures=["x"])
            assert len(synced) == (2 if durable else 0)
        synced.clear()


# -- the state beside it -------------------------------------------------------------------------------


def with_state(path):
    with Ledger(path, HEAD) as ledger:
        ledger.append("evaluated", **EVALUATED)
        ledger.append("equal", architecture="x", epochs=None)
        ledger.save_state({"n": 2})
        ledger.append("evaluated", **{**EVALUATED, "architecture": "y"})


def state_of(path):
    with Ledger(path, HEAD) as ledger:
        kept = ledger.skip_to_state()
        return kept and (kept[0], [row["kind"] for row in kept[1]], ledger.reading)


def test_a_state_stands_for_the_lines_before_it(tmp_path):
    with_state(tmp_path / "a")
    assert state_of(tmp_path / "a") == ({"n": 2}, ["evaluated", "equal"], True)


def test_no_state_is_kept_while_lines_are_read(tmp_path):
    with_state(tmp_path / "a")
    with Ledger(tmp_path / "a", HEAD) as ledger:
        ledger.append("evaluated", **EVALUATED)
        ledger.save_state({"n": 1})
    assert state_of(tmp_path / "a")[0] == {"n": 2}


def cut(path, lines):
    kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(kept[:lines]))


def changed(path):
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6", 1))


DAMAGES = {
    "behind the state": lambda path, state: cut(path, 2),
    "another line": lambda path, state: changed(path),
    "no state": lambda path, state: state.unlink(),
    "empty": lambda path, state: state.write_bytes(b""),
    "cut": lambda path, state: state.write_bytes(state.read_bytes()[:-20]),
    "one bit": lambda path, state: state.write_bytes(state.read_bytes().replace(b'"n": 2', b'"n": 3')),
    "no text": lambda path, state: state.write_bytes(b"\xff\xfe\n" * 3),
    "a folder": lambda path, state: (state.unlink(), state.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_state_that_is_not_of_these_lines_does_not_count(tmp_path, damage):
    path = tmp_path / "a"
    with_state(path)
    DAMAGES[damage](path, tmp_path / "a.state")
    assert state_of(path) is None
    with Ledger(path, HEAD) as ledger:  # and all the lines are still there
        assert ledger.append("evaluated", **EVALUATED)["kind"] == "evaluated"


def test_the_state_of_a_ledger_that_was_removed_goes(tmp_path):
    path = tmp_path / "a"
    with_state(path)
    state = (tmp_path / "a.state").read_bytes()
    path.unlink()
    with_state(path)
    path.unlink()
    (tmp_path / "a.state").write_bytes(state)
    Ledger(path, HEAD).close()
    assert not (tmp_path / "a.state").exists()


def test_a_state_that_cannot_be_written_ends_nothing(tmp_path):
    with Ledger(tmp_path / "a", HEAD) as ledger:
        (tmp_path / "a.state").mkdir()
        ledger.save_state({"n": 1})
        ledger.append("evaluated", **EVALUATED)


# -- what ended before its turn --------------------------------------------------------------------------


def test_what_is_set_aside_is_found_again(tmp_path):
    path = tmp_path / "a"
    with Ledger(path, HEAD) as ledger:
        ledger.set_aside(**{**EVALUATED, "architecture": "y"})
        ledger.set_aside(**{**EVALUATED, "architecture": "z", "epochs": 3})
    assert "y" not in path.read_text()
    beside = tmp_path / "a.ahead"
    beside.write_bytes(beside.read_bytes() + b'{"architecture":"t')  # the process was killed
    with Ledger(path, HEAD) as ledger:
        assert ledger.aside(architecture="x", epochs=None) is None
        assert ledger.aside(architecture="z", epochs=None) is None
        assert ledger.aside(architecture="z", epochs=3) == {**EVALUATED, "architecture": "z", "epochs": 3}
        ledger.set_aside(**{**EVALUATED, "architecture": "u"})
    with Ledger(path, HEAD) as ledger:
        assert all(ledger.aside(architecture=name, epochs=None) for name in "yu")
        ledger.append("evaluated", **{**EVALUATED, "architecture": "y"})
        assert ledger.aside(architecture="y", epochs=None) is None
    with Ledger(path, HEAD) as ledger:
        ledger.known("evaluated", architecture="y", epochs=None)  # which the file still has
        assert ledger.aside(architecture="u", epochs=None)
        ledger.append("evaluated", **{**EVALUATED, "architecture": "z", "epochs": 3})
        assert beside.exists()
        ledger.append("evaluated", **{**EVALUATED, "architecture": "u"})
    assert not beside.exists()


def test_what_another_search_set_aside_is_not_taken(tmp_path):
    path = tmp_path / "a"
    with Ledger(path, HEAD) as ledger:
        ledger.set_aside(**EVALUATED)
    kept = (tmp_path / "a.ahead").read_bytes()
    with Ledger(tmp_path / "b", {**HEAD, "seed": 2}):
        pass
    (tmp_path / "b.ahead").write_bytes(kept)
    with Ledger(tmp_path / "b", {**HEAD, "seed": 2}) as ledger:
        assert ledger.aside(architecture="x", epochs=None) is None
        ledger.set_aside(**{**EVALUATED, "architecture": "y"})
    assert b'"x"' not in (tmp_path / "b.ahead").read_bytes()
    path.unlink()  # a new search under the old name
    with Ledger(path, HEAD) as ledger:
        assert ledger.aside(architecture="x", epochs=None) is None


def test_names_are_read_as_json_writes_them(tmp_path):
    with Ledger(tmp_path / "a", HEAD) as ledger:
        ledger.append("scored", scorer="s", architectures=("x", "y"), values=[1.0, 2.0], seconds=[0, 0], reasons={})
    with Ledger(tmp_path / "a", HEAD) as ledger:
        assert ledger.known("scored", scorer="s", architectures=("x", "y"))["values"] == [1.0, 2.0]
    assert json.loads((tmp_path / "a").read_text().splitlines()[1])["architectures"] == ["x", "y"]


@pytest.mark.parametrize("path", ["", "a\0b", 3, b"a"])
def test_what_is_no_path_is_refused(path):
    for opened in (lambda: Ledger(path, HEAD), lambda: read_ledger(path)):
        with pytest.raises(InvalidInputError, match=r"the ledger .*: give a path"):
            opened()


def test_a_path_that_leads_nowhere_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"cannot write to .*xxx: File name too long"):
        Ledger(tmp_path / ("x" * 300), HEAD)
    with pytest.raises(InvalidInputError, match="is not a file"):
        read_ledger(tmp_path / ("x" * 300))
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises((InvalidInputError, StoreError), match=r"give another file|Too many levels"):
        Ledger(tmp_path / "a", HEAD)


def test_a_relative_ledger_stays_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Ledger("a", HEAD) as ledger:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        ledger.append("evaluated", **EVALUATED)
        ledger.save_state({"n": 1})
    assert (tmp_path / "a.state").exists()
    assert not list((tmp_path / "elsewhere").iterdir())
