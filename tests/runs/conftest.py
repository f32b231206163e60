"""A folder with nothing of the user's around."""

import pytest


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, which is empty; no tables are known but those that are embedded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZCBENCH_DATA", raising=False)
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path
