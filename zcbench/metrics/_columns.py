"""Checked columns of numbers, and their ranks by exact comparison."""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench.errors import InvalidInputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def ranked(x: ArrayLike, y: ArrayLike) -> tuple[Ints, Ints]:
    """Return the codes of two columns."""
    a, b = to_numbers(x), to_numbers(y)
    if a.shape != b.shape:
        raise InvalidInputError(f"columns of shapes {a.shape} and {b.shape} cannot be correlated.")
    return to_codes(a), to_codes(b)


def columns(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Return two columns as floating-point numbers, for metrics that need more than their order."""
    ranked(x, y)
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def to_codes(values: NDArray[Any]) -> Ints:
    """Return 0 for the least number, 1 for the next, …; equal numbers have equal codes."""
    if not finite(values).all():
        raise InvalidInputError("a column contains nan or infinity: remove scores without a value before correlating.")
    return np.unique(values, return_inverse=True)[1].astype(np.int64, copy=False)


def to_numbers(x: ArrayLike, dimensions: int = 1) -> NDArray[Any]:
    """Return an array whose values compare exactly as the given numbers.

    Raises:
        InvalidInputError: it has another number of dimensions, or a value is not a real number.
    """
    values = np.asarray(x)
    if values.ndim != dimensions:
        wanted = "(n,)" if dimensions == 1 else "(architectures, seeds)"
        raise InvalidInputError(f"values of shape {values.shape}: expected {wanted}.")
    if values.dtype.kind == "f" and not isinstance(x, np.ndarray) and np.any(np.abs(values) >= 2**53):
        values = np.asarray(x, dtype=object)  # integers that numpy rounded
    if isinstance(x, np.ma.MaskedArray) and np.ma.getmaskarray(x).any():
        raise InvalidInputError("a column contains masked values: remove scores without a value before correlating.")
    if values.dtype.kind in "biuf" or not values.size:
        return values
    if values.dtype == object:
        for value in values.flat:
            if not isinstance(value, numbers.Real | Decimal | np.bool_):
                raise InvalidInputError(f"a column contains {value!r}, which is not a number: remove such rows.")
        return values
    raise InvalidInputError(f"a column of {values.dtype} contains no real numbers: convert it first.")


def finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask of the values that are neither nan nor infinite."""
    if values.dtype != object:
        return np.asarray(np.isfinite(values))
    one_by_one = [value == value and abs(value) != math.inf for value in values.flat]
    return np.array(one_by_one, np.bool_).reshape(values.shape)


def varied(codes: Ints) -> bool:
    """Return whether two codes differ."""
    return len(codes) > 1 and bool(codes.max() > 0)


def mean_ranks(values: ArrayLike) -> Floats:
    """Return ranks of numbers ``(n,)`` from 1, the least, to n; equal numbers share the mean of their ranks."""
    codes = to_codes(np.asarray(values))
    equal = np.bincount(codes)
    middles: Floats = np.cumsum(equal) - equal + (equal + 1) / 2
    return middles[codes]


def student(df: int) -> float:
    """Return the 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit  # scipy.stats gives the same and takes half a second to load

    return float(stdtrit(df, 0.975))
