"""How executors are named."""

import pytest

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.executors import get_executor, list_executors


@pytest.mark.parametrize("text", ["mars", "slurm", "daskx", "local2"])
def test_no_such_executor(text):
    with pytest.raises(UnknownNameError, match="executor"):
        get_executor(text)


def test_local_is_no_engine():
    assert get_executor("local") is None
    with pytest.raises(InvalidInputError, match="the executor takes no settings, write local"):
        get_executor("local:jobs=3")


def test_what_can_be_written():
    assert list_executors() == ["dask://HOST:PORT", "local", "submitit"]
