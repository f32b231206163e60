"""The instructions of pickles, one by one and after any stack."""

import itertools

import pytest
from pickled import EMPTY, NDARRAY, assert_plain, length, plain, read

from zcbench.datasets._pickles import read_pickle
from zcbench.errors import DataCorruptError


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
