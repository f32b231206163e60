"""Checks of columns from a block or a Parquet file: many rows at once, by the rules for lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.records import _schema
from zcbench.records._kinds import Form, Kind
from zcbench.records._schema import BadLineError
from zcbench.types import Status

_HIGHEST = {"seed": 2**32 - 1}
_LOWEST = {"repeats": 1, "pool": 1, "train_size": 1, "parts": 1}


def check(arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, Sequence[str]], kind: Kind[Any]) -> None:
    """Check columns.

    Args:
        arrays: a column of every field, all of one length; texts as int32 codes, whole numbers as int64.
        texts: the texts of the codes.
        kind: the kind of the rows.

    Raises:
        BadLineError: a column contains an invalid value; the message names the column.
    """
    for field in kind.fields:
        values = arrays[field.name]
        if not len(values):
            continue
        if field.form is Form.TEXT:
            known = texts[field.name]
            if values.min() < 0 or values.max() >= len(known):
                raise BadLineError(f"a text of the column {field.name!r} is missing")
            for code in np.unique(values):
                _schema.check_text(field.name, known[code])
        elif field.form is Form.WHOLE:
            low, high = _LOWEST.get(field.name, 0), _HIGHEST.get(field.name, 2**53 - 1)
            if values.min() < low or values.max() > high:
                raise BadLineError(f"the column {field.name!r} has a number out of range")
        elif field.form is Form.FLOAT and (
            np.isinf(values).any() or (field.name in ("seconds", "spread", "memory") and (values < 0).any())
        ):
            raise BadLineError(f"the column {field.name!r} has a number out of range")
    _check_outcomes(arrays, texts, kind)


def _check_outcomes(arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, Sequence[str]], kind: Kind[Any]) -> None:
    codes = arrays["status"]
    if not len(codes):
        return
    if "value" in arrays:
        done = np.array([text == Status.OK for text in texts["status"]], bool)[codes]
        if (np.isnan(arrays["value"]) == done).any():
            raise BadLineError("the column 'status' does not agree with the column 'value'")
        return
    for metrics, status in {*zip(arrays["metrics"].tolist(), codes.tolist(), strict=True)}:
        _schema.column_metrics(texts["metrics"][metrics], texts["status"][status], kind.name)
