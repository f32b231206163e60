"""A place for runs on engines."""

import pytest
from clusters import Place, write_cluster_plugin
from toys import registry_as_it_was

import zcbench


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, write_cluster_plugin(tmp_path))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """What a run in one process gives, by architecture and proxy."""
    folder = tmp_path_factory.mktemp("undisturbed")
    here = Place(folder, write_cluster_plugin(folder))
    with registry_as_it_was():
        zcbench.run(
            "digits-201",
            proxies=["t-count", "t-waits", "params"],
            limit=12,
            batch_size=4,
            store=here.store,
            imports=[here.plugin],
        )
    return here.values()
