"""The fields of records, trials and searches: what columns, lines, blocks and Parquet files have in common."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any, Generic, TypeVar

from zcbench.records._record import Record, SearchTrace, Trial
from zcbench.types import Score, Status

Item = TypeVar("Item", Record, Trial, SearchTrace)


class Form(Enum):
    """How a field is kept."""

    TEXT = "text"  # int32 codes and their texts
    WHOLE = "whole"  # whole numbers
    FLAG = "flag"  # bools
    FLOAT = "float"  # float64, nan for none


@dataclass(frozen=True)
class Field:
    """A column: its name, form and value where nothing was written; whether it is part of the key."""

    name: str
    form: Form = Form.TEXT
    default: Any = None
    key: bool = False


@dataclass(frozen=True)
class Kind(Generic[Item]):
    """What one sort of files holds.

    Attributes:
        name: in messages, singular.
        suffix: what files of the kind have before their format: "", ".trials" or ".searches".
        mark: field that an item has and the description of an environment lacks.
        fields: the columns; those of the key stand in the key's order.
        values: an item's values in the order of the fields.
        item: the item of such values.
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
        """The kind with one column more: ``origin``, the name of the file in which an item was first written."""
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
        *(record.sample, record.attempt),
    )


def _nan(value: float) -> float:
    # One object for nan, as equality of tuples and dataclasses goes by identity first.
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
) -> Record:
    score = Score(value if value == value else None, _STATUS[status], _nan(seconds), detail, repeats, _nan(spread))
    return Record(benchmark, architecture, proxy, seed, batch, score, network, up, environment, code, sample, attempt)


def metrics_text(metrics: Mapping[str, float | None]) -> str:
    """Metrics as one text; None, nan and infinities are null."""
    known = {n: None if v is None or not math.isfinite(v) else float(v) for n, v in metrics.items()}
    return json.dumps(known, separators=(",", ":"))


def metrics_of(text: str) -> dict[str, float]:
    """What :func:`metrics_text` wrote."""
    return {name: math.nan if value is None else float(value) for name, value in json.loads(text).items()}


def _trial_values(trial: Trial) -> tuple[Any, ...]:
    return (
        *(trial.benchmark, trial.target, trial.transfer_from, trial.predictor, trial.data, trial.code),
        *(trial.pool, trial.train_size, trial.tuned_size, trial.seed, str(trial.status)),
        *(metrics_text(trial.metrics), trial.detail, trial.environment, trial.attempt),
    )


def _trial(
    benchmark: str,
    target: str,
    transfer_from: str,
    predictor: str,
    data: str,
    code: str,
    pool: int,
    train_size: int,
    tuned_size: int,
    seed: int,
    status: str,
    metrics: str,
    detail: str,
    environment: str,
    attempt: int,
) -> Trial:
    return Trial(
        *(benchmark, target, transfer_from, predictor, pool, train_size, tuned_size, seed),
        *(_STATUS[status], metrics_of(metrics), detail, environment, data, code, attempt),
    )


def numbers_text(values: Sequence[float]) -> str:
    """Numbers as one text."""
    return json.dumps(list(values), separators=(",", ":"))


def numbers_of(text: str) -> tuple[Any, ...]:
    """What :func:`numbers_text` wrote."""
    return tuple(json.loads(text))


def _trace_values(trace: SearchTrace) -> tuple[Any, ...]:
    return (
        *(trace.benchmark, trace.guide, trace.searcher, trace.scorers, trace.budget, trace.constraints),
        *(trace.data, trace.code, trace.seed, str(trace.status), metrics_text(trace.metrics)),
        *(numbers_text(trace.rows), numbers_text(trace.clock), numbers_text(trace.epochs)),
        *(trace.detail, trace.environment, trace.attempt),
    )


def _trace(
    benchmark: str,
    guide: str,
    searcher: str,
    scorers: str,
    budget: str,
    constraints: str,
    data: str,
    code: str,
    seed: int,
    status: str,
    metrics: str,
    rows: str,
    clock: str,
    epochs: str,
    detail: str,
    environment: str,
    attempt: int,
) -> SearchTrace:
    return SearchTrace(
        *(benchmark, guide, searcher, scorers, budget, constraints, seed, _STATUS[status], metrics_of(metrics)),
        *(numbers_of(rows), numbers_of(clock), numbers_of(epochs), detail, environment, data, code, attempt),
    )


_STATUS = {str(status): status for status in Status}

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
    ),
    _record_values,
    _record,
)
TRIALS = Kind[Trial](
    "trial",
    ".trials",
    "predictor",
    (
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
    ),
    _trial_values,
    _trial,
)
SEARCHES = Kind[SearchTrace](
    "search",
    ".searches",
    "searcher",
    (
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
    ),
    _trace_values,
    _trace,
)
