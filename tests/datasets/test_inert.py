"""Records of pickles become arrays, numbers and keys, or are refused."""

import struct

import numpy as np
import pytest

from zcbench.datasets._inert import Array, DType, RefusedError, Scalar, array, key, keys, scalar


def dtype(code, order="<"):
    record = DType(code)
    record.order = order
    return record


def made(code, shape, raw, *, order="<", fortran=False):
    record = Array()
    record.dtype, record.shape, record.raw, record.fortran = dtype(code, order), shape, raw, fortran
    return record


def test_an_array_is_a_copy_in_this_machines_byte_order_and_is_paid_for():
    charged = []
    raw = struct.pack(">6d", *range(6))
    found = array(made("f8", (2, 3), raw, order=">"), charged.append)
    np.testing.assert_array_equal(found, np.arange(6.0).reshape(2, 3))
    assert found.dtype.isnative
    assert found.flags.writeable
    assert charged == [2 * len(raw) + 200]
    columns = array(made("f8", (2, 3), raw, order=">", fortran=True), charged.append)
    np.testing.assert_array_equal(columns, np.arange(6.0).reshape(3, 2).T)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Array(), "without content"),
        (made("f8", (2,), bytes(8)), "do not fit its shape"),
        (made("S0", (2,), b""), "do not fit its shape"),
        (made("f8", (1 << 20, 0, 1 << 20), b""), "an impossible shape"),
        (made("U1", (1,), struct.pack("<I", 0xD800)), "malformed text"),
        (made("U1", (1,), struct.pack("<I", 0x110000)), "malformed text"),
        (made("f8", (1,), bytes(8), order=""), "unknown byte order"),
    ],
)
def test_arrays_that_are_none(record, reason):
    with pytest.raises(RefusedError, match=reason):
        array(record, lambda count: None)


def test_numbers():
    assert scalar(Scalar(dtype("i4", ">"), b"\0\0\1\0")) == 256
    assert scalar(Scalar(dtype("b1"), b"\2")) is np.True_
    assert scalar(Scalar(dtype("S0"), b"")) == b""
    with pytest.raises(RefusedError, match="wrong length"):
        scalar(Scalar(dtype("i4"), b"\0"))


def test_keys():
    good = ["cifar10", b"x", 777, 1.5, True, None, ("cifar10", 777), (("a", 1), (2,))]
    assert keys(good) == good
    assert key(Scalar(dtype("i8"), struct.pack("<q", 5))) == 5
    deep = (1,)
    for _ in range(5):
        deep = (deep,)
    for odd in ([1], {}, "x" * 5000, 1 << 60, -(1 << 60), deep, tuple(range(20)), (1 << 40,), ("x" * 5000,), (1, [2])):
        with pytest.raises(RefusedError, match="not a short text, a number or a small tuple"):
            key(odd)
    for odd in (["a", "x" * 5000], [1, 1 << 60]):
        with pytest.raises(RefusedError, match="not a short text"):
            keys(odd)
