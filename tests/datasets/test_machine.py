"""The machine that runs pickles: no beginning is enough, and shared parts stay shared."""

import pickle

import pytest
from pickled import ARRAYS, PLAIN, plain, read

from zcbench.datasets._machine import Machine
from zcbench.datasets._source import Source


def test_shared_parts_stay_shared(tmp_path):
    part = {"a": 1}
    one, two = read(plain(tmp_path / "a.pickle", pickle.dumps([part, part])))
    assert one is two


@pytest.mark.parametrize("content", [pickle.dumps(PLAIN), pickle.dumps(PLAIN, 0), pickle.dumps(ARRAYS["text"])])
def test_no_beginning_is_enough(content):
    from io import BytesIO

    from zcbench.datasets._inert import RefusedError

    for cut in range(0, len(content), max(1, len(content) // 200)):
        with pytest.raises(RefusedError):
            Machine(Source(BytesIO(content[:cut])), cut).load()
