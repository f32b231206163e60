"""The description names what numbers depend on, and its identifier changes with it."""

import importlib.metadata
import json
import platform
import subprocess

import zcbench
from zcbench.records import _environment, describe_environment


def test_description():
    identifier, description = describe_environment()
    assert description["zcbench"] == zcbench.__version__
    assert description["python"] == platform.python_version()
    assert description["torch"] == importlib.metadata.version("torch")
    assert description["processor"]
    assert json.loads(json.dumps(description)) == description
    assert describe_environment()[0] == identifier


def test_identifier_follows_the_description(monkeypatch):
    before, _ = describe_environment()
    monkeypatch.setattr(_environment, "_version", lambda name: "9")
    assert describe_environment()[0] != before


def test_absent_packages(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    assert describe_environment()[1]["torch"] == "absent"


def test_without_git(monkeypatch):
    def run(*arguments, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", run)
    assert describe_environment()[1]["commit"] == ""


def test_without_cpuinfo(monkeypatch):
    def read_bytes(path):
        raise OSError

    monkeypatch.setattr("pathlib.Path.read_bytes", read_bytes)
    assert _environment._processor()


def test_without_a_home_or_a_user(monkeypatch):
    """In a container with --user 12345 there is neither HOME nor an entry in the list of users."""
    import pwd

    def absent(*_):
        raise KeyError("uid not found")

    before = describe_environment()
    for name in ("HOME", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", absent)
    assert describe_environment() == before


def test_what_git_says_need_not_be_text(monkeypatch):
    finished = subprocess.CompletedProcess([], 0, stdout=b" M caf\xe9\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: finished)
    assert _environment._git(None, "status") == "M caf\ufffd"
