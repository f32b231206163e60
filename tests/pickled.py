"""Pickles for tests: containers, plain data, and instructions written one by one."""

from __future__ import annotations

import bz2
import pickle
import struct
import zipfile

import numpy as np

from zcbench.datasets._pickles import read_pickle, read_torch


def plain(path, content):
    path.write_bytes(content)
    return path


def compressed(path, content):
    return plain(path.with_suffix(".pbz2"), bz2.compress(content, 1))


def torch_zip(path, content, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path.with_suffix(".pth"), "w", method) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
    return path.with_suffix(".pth")


def torch_legacy(path, content):
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    return plain(path.with_suffix(".old.pth"), head + content)


def deflated(path, content):
    return torch_zip(path, content, zipfile.ZIP_DEFLATED)


CONTAINERS = [plain, compressed, torch_zip, torch_legacy]


def read(path):
    return read_torch(path) if path.suffix == ".pth" else read_pickle(path)


PLAIN = {
    "numbers": [
        0,
        1,
        -1,
        255,
        256,
        65536,
        -(2**31),
        2**31,
        2**63,
        -(2**63),
        10**30,
        1.5,
        -0.0,
        1e300,
        True,
        False,
        None,
    ],
    "text": ["", "a", "ü€😀", "'\"\\\n\t", "x" * 300, "y" * 70_000],
    "bytes": [b"", b"abc", bytes(range(256)), bytes(70_000)],
    "containers": [[], (), {}, set(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [[], [()]], {"a": {1: (2,)}}, {1, "b"}],
    "keys": {None: 1, True: 2, 5: 3, 1.5: 4, "a": 5, b"b": 6, ("cifar10", 777): 7, (("a", 1), (2,)): 8},
    "large": {"list": list(range(5000)), "mapping": {number: float(number) for number in range(5000)}},
    "frozenset": [frozenset({1, 2})],
}


ARRAYS = {
    "float64": np.arange(6.0).reshape(2, 3),
    "float32": np.linspace(0, 1, 7, dtype=np.float32),
    "float16": np.array([1, 2], np.float16),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "transposed": np.arange(24).reshape(2, 3, 4).T,
    "strided": np.arange(20)[::3],
    "big-endian": np.arange(3, dtype=">i4"),
    "unsigned": np.array([2**64 - 1], np.uint64),
    "int8": np.array([-1, 1], np.int8),
    "bool": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "text": np.array(["ab", "ü", ""]),
    "big-endian text": np.array(["ab"], ">U2"),
    "bytes": np.array([b"ab", b"c"]),
    "no dimension": np.array(3.5),
    "empty": np.zeros((0, 3)),
    "large": np.arange(100_000),
}


SCALARS = {
    "float64": np.float64(2.5),
    "float32": np.float32(2.5),
    "int64": np.int64(-3),
    "bool": np.bool_(True),
    "text": np.str_("xü"),
    "empty text": np.str_(""),
    "bytes": np.bytes_(b"xy"),
}


KINDS = (type(None), bool, int, float, str, bytes)


def assert_plain(value, depth=0):
    """Nothing but plain types, NumPy's numbers and arrays."""
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            assert_plain(key, depth + 1)
            assert_plain(item, depth + 1)
    elif kind in (list, tuple, set, frozenset):
        for item in value:
            assert_plain(item, depth + 1)
    elif kind is np.ndarray or issubclass(kind, np.generic):
        assert value.dtype.kind in "biufcSU"
        value.tolist()
    else:
        assert kind in KINDS
    assert depth < 100


def same(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype.newbyteorder("=")
        np.testing.assert_array_equal(ours, theirs, strict=True) if ours.dtype == theirs.dtype else None
        assert ours.tolist() == theirs.tolist()
        assert ours.shape == theirs.shape
        assert ours.flags.writeable
        assert ours.flags.f_contiguous == (theirs.flags.f_contiguous or theirs.size <= 1 or theirs.ndim == 1)
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        assert ours == theirs
        assert repr(ours) == repr(theirs)  # -0.0, True for 1, order


def text(string):
    raw = string.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module, name):
    return f"c{module}\n{name}\n".encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def tup(*parts):
    return b"(" + b"".join(parts) + b"t"


def call(function, *arguments):
    return function + tup(*arguments) + b"R"


NDARRAY = named("numpy", "ndarray")


EMPTY = call(named("numpy._core.multiarray", "_reconstruct"), NDARRAY, tup(number(0)), b"C\x01b")


def dtype(code="f8", order="<", more=b"NNN", end=b""):
    state = tup(number(3), text(order), more, number(-1), number(-1), number(0), end)
    return call(named("numpy", "dtype"), text(code), b"\x89", b"\x88") + state + b"b"


def array(shape, kind=None, raw=b"C\x10" + bytes(16), fortran=b"\x89"):
    return EMPTY + tup(number(1), shape, kind or dtype(), fortran, raw) + b"b"


def scalar(kind, raw):
    return call(named("numpy._core.multiarray", "scalar"), kind, raw)


def doubled(levels, leaf=b")", join=b"\x86"):
    """Pairs of pairs of ...: two to the power of ``levels`` leaves in a few bytes."""
    content = leaf
    for level in range(levels):
        content += b"q" + bytes([level]) + b"h" + bytes([level]) + join
    return content


def length(count):
    """The length of a text, as BINUNICODE and BINBYTES state it."""
    return struct.pack("<I", count)


def many(count, what):
    return b"".join(what(place) for place in range(count))
