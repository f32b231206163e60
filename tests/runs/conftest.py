"""Proxies that a test registers are gone after it."""

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
