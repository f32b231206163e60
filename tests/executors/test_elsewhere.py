"""What an engine's worker says of the process that it starts."""

import json
import os
import subprocess
import sys

import pytest
from toys import is_alive

import zcbench
from zcbench.executors import _elsewhere

ORDER = {"folder": "/nowhere", "version": "1.2"}


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Let a shell script stand where the worker's Python is; what it reads is kept in the file "asked"."""

    def put(script):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\ncat > {tmp_path}/asked\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        return program

    return put


def test_keys_go_in_and_one_line_comes_back(python, tmp_path):
    python("""echo '{"trouble": "", "fit": true, "seconds": 2.5}'""")
    told = _elsewhere.perform(ORDER, ("a", "b"))
    assert told["seconds"] == 2.5
    assert told["trouble"] == ""
    assert f"process {os.getpid()}" in told["worker"]
    asked = json.loads((tmp_path / "asked").read_text())
    assert asked == {"order": ORDER, "keys": ["a", "b"], "parent": os.getpid()}


@pytest.mark.parametrize(
    ("script", "trouble", "fit"),
    [
        ("exit 1", "cannot run zcbench 1.2: install it there", False),  # what Python ends with that cannot import
        ("exit 3", "ended with exit code 3", True),
        ("kill -9 $$", "ended with signal 9", True),
    ],
)
def test_a_process_that_ends_without_an_answer(python, script, trouble, fit):
    python(script)
    told = _elsewhere.perform(ORDER, ("a",))
    assert trouble in told["trouble"]
    assert told["fit"] is fit


def test_what_nobody_wants_any_more_is_ended(python):
    python("exec sleep 600")
    asked = []
    told = _elsewhere.perform(ORDER, ("a",), lambda: bool(asked.append(1)))
    assert told["trouble"].endswith("ended with signal 9.") and len(asked) == 1
    python("""sleep 1.5; echo '{"trouble": "", "fit": true, "said": [3]}'""")
    assert _elsewhere.perform(ORDER, ("a" * 200_000,), lambda: True)["said"] == [3]  # more than a pipe holds


def test_an_interrupt_ends_the_process_too(python, tmp_path):
    python(f"echo $$ > {tmp_path}/id; exec sleep 600")

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _elsewhere.perform(ORDER, ("a",), interrupt)
    assert not is_alive(int((tmp_path / "id").read_text()))


def test_a_process_that_cannot_be_started(python):
    python("").chmod(0o600)
    told = _elsewhere.perform(ORDER, ("a",))
    assert told["trouble"].startswith("it cannot start a process: ")
    assert not told["fit"]


def test_it_imports_no_zcbench():
    program = f"import runpy, sys; runpy.run_path({_elsewhere.__file__!r}); assert 'zcbench' not in sys.modules"
    subprocess.run([sys.executable, "-I", "-c", program], check=True)
    assert zcbench.__file__
