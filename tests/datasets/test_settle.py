"""The last look at what a pickle holds: records are replaced everywhere, and its form is bounded."""

import struct

import numpy as np
import pytest

from zcbench.datasets._inert import Array, DType, Named, RefusedError, Scalar
from zcbench.datasets._settle import DEPTH, Settler


def settled(value, parts=1000):
    return Settler(parts, lambda count: None).settle(value)


def number(value):
    dtype = DType("i8")
    dtype.order = "<"
    return Scalar(dtype, struct.pack("<q", value))


def vector(*values):
    found = Array()
    found.dtype, found.shape, found.raw = number(0).dtype, (len(values),), struct.pack(f"<{len(values)}q", *values)
    return found


def test_records_are_replaced_wherever_they_lie():
    inner = {"a": number(1), "b": (vector(1, 2), [number(2)])}
    found = settled([inner, inner, "text"])
    assert found[0] is found[1]
    assert list(found[0]) == ["a", "b"]
    assert found[0]["a"] == 1
    assert isinstance(found[0]["a"], np.int64)
    assert found[0]["b"][0].tolist() == [1, 2]
    assert found[0]["b"][1] == [2]
    array = vector(3)
    shared = settled([[array], [array]])
    assert shared[0][0] is shared[1][0]


def test_what_contains_itself():
    loop = [[]]
    loop[0].append(loop)
    with pytest.raises(RefusedError, match="contains itself"):
        settled(loop)


def test_depth():
    def nested(levels):
        value = [{"x": [1]}]
        for _ in range(levels - 3):
            value = [value]
        return value

    assert settled(nested(DEPTH - 1))
    with pytest.raises(RefusedError, match="nested too deeply"):
        settled(nested(DEPTH))


def test_a_shared_part_counts_as_often_as_it_is_met():
    part = [[1, 2, 3]]
    assert settled([part] * 10, parts=100)
    with pytest.raises(RefusedError, match="shared too often"):
        settled([part] * 30, parts=100)
    doubled = ((1,),)
    for _ in range(40):
        doubled = (doubled, doubled)
    with pytest.raises(RefusedError, match="shared too often"):
        settled(doubled)


def test_classes_are_no_data():
    for odd in (Named("set"), DType("f8"), object()):
        with pytest.raises(RefusedError, match="a class instead of data"):
            settled([odd])
