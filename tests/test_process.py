"""Seeds are the same everywhere."""

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import is_alive

from zcbench._process import keep_freed_memory, machine_memory, stable_seed


def test_seed_is_pinned():
    # Stored scores depend on these numbers: they may never change.
    assert stable_seed("network", "digits-201", "x", 0) == 3048510874123793351
    assert stable_seed() == 724655455495936113


def test_seed_does_not_depend_on_the_hash_seed():
    code = "from zcbench._process import stable_seed; print(stable_seed('a', 1))"
    command = [sys.executable, "-c", code]
    found = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{stable_seed('a', 1)}\n"}


@given(st.lists(st.text(), max_size=4))
def test_seed_fits_torch_and_numpy(parts):
    assert 0 <= stable_seed(*parts) < 2**63


def test_parts_do_not_run_together():
    assert stable_seed("ab", "c") != stable_seed("a", "bc") != stable_seed("abc")


def test_memory_setting_works_anywhere(monkeypatch):
    keep_freed_memory()

    def absent(name):
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", absent)
    keep_freed_memory()


# -- parents and children ------------------------------------------------------------------------

CHILDREN = """
import multiprocessing, os, sys, time
from pathlib import Path
from zcbench import _process

def child(parent, way):
    if way == "thread":
        _process._killed_with_parent = lambda: False
    _process.die_with(parent)
    Path(sys.argv[2]).write_text(str(os.getpid()))
    if way == "kernel":
        sum(range(10**13))  # native code that never lets go of Python
    time.sleep(300)

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=child, args=(os.getpid(), sys.argv[1]))
    process.start()
    process.join()
"""


@pytest.mark.parametrize("way", ["kernel", "thread"])
def test_a_child_ends_with_its_parent(tmp_path, way):
    tmp_path.joinpath("family.py").write_text(CHILDREN)
    written = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, str(tmp_path / "family.py"), way, str(written)])
    try:
        while not (written.exists() and written.read_text()):
            assert parent.poll() is None
            time.sleep(0.05)
        child = int(written.read_text())
        assert is_alive(child)
    finally:
        parent.kill()
        parent.wait()
    for _ in range(200):
        if not is_alive(child):
            return
        time.sleep(0.05)
    os.kill(child, 9)
    raise AssertionError("the child outlived its parent")


def test_a_child_whose_parent_is_gone_already():
    code = "from zcbench._process import die_with; die_with(1); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")


def test_memory_of_the_machine(monkeypatch):
    assert machine_memory() > 10**8

    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr("os.sysconf", unknown, raising=False)
    assert machine_memory() > 10**15
