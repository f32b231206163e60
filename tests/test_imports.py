"""Files of the user's own are run once, and what is wrong with one is one sentence."""

import os
import sys

import pytest
from toys import calls

from zcbench import _imports
from zcbench._imports import import_file, imported_files
from zcbench.errors import InvalidInputError


def test_a_file_is_run_once(tmp_path, monkeypatch):
    path = tmp_path / "counted.py"
    path.write_text("import builtins\nbuiltins.runs = getattr(builtins, 'runs', 0) + 1\nvalue = 5\n")
    monkeypatch.setattr("builtins.runs", 0, raising=False)
    monkeypatch.chdir(tmp_path)
    first = import_file(str(path))
    assert import_file("./counted.py") is first
    assert first.value == 5
    assert sys.modules["builtins"].runs == 1


def test_a_file_edited_within_a_second_is_compiled_again(tmp_path, monkeypatch):
    """Python's cache compares size and whole seconds: 2 edited to 3 would run as 2, under the digest of 3."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path, values = tmp_path / "edited.py", []
    for value in (2, 3):
        path.write_text(f"value = {value}\n")
        os.utime(path, (1e9, 1e9))
        values.append(import_file(str(path)).value)
        for name in [
            name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None) == str(path)
        ]:
            del sys.modules[name]
    assert values == [2, 3]


def test_two_files_of_one_name(tmp_path):
    found = []
    for folder in ("a", "b"):
        path = tmp_path / folder / "same.py"
        path.parent.mkdir()
        path.write_text(f"value = {folder!r}")
        found.append(import_file(str(path)).value)
    assert found == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.py", None, "is not a file: give a Python file."),
        ("text.txt", "x = 1", "is not a Python file: its name must end in .py."),
        ("syntax.py", "def f(:", "could not be imported: SyntaxError: "),
        ("raises.py", "1 / 0", "could not be imported: ZeroDivisionError: division by zero"),
        ("leaves.py", "raise SystemExit(3)", "could not be imported: SystemExit: 3"),
        ("taken.py", "import zcbench\nzcbench.register_proxy('snip')(len)", "'snip' exists already"),
        ("binary.py", "\0", "could not be imported: "),
        ("stops.py", "raise KeyboardInterrupt", "could not be imported: KeyboardInterrupt"),
        (
            "mute.py",
            "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
            "could not be imported: E: (its message cannot be read: SystemExit)",
        ),
        ("forgets.py", "import sys\ndel sys.modules[__name__]\n1 / 0", "could not be imported: ZeroDivisionError"),
    ],
)
def test_files_that_cannot_be_imported(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    modules = set(sys.modules)
    with pytest.raises(InvalidInputError) as caught:
        import_file(str(path))
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert not {m for m in set(sys.modules) - modules if m.startswith("zcbench_import")}


def test_a_factory_that_hides(tmp_path):
    path = tmp_path / "hides.py"
    path.write_text("def __getattr__(name): raise SystemExit(0)")
    with pytest.raises(InvalidInputError, match="has no function 'build'"):
        _imports.space_named(f"{path}:build")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InvalidInputError, match="is not a file"):
        import_file(str(tmp_path))


def test_plugin_leaves_no_trace(plugin):
    assert calls(plugin) == []


def test_a_module_beside_the_file(tmp_path):
    """A file's folder is not on the path: the message says how to put it there."""
    (tmp_path / "other.py").write_text("x = 1\n")
    (tmp_path / "mine.py").write_text("import other\n")
    (tmp_path / "yours.py").write_text("import nowhere_at_all\n")
    message = r"'other'\. The module is in the folder of mine\.py: name that folder in PYTHONPATH\.$"
    with pytest.raises(InvalidInputError, match=message):
        import_file(str(tmp_path / "mine.py"))
    with pytest.raises(InvalidInputError, match=r"No module named 'nowhere_at_all'$"):
        import_file(str(tmp_path / "yours.py"))


def test_files_that_were_imported(tmp_path):
    paths = [tmp_path / "second.py", tmp_path / "first.py", tmp_path / "gone.py"]
    for path in paths:
        path.touch()
        import_file(str(path))
    paths[2].unlink()
    found = [path for path in imported_files() if path.startswith(str(tmp_path))]
    assert found == [str(path) for path in paths[:2]]
