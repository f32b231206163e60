"""What tests of tables share."""

import threading

import pytest
from odd_server import Handler, Server

from zcbench.datasets import _download, _load


@pytest.fixture
def nothing_kept(monkeypatch, tmp_path):
    """A cache folder of the test's own, and no table in memory."""
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    _load._load.cache_clear()
    yield
    _load._load.cache_clear()


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No table anywhere, nothing loaded yet."""
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZCBENCH_DATA", raising=False)
    _load._load.cache_clear()
    yield tmp_path
    _load._load.cache_clear()


@pytest.fixture
def write(tmp_path):
    """Write a table of one's own."""

    def write(content, name="my.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def server():
    """A server that keeps what it was asked."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def quick(monkeypatch):
    """No pause between attempts."""
    monkeypatch.setattr(_download, "_PAUSE", 0)
