"""What users give as curves: whatever holds numbers, and one sentence for the rest."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pytest
import torch

from zcbench.curves._given import levels, rows, series
from zcbench.errors import InvalidInputError

V = [0.25, 0.5, 0.75]


class Series:
    """As of a package of tables: labels of its own, so that it has no first item by number."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(V, dtype=dtype)

    def __len__(self) -> int:
        return 3

    def __getitem__(self, label: object) -> float:
        raise KeyError(label)


@pytest.mark.parametrize(
    "value",
    [
        V,
        tuple(V),
        (one for one in V),
        dict(enumerate(V)).values(),
        np.float32(V),
        np.array(V, dtype=object),
        torch.tensor(V),
        torch.tensor(V, requires_grad=True),
        torch.tensor(V, dtype=torch.bfloat16),
        [torch.tensor(one, requires_grad=True) for one in V],
        [decimal.Decimal(one) for one in V],
        Series(),
    ],
)
def test_numbers_of_one_curve(value: object) -> None:
    assert series("the curve", value).tolist() == V
    if not hasattr(value, "__next__"):
        assert rows("curves", value) is None


def test_what_is_missing_is_nan() -> None:
    np.testing.assert_array_equal(series("the curve", [0.1, None, 0.3]), [0.1, np.nan, 0.3])
    masked = np.ma.masked_array([1, 2, 3], [False, True, False])
    np.testing.assert_array_equal(series("the curve", masked), [1, np.nan, 3])


@pytest.mark.parametrize(
    "value",
    [
        [V, V],
        np.array([V, V]),
        torch.tensor([V, V], requires_grad=True),
        [torch.tensor(V), Series()],
        [(one for one in V), V],
        np.ma.masked_array([V, V], False),
    ],
)
def test_several_curves(value: object) -> None:
    found = rows("curves", value)
    assert found is not None and [one.tolist() for one in found] == [V, V]


def test_no_curves() -> None:
    assert rows("curves", []) is None and rows("curves", np.zeros((0, 5))) == []
    assert [one.tolist() for one in rows("curves", [[], V]) or ()] == [[], V]


@pytest.mark.parametrize(
    "value", ["0.3", b"0.3", ["0.3"], None, {"a": 0.3}, {0.3}, [0.3j], np.array([0.3j]), ["a"], [10**400], [[0.3]]]
)
def test_no_numbers(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"the curve .*: give a list of numbers"):
        series("the curve", value)


def test_no_rows() -> None:
    with pytest.raises(InvalidInputError, match="one number is given"):
        series("the curve", np.array(0.3))
    with pytest.raises(InvalidInputError, match="numbers and lists are mixed"):
        rows("curves", [0.3, [0.3]])
    with pytest.raises(InvalidInputError, match=r"of shape \(2, 2, 2\) is given: give a row for each curve"):
        rows("curves", np.zeros((2, 2, 2)))


def test_levels() -> None:
    assert levels("the value", 0.5, 3).shape == () and levels("the value", torch.tensor(V), 3).tolist() == V
    for value in (None, "0.5", [V], [1, 2], np.zeros((3, 3))):
        with pytest.raises(InvalidInputError, match=r"the value .*: give a number, or one for each"):
            levels("the value", value, 3)
