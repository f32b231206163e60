"""What tests of tables share."""

import pytest

from zcbench.datasets import _load


@pytest.fixture
def nothing_kept(monkeypatch, tmp_path):
    """A cache folder of the test's own, and no table in memory."""
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    _load._load.cache_clear()
    yield
    _load._load.cache_clear()
