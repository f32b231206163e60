"""The machine that runs pickles: every instruction after any stack, memo numbers, shared parts."""

import itertools
import pickle

import pytest
from pickled import ARRAYS, EMPTY, NDARRAY, PLAIN, assert_plain, length, plain, read

from zcbench.datasets._machine import Machine
from zcbench.datasets._pickles import read_pickle
from zcbench.datasets._source import Source
from zcbench.errors import DataCorruptError


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


@pytest.mark.parametrize("first", range(256))
def test_every_instruction_alone_and_after_anything(tmp_path, first):
    """Each byte after a few stacks, followed by whatever it may need: never anything but our own error."""
    stacks = [b"", b"N", b"NN", b"(", b"(NN", b"](N", b"}(NN", b"\x8f(N", NDARRAY + b")", EMPTY + b")", b"K\1K\2K\3"]
    arguments = [b"", b"\0" * 9, b"\1" * 20, b"\xff" * 9, b"a\nb\n", b"1\n", b"'a'\n"]
    path = tmp_path / "a.pickle"
    for stack, argument in itertools.product(stacks, arguments):
        path.write_bytes(stack + bytes([first]) + argument + b".")
        try:
            assert_plain(read_pickle(path))
        except DataCorruptError as error:
            assert "was refused" in str(error)


@pytest.mark.parametrize("first", [0, 1])  # Python 2 begins with 1
def test_memo_numbers_in_order(tmp_path, first):
    for content in (
        b"(Nq%cNr%sj%sh%ct." % (first, length(first + 1), length(first + 1), first),
        b"(Np%d\nNp%d\ng%d\ng%d\nt." % (first, first + 1, first + 1, first),
    ):
        assert read(plain(tmp_path / "a.pickle", content)) == (None,) * 4
