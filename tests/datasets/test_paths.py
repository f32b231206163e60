"""Folders of data and of the cache, and users who have none."""

import pytest

import zcbench
from zcbench.datasets import _load, download_benchmark
from zcbench.datasets._paths import cache_folder, cached, data_folder, without_folders
from zcbench.errors import DataMissingError, StoreError


def test_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataMissingError, match="absent, which is not a folder: correct the path"):
        data_folder()
    monkeypatch.delenv("ZCBENCH_DATA")
    with pytest.raises(DataMissingError, match="ZCBENCH_DATA is not set"):
        data_folder()
    monkeypatch.delenv("ZCBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "zcbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "zcbench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the specification forbids
    assert cache_folder() == tmp_path / ".cache" / "zcbench"
    monkeypatch.setenv("ZCBENCH_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"


@pytest.fixture
def no_home(monkeypatch):
    """A user without an entry in the list of users, and without HOME: a container with --user 12345."""
    import pwd

    def absent(*_):
        raise KeyError("uid not found")

    for name in ("HOME", "XDG_CACHE_HOME", "ZCBENCH_CACHE", "ZCBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", absent)
    monkeypatch.setattr(pwd, "getpwnam", absent)
    _load._load.cache_clear()
    yield
    _load._load.cache_clear()


def test_no_home(no_home, monkeypatch, tmp_path):
    assert len(zcbench.get_benchmark("digits-201"))  # needs no cache
    with pytest.raises(
        DataMissingError, match="the table of nasbenchmacro is not on this machine: run  zcbench data get"
    ):
        zcbench.get_benchmark("nasbenchmacro")
    with pytest.raises(StoreError, match="this user has no home folder: set ZCBENCH_CACHE to a folder for tables"):
        download_benchmark("nasbenchmacro")
    for variable, folder in (("ZCBENCH_CACHE", cache_folder), ("ZCBENCH_DATA", data_folder)):
        monkeypatch.setenv(variable, "~stranger/x")
        with pytest.raises(DataMissingError, match=rf"{variable} is ~stranger/x, and there is no such home folder"):
            folder()
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path))
    assert cached("x.npz") is None
    (tmp_path / "x.npz").write_text("")
    assert cached("x.npz") == tmp_path / "x.npz"


def test_a_cache_that_cannot_be_looked_at(monkeypatch, tmp_path):
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / ("x" * 300)))
    with pytest.raises(StoreError, match=r"cannot read .*: File name too long\. Set ZCBENCH_CACHE to another folder\."):
        zcbench.get_benchmark("nasbenchmacro")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "file"))
    assert cached("x.npz") is None


def test_sources_without_folders(tmp_path):
    folder = tmp_path / "data (copy) and more"
    folder.mkdir()
    assert without_folders(f"{folder}/a.parquet (means; API v1/2) and b.parquet") == (
        "a.parquet (means; API v1/2) and b.parquet"
    )
    assert without_folders(str(folder)) == folder.name
    assert without_folders("/nobody/there/a.parquet (one training each)") == "a.parquet (one training each)"
    assert without_folders("C:\\Users\\me\\a.parquet and b.npz") == "a.parquet and b.npz"
    assert without_folders("embedded; trained by tools/train_chars.py") == "embedded; trained by tools/train_chars.py"
    assert without_folders("my.csv") == "my.csv"
