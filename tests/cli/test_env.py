"""``zcbench env``: what numbers are computed with."""

import importlib.metadata
import json

import zcbench


def test_text(cli):
    result = cli("env")
    assert (result.status, result.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in result.out.splitlines() if len(line.split(maxsplit=1)) == 2)
    assert lines["zcbench"] == zcbench.__version__
    assert lines["torch"] == importlib.metadata.version("torch")
    assert lines["ZCBENCH_DATA"] == "not set"


def test_json(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("ZCBENCH_DATA", "/tables")
    monkeypatch.setenv("ZCBENCH_RUNS", "/my runs")
    content = json.loads(cli("env", "--json").out)
    assert content["ZCBENCH_DATA"] == "/tables"
    assert content["ZCBENCH_RUNS"] == "/my runs"
    assert content["cache"] == str(tmp_path / "cache")
    assert content["scikit-learn"] == importlib.metadata.version("scikit-learn")


def test_absent_packages(cli, monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    assert json.loads(cli("env", "--json").out)["pyarrow"] == "not installed"


def test_no_home(cli, monkeypatch):
    import pwd

    def absent(*_):
        raise KeyError("uid not found")

    for name in ("HOME", "XDG_CACHE_HOME", "ZCBENCH_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", absent)
    content = json.loads(cli("env", "--json").out)
    assert content["cache"] == "none: this user has no home folder, set ZCBENCH_CACHE"
