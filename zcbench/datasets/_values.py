"""Checked values of foreign files: the reader reports values that are not numbers and lists of a wrong length."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._arguments import shown
from zcbench.types import Target

Floats = NDArray[np.float64]
_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

#: maximum number of trainings of an architecture, and of points of its curve
_MOST = (10_000, 1_000_000)


class OddValueError(ValueError):
    """A value of the wrong kind; ``explained`` adds file and row."""


def number(value: Any, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a finite number as a float.

    Args:
        value: an int or float, also of NumPy; not a bool or a text.
        what: its name in messages.
        low: smallest permitted value.
        high: largest permitted value.

    Raises:
        OddValueError: it is anything else.
    """
    if type(value) is float and low <= value <= high and value - value == 0:
        return value  # nearly all values are
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise OddValueError(f"{what} is {shown(value)}, not a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise OddValueError(f"{what} is {shown(value)}, not a finite number")
    if not low <= result <= high:
        raise OddValueError(f"{what} is {shown(value)}, outside of {low:g} to {high:g}")
    return result


def bounds_of(target: Target) -> tuple[float, float]:
    """Return the smallest and the largest value of a column, by the unit in its description."""
    if target.description.endswith("percent"):
        return 0.0, 100.0
    return (0.0, 1.0) if target.description.endswith("fraction") else (-math.inf, math.inf)


def numbers(
    values: Any, what: str, length: int | None = None, low: float = -math.inf, high: float = math.inf
) -> list[float]:
    """Return a list of finite numbers, of a given length if there is one; OddValueError for other values."""
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.tolist()
    if not isinstance(values, (list, tuple)):
        raise OddValueError(f"{what} is {shown(values)}, not a list of numbers")
    if length is not None and len(values) != length:
        raise OddValueError(f"{what} has {len(values)} entries, not {length}")
    return [number(value, what, low, high) for value in values]


def integer(value: Any, what: str, low: int = 0, high: int = 2**53) -> int:
    """Return an integer within bounds; OddValueError for other values, including 16.0 and True."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise OddValueError(f"{what} is {shown(value)}, not an integer")
    if not low <= value <= high:
        raise OddValueError(f"{what} is {shown(value)}, outside of {low} to {high}")
    return int(value)


def text_of(value: Any, what: str) -> str:
    """Return a text; OddValueError for other values."""
    if not isinstance(value, str):
        raise OddValueError(f"{what} is {shown(value)}, not a text")
    return value


def mapping_of(value: Any, what: str) -> Mapping[Any, Any]:
    """Return a mapping; OddValueError for other values."""
    if not isinstance(value, Mapping):
        raise OddValueError(f"{what} is {shown(value)}, not a mapping")
    return value


def list_of(value: Any, what: str) -> Sequence[Any]:
    """Return a list or tuple; OddValueError for other values."""
    if not isinstance(value, (list, tuple)):
        raise OddValueError(f"{what} is {shown(value)}, not a list")
    return value


def is_decimal(text: str) -> bool:
    """Return whether a cell of a CSV file is a number for :func:`decimal`."""
    return _DECIMAL.fullmatch(text.strip()) is not None


def decimal(text: Any, what: str) -> float:
    """Read the number in a cell of a CSV file; OddValueError for "", "nan", "1_000", "1,5" and similar texts."""
    if not isinstance(text, str) or not is_decimal(text):
        raise OddValueError(f"{what} is {shown(text)}, not a number")
    return number(float(text), what)


def column(values: Iterable[Any], what: str) -> Floats:
    """Return numbers, one per row, float64 ``(rows,)``; None and nan are nan, "not measured".

    Raises:
        OddValueError: a value is not a number, or is infinite; the message names the row, counted from 1.
    """
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iuf":
        result = values.astype(np.float64)
    else:
        entries = list(values)
        if not set(map(type, entries)) <= {int, float, type(None)}:
            for row, value in enumerate(entries, 1):
                if value is not None and not (isinstance(value, (float, np.floating)) and math.isnan(value)):
                    number(value, f"{what} of row {row}")
        try:
            result = np.asarray([math.nan if value is None else value for value in entries], np.float64)
        except OverflowError:
            for row, value in enumerate(entries, 1):
                if isinstance(value, int):
                    number(value, f"{what} of row {row}")
            raise
    if np.isinf(result).any():
        raise OddValueError(f"{what} of row {int(np.isinf(result).argmax()) + 1} is infinite")
    return result


def check_shape(name: str, dtype: np.dtype[Any], shape: Sequence[int], rows: int, dimensions: int) -> None:
    """Raise OddValueError unless an array is of real numbers, has the dimensions and a row per architecture."""
    if dtype.kind not in "fiu":
        raise OddValueError(f"the column {name!r} is not of numbers")
    if (
        len(shape) != dimensions
        or shape[0] != rows
        or not all(0 < n <= most for n, most in zip(shape[1:], _MOST, strict=False))
    ):
        raise OddValueError(f"there are columns of different lengths: {name!r} is {tuple(shape)} for {rows} rows")
