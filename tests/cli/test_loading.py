"""A message before slow packages are imported, on a terminal only."""

import os
import pty
import subprocess
import sys

import pytest

from zcbench.cli import _loading

CODE = "from zcbench.cli import main; import sys; sys.exit(main(sys.argv[1:]))"


def on_terminal(*words):
    """Standard error of a command on a terminal."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen([sys.executable, "-c", CODE, *words], stderr=theirs, stdout=subprocess.DEVNULL)
        os.close(theirs)
        found = b""
        try:
            while piece := os.read(ours, 1000):
                found += piece
        except OSError:  # the terminal's other side was closed
            pass
        process.wait(timeout=60)
    finally:
        os.close(ours)
    return found.decode()


@pytest.mark.parametrize(
    ("words", "count"), [(["list", "proxies"], 1), (["list", "spaces"], 0), (["env", "--help"], 0)]
)
def test_it_is_said_on_a_terminal_once(words, count):
    assert on_terminal(*words).count(_loading.MESSAGE) == count


def test_it_is_not_said_elsewhere(capfd):
    done = subprocess.run([sys.executable, "-c", CODE, "list", "proxies"], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_nothing_stays(monkeypatch):
    before = [*sys.meta_path]
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with _loading.loading_is_said():
        assert len(sys.meta_path) == len(before) + 1
    assert sys.meta_path == before
