"""Proxies that are gone after a test, and a folder with nothing of the user's around."""

import pytest
from toys import registry_as_it_was, write_plugin


@pytest.fixture
def plugin(tmp_path):
    """Path of a file with odd proxies, imported."""
    from zcbench.runs import import_file

    with registry_as_it_was():
        path = write_plugin(tmp_path)
        import_file(path)
        yield path


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, which is empty; no tables are known but those that are embedded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZCBENCH_DATA", raising=False)
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path
