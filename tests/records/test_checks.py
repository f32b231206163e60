"""Columns of strangers hold what lines may hold, or are refused."""

import numpy as np
import pytest
from toys import record, trial

from zcbench.records import Records, Trials
from zcbench.records._checks import check
from zcbench.records._schema import BadLineError


def columns(items):
    table = (Records if hasattr(items[0], "proxy") else Trials).of(items)
    return {name: np.array(array) for name, array in table._arrays.items()}, dict(table._texts), table.kind


GOOD = [record("a"), record("b", None), record("c", None, status="non-finite")]


def test_good_columns():
    check(*columns(GOOD))
    check(*columns([trial(), trial(tau=None, seed=1)]))
    check(*columns([record()])[:1], *columns([record()])[1:])


@pytest.mark.parametrize(
    "column, value, message",
    [
        ("value", [1.0, 1.0, np.nan], "'status' does not agree with the column 'value'"),
        ("value", [np.inf, np.nan, np.nan], "'value' has a number out of range"),
        ("seconds", [-0.1, 0, 0], "'seconds' has a number out of range"),
        ("spread", [-0.1, 0, 0], "'spread' has a number out of range"),
        ("seed", [-1, 0, 0], "'seed' has a number out of range"),
        ("seed", [2**32, 0, 0], "'seed' has a number out of range"),
        ("repeats", [0, 1, 1], "'repeats' has a number out of range"),
        ("attempt", [0, 0, 2**53], "'attempt' has a number out of range"),
        ("proxy", [0, 0, 1], "a text of the column 'proxy' is missing"),
        ("proxy", [0, -1, 0], "a text of the column 'proxy' is missing"),
    ],
)
def test_wrong_numbers(column, value, message):
    arrays, texts, kind = columns(GOOD)
    arrays[column] = np.array(value)
    with pytest.raises(BadLineError, match=message):
        check(arrays, texts, kind)


@pytest.mark.parametrize(
    "column, text", [("proxy", "mine"), ("benchmark", "x@"), ("status", "odd"), ("code", "\ud800")]
)
def test_wrong_texts(column, text):
    arrays, texts, kind = columns(GOOD)
    texts[column] = (text,) * len(texts[column])
    with pytest.raises(BadLineError):
        check(arrays, texts, kind)
    if column != "status":  # what no row has is not looked at
        check(*columns(GOOD)[:1], {**columns(GOOD)[1], column: (*columns(GOOD)[1][column], text)}, kind)


@pytest.mark.parametrize(
    "metrics", ["", "{}", "[]", '{"tau":2}', '{"tau":null}', '{"tau":"1"}', '{"rho":1}', '{"tau":NaN}', '{"tau":1e999}']
)
def test_wrong_metrics(metrics):
    arrays, texts, kind = columns([trial()])
    texts["metrics"] = (metrics,)
    with pytest.raises(BadLineError):
        check(arrays, texts, kind)
