"""What a call leaves behind in the interpreter is put back, and said."""

import gc
import io
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from zcbench._interpreter import Interpreter


def replace_stdout():
    sys.stdout = io.StringIO()


LEFT = {
    "the recursion limit": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "garbage collection": gc.disable,
    "the filters of warnings": lambda: warnings.simplefilter("always"),
    "the current folder": lambda: os.chdir("/"),
    "standard streams": replace_stdout,
    "signals": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
}


#: put back without a word
SILENT = ("the filters of warnings",)


def state():
    return (
        *(sys.getrecursionlimit(), gc.isenabled(), warnings.filters[:], Path.cwd(), sys.stdin, sys.stdout, sys.stderr),
        *(signal.getsignal(signal.SIGINT), signal.getitimer(signal.ITIMER_REAL)[0] > 0),
    )


@pytest.mark.parametrize("what", LEFT)
def test_what_is_left_behind(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before, interpreter = state(), Interpreter()
    LEFT[what]()
    assert state() != before
    assert interpreter.restore() == [name for name in [what] if name not in SILENT]
    assert state() == before
    assert interpreter.restore() == []


def test_an_alarm_is_taken_off_unless_it_was_there():
    interpreter = Interpreter()
    signal.alarm(100)
    assert interpreter.restore() == ["signals"]
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    signal.alarm(100)
    try:
        assert Interpreter().restore() == []
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    finally:
        signal.alarm(0)


@pytest.mark.parametrize(
    "deed", ["sys.stdout.close()", "os.close(1)", "sys.stdout = None", "sys.stdout = sys.stderr = Evil()"]
)
def test_a_closed_stream_is_open_again(deed):
    code = (
        "import os, sys\nfrom zcbench._interpreter import Interpreter\n"
        "class Evil:\n    closed = False\n    def write(self, text): raise SystemExit(5)\n"
        f"before = Interpreter()\n{deed}\nassert before.restore() == ['standard streams']\n"
        "print('printed', flush=True)\nos.write(1, b'written')\nsys.stderr.write('said')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted((done.stdout + done.stderr).replace("written", "written\n").split()) == ["printed", "said", "written"]
