"""A place for runs on engines."""

import pytest
from clusters import Place, write_cluster_plugin


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, write_cluster_plugin(tmp_path))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """What a run in one process gives, by architecture and proxy."""
    folder = tmp_path_factory.mktemp("undisturbed")
    here = Place(folder, write_cluster_plugin(folder))
    here.run("--workers", 0, proxies="t-count,t-waits,params")
    return here.values()
