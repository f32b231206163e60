"""Bytes that come in pieces of any size."""

import pickle

import pytest
from pickled import ARRAYS, PLAIN, same

from zcbench.datasets._machine import Machine
from zcbench.datasets._source import Source


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64])
def test_however_the_bytes_come(piece):
    """Instructions across the ends of pieces."""

    class Slow:
        def __init__(self, content):
            self.content, self.place = content, 0

        def read(self, count):
            found = self.content[self.place : self.place + min(count, piece)]
            self.place += len(found)
            return found

    for protocol in range(6):
        for value in (*PLAIN.values(), [ARRAYS["float64"], ARRAYS["text"]]):
            content = pickle.dumps(value, protocol)
            if len(content) < 1 << 16:
                source = Source(Slow(content + pickle.dumps("next")))
                same(Machine(source, len(content)).load(), pickle.loads(content))
                assert Machine(source, 0).load() == "next"
