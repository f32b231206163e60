"""Reads curves, epochs and levels from the user's lists, arrays, tensors, masked arrays and series."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from zcbench._arguments import shown
from zcbench.curves._context import Floats
from zcbench.errors import InvalidInputError

#: exceptions of numpy and of user-defined numbers
_ERRORS = (TypeError, ValueError, OverflowError, RuntimeError)


def series(what: str, value: object) -> Floats:
    """Return the numbers of one curve ``(n,)``; None and masked values become nan.

    Raises:
        InvalidInputError: the value is not one row of numbers.
    """
    given = _plain(value)
    try:
        found = _array(given)
        if given is None:
            raise TypeError
    except _ERRORS:
        raise InvalidInputError(f"{what} {shown(given)}: give a list of numbers.") from None
    if found.ndim != 1:
        kind = "one number" if found.ndim == 0 else f"an array of shape {found.shape}"
        raise InvalidInputError(f"{what}: {kind} is given: give a list of numbers.")
    return found


def rows(what: str, value: object) -> list[Floats] | None:
    """Return the numbers of several curves, or None if one curve is given.

    Raises:
        InvalidInputError: the value contains neither numbers nor rows of numbers.
    """
    given = _plain(value)
    if isinstance(given, np.ndarray):
        if given.ndim < 2:
            return None
        if given.ndim > 2:
            raise InvalidInputError(f"{what}: an array of shape {given.shape} is given: give a row for each curve.")
        return [series(what, row) for row in given]
    if not isinstance(given, list):
        return None
    nested = [_nested(one) for one in given]
    if not any(nested):
        return None
    if not all(nested):
        raise InvalidInputError(f"{what}: numbers and lists are mixed: give one list, or a list for each curve.")
    return [series(what, one) for one in given]


def levels(what: str, value: object, count: int) -> Floats:
    """Return one number, or one for each of ``count`` epochs, as an array with at most one axis.

    Raises:
        InvalidInputError: the value is neither; infinities and nan are accepted.
    """
    given = _plain(value)
    try:
        found = np.asarray(_array(given))
        if given is None:
            raise TypeError
    except _ERRORS:
        raise InvalidInputError(f"{what} {shown(given)}: give a number, or one for each epoch.") from None
    if found.shape not in ((), (1,), (count,)):
        raise InvalidInputError(
            f"{what} of shape {found.shape}: give a number, or one for each of {count} epoch{'s' * (count != 1)}."
        )
    return found


def _nested(value: object) -> bool:
    if hasattr(value, "__array__"):
        return np.ndim(_plain(value)) > 0
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def _plain(value: object) -> Any:
    """Return an array, a list or the value itself; a tensor is detached and moved to the CPU."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
        return np.asarray(value.double().numpy() if hasattr(value, "double") else value)
    if isinstance(value, np.ma.MaskedArray):
        return np.ma.filled(value.astype(np.float64) if value.dtype.kind in "biuf" else value, math.nan)
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__array__") and not np.isscalar(value):
        return np.asarray(value)
    if isinstance(value, (str, bytes, Mapping, Set)) or not isinstance(value, Iterable):
        return value
    return list(value)


def _array(given: Any) -> Floats:
    """Return numbers as an array, with nan for None; raise TypeError for texts and complex numbers."""
    if isinstance(given, list):
        return np.array([_number(one) for one in given], dtype=np.float64)
    if isinstance(given, np.ndarray):
        if given.dtype.kind in "biuf":
            return given.astype(np.float64)
        if given.dtype.kind == "O" and given.ndim == 1:
            return np.array([_number(one) for one in given], dtype=np.float64)
        raise TypeError
    return np.array(_number(given), dtype=np.float64)


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, (str, bytes, complex)):
        raise TypeError
    return float(value.detach() if hasattr(value, "detach") else value)


__all__ = ["levels", "rows", "series"]
