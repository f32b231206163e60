"""The fields of records, trials, searches and forecasts: what columns, lines, blocks and Parquet have in common."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any, Generic, TypeVar

from zcbench.records._record import CurveTrial, Record, SearchTrace, Trial
from zcbench.types import Score, Status

Item = TypeVar("Item", Record, Trial, SearchTrace, CurveTrial)


class Form(Enum):
    """The storage form of a field."""

    TEXT = "text"  # int32 codes and their texts
    WHOLE = "whole"  # whole numbers
    FLAG = "flag"  # bools
    FLOAT = "float"  # float64, nan for none


@dataclass(frozen=True)
class Field:
    """A column: its name, form and default value; whether it is part of the key; its first schema."""

    name: str
    form: Form = Form.TEXT
    default: Any = None
    key: bool = False
    since: int = 1


@dataclass(frozen=True)
class Kind(Generic[Item]):
    """The contents of one kind of files.

    Attributes:
        name: the name in messages, singular.
        suffix: the suffix of file names before their format: "", ".trials", ".searches" or ".forecasts".
        mark: a field that an item has and the description of an environment lacks.
        fields: the columns; those of the key are in the key's order.
        values: converts an item to values in the order of the fields.
        item: converts such values to an item.
    """

    name: str
    suffix: str
    mark: str
    fields: tuple[Field, ...]
    values: Callable[[Item], tuple[Any, ...]]
    item: Callable[..., Item]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Names of the columns of texts."""
        return tuple(field.name for field in self.fields if field.form is Form.TEXT)

    @cached_property
    def traced(self) -> Kind[Item]:
        """Return the kind with one more column: ``origin``, the name of the file in which an item was first written."""
        return replace(self, fields=(*self.fields, Field("origin", default="")))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns that make the key."""
        return tuple(field.name for field in self.fields if field.key)


def _record_values(record: Record) -> tuple[Any, ...]:
    score = record.score
    return (
        *(record.benchmark, record.architecture, record.proxy, record.seed, record.batch, record.code),
        *(math.nan if score.value is None else score.value, str(score.status), score.seconds, score.detail),
        *(record.network, record.higher_is_better, record.environment, score.repeats, score.spread),
        *(record.sample, record.attempt, score.device, score.device_name, score.memory),
    )


def _nan(value: float) -> float:
    # One object for nan, because equality of tuples and dataclasses compares identity first.
    return value if value == value else math.nan


def _record(
    benchmark: str,
    architecture: str,
    proxy: str,
    seed: int,
    batch: str,
    code: str,
    value: float,
    status: str,
    seconds: float,
    detail: str,
    network: str,
    up: bool,
    environment: str,
    repeats: int,
    spread: float,
    sample: str,
    attempt: int,
    device: str,
    device_name: str,
    memory: float,
) -> Record:
    known = value if value == value else None
    where = (device, device_name, _nan(memory))
    score = Score(known, _STATUS[status], _nan(seconds), detail, repeats, _nan(spread), *where)
    return Record(benchmark, architecture, proxy, seed, batch, score, network, up, environment, code, sample, attempt)


def metrics_text(metrics: Mapping[str, float | None]) -> str:
    """Write metrics as one text; None, nan and infinities become null."""
    known = {n: None if v is None or not math.isfinite(v) else float(v) for n, v in metrics.items()}
    return json.dumps(known, separators=(",", ":"))


def metrics_of(text: str) -> dict[str, float]:
    """Read the text of :func:`metrics_text`."""
    return {name: math.nan if value is None else float(value) for name, value in json.loads(text).items()}


def numbers_text(values: Sequence[float]) -> str:
    """Write numbers as one text."""
    return json.dumps(list(values), separators=(",", ":"))


def numbers_of(text: str) -> tuple[Any, ...]:
    """Read the text of :func:`numbers_text`."""
    return tuple(json.loads(text))


_STATUS = {str(status): status for status in Status}
#: functions that write fields as columns of texts and read them; other fields are not converted
_WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "status": str,
    "metrics": metrics_text,
    **dict.fromkeys(("rows", "clock", "epochs"), numbers_text),
}
_READ: Mapping[str, Callable[[Any], Any]] = {
    "status": _STATUS.__getitem__,
    "metrics": metrics_of,
    "memory": _nan,
    **dict.fromkeys(("rows", "clock", "epochs"), numbers_of),
}


def _flat(item: type[Item], name: str, suffix: str, mark: str, *fields: Field) -> Kind[Item]:
    """Make the kind of a dataclass whose fields are the columns."""

    def values(one: Item) -> tuple[Any, ...]:
        found = ((field.name, getattr(one, field.name)) for field in fields)
        return tuple(_WRITTEN[name](value) if name in _WRITTEN else value for name, value in found)

    def made(*given: Any) -> Item:
        pairs = zip((field.name for field in fields), given, strict=True)
        return item(**{name: _READ[name](value) if name in _READ else value for name, value in pairs})

    return Kind(name, suffix, mark, fields, values, made)


#: the device of a computation, and its memory
_DEVICE = (
    Field("device", default="", since=3),
    Field("device_name", default="", since=3),
    Field("memory", Form.FLOAT, math.nan, since=3),
)
RECORDS = Kind[Record](
    "record",
    "",
    "proxy",
    (
        Field("benchmark", key=True),
        Field("architecture", key=True),
        Field("proxy", key=True),
        Field("seed", Form.WHOLE, key=True),
        Field("batch", key=True),
        Field("code", default="", key=True),
        Field("value", Form.FLOAT),
        Field("status"),
        Field("seconds", Form.FLOAT),
        Field("detail"),
        Field("network"),
        Field("higher_is_better", Form.FLAG),
        Field("environment"),
        Field("repeats", Form.WHOLE, 1),
        Field("spread", Form.FLOAT, math.nan),
        Field("sample", default=""),
        Field("attempt", Form.WHOLE, 0),
        *_DEVICE,
    ),
    _record_values,
    _record,
)
TRIALS = _flat(
    Trial,
    "trial",
    ".trials",
    "predictor",
    Field("benchmark", key=True),
    Field("target", key=True),
    Field("transfer_from", key=True),
    Field("predictor", key=True),
    Field("data", key=True),
    Field("code", default="", key=True),
    Field("pool", Form.WHOLE, key=True),
    Field("train_size", Form.WHOLE, key=True),
    Field("tuned_size", Form.WHOLE, key=True),
    Field("seed", Form.WHOLE, key=True),
    Field("status"),
    Field("metrics"),
    Field("detail"),
    Field("environment"),
    Field("attempt", Form.WHOLE, 0),
    *_DEVICE,
)
SEARCHES = _flat(
    SearchTrace,
    "search",
    ".searches",
    "searcher",
    Field("benchmark", key=True),
    Field("guide", key=True),
    Field("searcher", key=True),
    Field("scorers", key=True),
    Field("budget", key=True),
    Field("constraints", key=True),
    Field("data", key=True),
    Field("code", default="", key=True),
    Field("seed", Form.WHOLE, key=True),
    Field("status"),
    Field("metrics"),
    Field("rows"),
    Field("clock"),
    Field("epochs"),
    Field("detail"),
    Field("environment"),
    Field("attempt", Form.WHOLE, 0),
    *_DEVICE,
)
FORECASTS = _flat(
    CurveTrial,
    "forecast",
    ".forecasts",
    "curve_predictor",
    Field("benchmark", key=True),
    Field("curve", key=True),
    Field("curve_predictor", key=True),
    Field("data", key=True),
    Field("code", default="", key=True),
    Field("pool", Form.WHOLE, key=True),
    Field("complete", Form.WHOLE, key=True),
    Field("parts", Form.WHOLE, key=True),
    Field("context", key=True),
    Field("seed", Form.WHOLE, key=True),
    Field("status"),
    Field("metrics"),
    Field("detail"),
    Field("environment"),
    Field("attempt", Form.WHOLE, 0),
    *_DEVICE,
)
