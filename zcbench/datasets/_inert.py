"""Inert records that represent foreign objects while a pickle is read, and their conversion to plain data.

A record keeps the pickle's description of a data type, an array or a number, in the format of NumPy's
``ndarray.__reduce__`` and ``dtype.__reduce__``. When the pickle is complete, :func:`array` and :func:`scalar` check the
record and make the array or the number. :func:`key` limits the values that may be hashed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class RefusedError(Exception):
    """A pickle requests a forbidden object, or is invalid; the message names the reason."""


class Named:
    """A class or function that a pickle names."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class DType:
    """A data type: letter and size ("f8"), and the byte order once it is known."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, ""


class Array:
    """An array: shape, data type, whether its first index is the fastest, bytes; shape is None until they are known."""

    __slots__ = ("dtype", "fortran", "raw", "shape")

    def __init__(self) -> None:
        self.shape: tuple[int, ...] | None = None
        self.dtype: DType = DType("")
        self.fortran = False
        self.raw = b""


class Scalar:
    """A NumPy number or string: data type and bytes, and the number once it is made."""

    __slots__ = ("dtype", "number", "raw")

    def __init__(self, dtype: DType, raw: bytes) -> None:
        self.dtype, self.raw = dtype, raw
        self.number: Any = None


class Shrunk:
    """The kept part of a mapping that was read and freed."""

    __slots__ = ("kept",)

    def __init__(self, kept: Any) -> None:
        self.kept = kept


# -- plain data of records ---------------------------------------------------------------------


def _dtype(record: DType) -> np.dtype[Any]:
    if not record.order:
        raise RefusedError("it contains an array of unknown byte order")
    return np.dtype(record.code).newbyteorder(">" if record.order == ">" else "<")


def _items(dtype: np.dtype[Any], raw: bytes) -> NDArray[Any]:
    """Return a copy of bytes as items, each of which is a valid value of its type."""
    if dtype.kind == "b":
        flags: NDArray[Any] = np.frombuffer(raw, np.uint8) != 0
        return flags
    if dtype.kind == "U":
        points = np.frombuffer(raw, np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if points.size and (points.max() > 0x10FFFF or ((points >= 0xD800) & (points < 0xE000)).any()):
            raise RefusedError("it contains an array of malformed text")
    # In this machine's byte order, as NumPy does for a pickle.
    return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))


def scalar(record: Scalar) -> Any:
    """Make the NumPy number or string of a record."""
    if record.number is None:
        dtype = _dtype(record.dtype)
        if len(record.raw) != dtype.itemsize:
            raise RefusedError("it contains a number of the wrong length")
        record.number = _items(dtype, record.raw)[0] if dtype.itemsize else dtype.type()
    return record.number


def array(record: Array, charge: Callable[[int], None]) -> NDArray[Any]:
    """Make the array of a record: a writable copy."""
    if record.shape is None:
        raise RefusedError("it contains an array without content")
    dtype = _dtype(record.dtype)
    if not dtype.itemsize or math.prod(record.shape) * dtype.itemsize != len(record.raw):
        raise RefusedError("it contains an array whose bytes do not fit its shape")
    if math.prod(n or 1 for n in record.shape) >= 1 << 40:
        raise RefusedError("it contains an array of an impossible shape")
    charge(2 * len(record.raw) + 200)
    order = "F" if record.fortran else "C"
    return _items(dtype, record.raw).reshape(record.shape, order=order)  # type: ignore[call-overload,no-any-return]


# -- keys --------------------------------------------------------------------------------------

#: Limits of keys that are hashed and compared. Real keys are architectures, epochs and (data set, seed). Without
#: limits, a few bytes make a key whose hash never ends (shared tuples within tuples), or many keys with one hash.
_KEY_PARTS, _KEY_LENGTH, _KEY_DEPTH = 16, 4096, 4
_KEY_NUMBER, _KEY_PART_NUMBER = 1 << 60, 1 << 31
_FREE_KEYS = frozenset({bool, type(None)})


def key(value: Any) -> Any:
    """Return a value as key of a mapping or member of a set.

    Raises:
        RefusedError: it is not a text, a number or a small tuple of these.
    """
    kind: type = type(value)
    if kind is str or kind is bytes:
        if len(value) <= _KEY_LENGTH:
            return value
    elif kind is int:
        if -_KEY_NUMBER < value < _KEY_NUMBER:
            return value
    elif kind is float or kind in _FREE_KEYS:
        return value
    elif kind is Scalar:
        return key_of_scalar(value)
    elif kind is tuple and _small(value):
        return value
    raise RefusedError("it has a key that is not a short text, a number or a small tuple")


def keys(values: list[Any]) -> list[Any]:
    """Return values as keys of a mapping or members of a set; RefusedError as in :func:`key`."""
    kinds = set(map(type, values))
    if kinds == {str} and max(map(len, values)) <= _KEY_LENGTH:
        return values
    if kinds == {int} and min(values) > -_KEY_NUMBER and max(values) < _KEY_NUMBER:
        return values
    return list(map(key, values))


def key_of_scalar(value: Scalar) -> Any:
    """Return a NumPy number or string as key; RefusedError if it is too large."""
    number = scalar(value)
    key(number.item())
    return number


def _small(whole: tuple[Any, ...]) -> bool:
    """Return whether a tuple, at all depths, has few and short parts."""
    left: list[tuple[Any, int]] = [(whole, 1)]
    parts = length = 0
    while left:
        value, depth = left.pop()
        parts += 1
        kind: type = type(value)
        if kind is tuple:
            if depth > _KEY_DEPTH or parts + len(left) + len(value) > _KEY_PARTS:
                return False
            left.extend((part, depth + 1) for part in value)
        elif kind is str or kind is bytes:
            length += len(value)
        elif kind is int:
            if not -_KEY_PART_NUMBER < value < _KEY_PART_NUMBER:
                return False
        elif kind not in _FREE_KEYS:
            return False
    return length <= _KEY_LENGTH
