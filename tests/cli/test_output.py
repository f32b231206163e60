"""Results go to standard output and nothing else does, wherever it leads."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from zcbench.cli import main

NOISY = """
import atexit, ctypes, os, sys, zcbench
def noise(when):
    print(f"{when} printed")
    sys.__stdout__.write(f"{when} to __stdout__\\n")
    os.write(1, f"{when} written\\n".encode())
    ctypes.CDLL(None).puts(f"{when} put".encode())
    ctypes.CDLL(None).fflush(None)
    os.system(f"echo {when} echoed")
noise("import")
atexit.register(noise, "exit")
@zcbench.register_proxy("t-noisy", cost="static")
def noisy(probe):
    noise("proxy")
    return 1.0
"""


@pytest.mark.parametrize(
    "words",
    [
        ("list", "proxies", "--json", "--import", "noisy.py"),
        ("show", "t-noisy", "--json", "--import", "noisy.py"),
        ("check", "noisy.py", "--json"),
        (
            "run",
            "digits-201",
            "--limit",
            "1",
            "--proxies",
            "t-noisy",
            "--workers",
            "1",
            "--json",
            "--import",
            "noisy.py",
        ),
    ],
    ids=lambda words: words[0],
)
def test_what_foreign_code_prints_goes_to_standard_error(place, words):
    place.joinpath("noisy.py").write_text(NOISY)
    done = subprocess.run([sys.executable, "-m", "zcbench", *words], capture_output=True, text=True)
    json.loads(done.stdout)
    ways = ("printed", "to __stdout__", "written", "put", "echoed")
    moments = ("import", "exit") if words[0] in ("list", "show") else ("import", "proxy", "exit")
    assert {f"{when} {way}" for when in moments for way in ways} <= set(done.stderr.splitlines())


@pytest.mark.parametrize("redirections", [">&-", "2>&-", ">&- 2>&-", "2>/dev/full"])
def test_streams_that_are_closed(redirections):
    command = f"{shlex.quote(sys.executable)} -m zcbench env --json {redirections}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
    if not redirections.startswith(">"):
        json.loads(done.stdout)


def test_streams_are_the_caller_s_again(capfd):
    stdout = sys.stdout
    main(["env", "--json"])
    assert sys.stdout is stdout
    json.loads(capfd.readouterr().out)
    os.write(1, b"written")
    sys.stdout.write("printed")
    sys.stdout.flush()
    assert sorted(capfd.readouterr().out) == sorted("writtenprinted")


@pytest.mark.parametrize("words", [["list", "proxies"], ["list", "proxies", "--json"], ["show", "naswot"]])
def test_a_reader_that_goes_away(words):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run([sys.executable, "-m", "zcbench", *words], stdout=gone, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_head():
    command = f"{shlex.quote(sys.executable)} -m zcbench list proxies | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("name")


def test_output_to_a_full_disk():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "zcbench", "env", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "zcbench: No space left on device\n"


def test_terminals_without_unicode(place):
    place.joinpath("my.csv").write_text("arch,acc,größe\na,1,2\nb,2,1\n")
    command = [sys.executable, "-m", "zcbench", "run", "my.csv", "--target", "acc"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert r"gr\xf6\xdfe" in done.stdout
