"""Lines of the store: the JSON form of items and environments, and the checks of a line.

Reading any line gives an object or a :class:`BadLineError` with the reason in a few words.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from zcbench.errors import shortened
from zcbench.records._kinds import FORECASTS, SEARCHES, TRIALS, Kind, metrics_text, numbers_text
from zcbench.records._record import CurveTrial, Record, SearchTrace, Trial
from zcbench.types import Status

#: 1: one file per benchmark. 2: code, sample and attempt; a trial's ``transfer_from`` was called ``source``; blocks.
#: 3: device, its name and its memory; the status out-of-memory.
SCHEMA = 3
#: bytes; lines of zcbench have a few hundred, and a reader must not need much memory for other lines
LONGEST = 1 << 20
#: bytes; the longest line that is read: a block of one item is slightly longer than the item's line
READ = LONGEST + (1 << 16)
_SHOWN = 5


class BadLineError(ValueError):
    """A line that is not a record, trial, search, forecast or environment; the message gives the reason."""


@dataclass(frozen=True)
class LeftOut:
    """A line that was not used.

    Attributes:
        path: its file.
        line: its number, from 1.
        reason: the reason, in a few words.
    """

    path: Path
    line: int
    reason: str


def said(path: Path, left_out: Sequence[LeftOut]) -> str:
    """Write a sentence for lines that were skipped, with their numbers."""
    numbers: dict[str, list[int]] = {}
    for line in left_out:
        numbers.setdefault(line.reason, []).append(line.line)
    parts = []
    for reason, found in sorted(numbers.items(), key=lambda item: item[1])[:_SHOWN]:
        shown = ", ".join(map(str, found[:_SHOWN])) + (f" and {len(found) - _SHOWN:,} more" * (len(found) > _SHOWN))
        parts.append(f"line{'s' * (len(found) > 1)} {shown} ({reason})")
    if len(numbers) > _SHOWN:
        parts.append(f"and others for {len(numbers) - _SHOWN:,} more reasons")
    count = len(left_out)
    what = "1 line that cannot be read was" if count == 1 else f"{count:,} lines that cannot be read were"
    return f"{what} skipped and stay{'s' * (count == 1)} in {path}: {', '.join(parts)}."


def parsed(text: bytes, mark: str) -> dict[str, Any]:
    """Return the fields of a line.

    Args:
        text: the line.
        mark: the field that an item has and an environment lacks.

    Raises:
        BadLineError: it is not an object, of another schema, or neither an item nor a block nor an environment.
    """
    line = _object(text)
    schema = line.get("schema")
    if type(schema) is not int or schema < 1:
        raise BadLineError("no field 'schema' with a number")
    if schema > SCHEMA:
        raise BadLineError(f"schema {schema if schema < 10**9 else 'unknown'} of a newer zcbench: upgrade")
    if "block" in line:
        return line
    if not isinstance(line.get("environment"), str):
        raise BadLineError("no field 'environment' with a text")
    if mark not in line:
        if not _ITEMS.isdisjoint(line):  # not the description of an environment
            raise BadLineError(f"no field {mark!r}")
        if any(isinstance(value, dict | list) for value in line.values()):
            raise BadLineError("an environment that contains more than texts and numbers")
    return line


def part(text: bytes, needed: Sequence[str], possible: Sequence[str]) -> dict[str, Any]:
    """Parse some fields of a record's line as a separate object.

    Raises:
        BadLineError: it is not an object, lacks one of the fields, has others, or a field has an invalid value.
    """
    line = _object(text)
    if not set(needed) <= line.keys() <= {*needed, *possible}:
        raise BadLineError("other fields")
    schema = line.get("schema", SCHEMA)
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise BadLineError("another schema")
    known = _RECORD | _REPEATED | _LATER
    _check(line, {name: known[name] for name in line if name in known})
    if "status" in line:
        _status(line["status"])
    return line


def _object(text: bytes) -> dict[str, Any]:
    if len(text) > READ + 1:
        raise BadLineError(f"longer than {LONGEST >> 20} MB")
    try:
        line = json.loads(text.removeprefix(b"\xef\xbb\xbf").decode(), object_pairs_hook=_unique)
    except BadLineError:
        raise
    except UnicodeDecodeError:
        raise BadLineError("not UTF-8") from None
    except RecursionError:
        raise BadLineError("nested too deeply") from None
    except ValueError:  # of json, or of a whole number with too many digits
        raise BadLineError("not JSON" if text.strip() else "empty") from None
    if not isinstance(line, dict):
        raise BadLineError("not a JSON object")
    return line


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadLineError("a field is given twice")
    return found


def encoded(line: Mapping[str, Any]) -> bytes:
    """Encode a line for the store.

    Raises:
        BadLineError: it is longer than the limit of readers.
    """
    # A reason may quote bytes that are not text; as a backslash escape they are valid JSON.
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace") + b"\n"
    if len(text) > LONGEST:
        raise BadLineError(f"longer than {LONGEST >> 20} MB")
    return text


def finite(value: float) -> float | None:
    """Return the value, None if it is nan or infinite."""
    return value if math.isfinite(value) else None


# -- the values of fields ----------------------------------------------------------------------


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and (value.isascii() or not _SURROGATE.search(value))


def _is_prose(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_seed(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**32


def _is_finite(value: Any) -> bool:
    # Not math.isfinite, which fails for very large whole numbers.
    return type(value) in (int, float) and -sys.float_info.max <= value <= sys.float_info.max


def _is_duration(value: Any) -> bool:
    return bool((_is_finite(value) and value >= 0) or value != value)  # nan: unknown


def _is_spent(value: Any) -> bool:
    return _is_finite(value) and value >= 0


def _is_labelled(value: Any) -> bool:
    return _is_text(value) and _LABELLED.fullmatch(value) is not None


def _is_metrics(value: Any) -> bool:
    return isinstance(value, dict) and all(v is None or _is_finite(v) for v in value.values())


_LABELLED = re.compile(r".+@[0-9]{1,10}")  # versions up to 10**9
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT = (_is_text, "a text")
_PROSE = (_is_prose, "a text")  # of an exception in user code: it may quote bytes that are not text
_NAMED = (_is_labelled, "a name with a version, such as naswot@1")
_POSITIVE = (lambda value: _is_count(value) and value > 0, "a whole number from 1")
_SEED = (_is_seed, "a whole number from 0 to 4294967295")
_Fields = dict[str, tuple[Callable[[Any], bool], str]]

_RECORD: _Fields = {
    "benchmark": _NAMED,
    "architecture": _TEXT,
    "proxy": _NAMED,
    "seed": _SEED,
    "batch": _TEXT,
    "value": (lambda value: value is None or _is_finite(value), "a finite number or null"),
    "status": _TEXT,
    "seconds": (_is_duration, "a number from 0"),
    "detail": _PROSE,
    "network": _TEXT,
    "higher_is_better": (_is_flag, "true or false"),
    "environment": _TEXT,
}
_REPEATED: _Fields = {
    "repeats": _POSITIVE,
    "spread": (lambda value: value is None or _is_duration(value), "a number from 0 or null"),
}
#: of schemas 2 and 3, written if they are not the default
_LATER: _Fields = {
    "code": _TEXT,
    "sample": _TEXT,
    "attempt": (_is_count, "a whole number from 0"),
    "device": _TEXT,
    "device_name": _TEXT,
    "memory": (lambda value: value is None or _is_duration(value), "a number from 0 or null"),
}
_TRIAL: _Fields = {
    "benchmark": _NAMED,
    "target": _TEXT,
    "transfer_from": _TEXT,
    "predictor": _NAMED,
    "pool": _POSITIVE,
    "train_size": _POSITIVE,
    "tuned_size": (_is_count, "a whole number from 0"),
    "seed": _SEED,
    "status": _TEXT,
    "metrics": (_is_metrics, "numbers by name"),
    "detail": _PROSE,
    "environment": _TEXT,
    "data": _TEXT,
}
_TRACE: _Fields = {
    "benchmark": _NAMED,
    "guide": _TEXT,
    "searcher": _NAMED,
    "scorers": _TEXT,
    "budget": _TEXT,
    "constraints": _TEXT,
    "seed": _SEED,
    "status": _TEXT,
    "metrics": (_is_metrics, "numbers by name"),
    "rows": (lambda value: isinstance(value, list) and all(map(_is_count, value)), "a list of rows"),
    "clock": (lambda value: isinstance(value, list) and all(map(_is_spent, value)), "a list of seconds"),
    "epochs": (lambda value: isinstance(value, list) and all(map(_is_count, value)), "a list of epochs"),
    "detail": _PROSE,
    "environment": _TEXT,
    "data": _TEXT,
}
_FORECAST: _Fields = {
    "benchmark": _NAMED,
    "curve": _TEXT,
    "curve_predictor": _NAMED,
    "pool": _POSITIVE,
    "complete": (_is_count, "a whole number from 0"),
    "parts": _POSITIVE,
    "context": _TEXT,
    "seed": _SEED,
    "status": _TEXT,
    "metrics": (_is_metrics, "numbers by name"),
    "detail": _PROSE,
    "environment": _TEXT,
    "data": _TEXT,
}
_COLUMNS: _Fields = (
    _TRIAL
    | _RECORD
    | {
        **{name: _TRACE[name] for name in ("guide", "scorers", "budget", "constraints")},
        **{name: _FORECAST[name] for name in ("curve", "curve_predictor", "context")},
    }
)
#: fields that the description of an environment never has
_ITEMS = {"benchmark", "architecture", "proxy", "predictor", "batch", "value", "status", "metrics", "searcher", "curve"}


#: columns of texts that contain lists of numbers
_LISTS = ("rows", "clock", "epochs")


def _list(name: str, text: Any) -> None:
    _check({name: text}, {name: _TEXT})
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise BadLineError(f"the field {name!r} is not a list") from None
    _check({name: values}, {name: _TRACE[name]})


def check_text(name: str, value: Any) -> None:
    """Check a text of a column.

    Raises:
        BadLineError: it is not a text, or not a valid value of the field.
    """
    if name == "status":
        _status(value)
    elif name == "metrics":
        _check({name: value}, {name: _TEXT})
    elif name in _LISTS:
        _list(name, value)
    else:
        _check({name: value}, {name: _COLUMNS.get(name, _TEXT)})


def _check(line: Mapping[str, Any], expected: _Fields) -> None:
    for name, (fits, what) in expected.items():
        try:
            good = fits(line[name])
        except KeyError:
            raise BadLineError(f"no field {name!r}") from None
        if not good:
            raise BadLineError(f"the field {name!r} is not {what}")


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        raise BadLineError(f"the status {text[:40]!a} is unknown to this zcbench") from None


def record(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of a record's line, in the order of the kind's fields.

    Raises:
        BadLineError: a field is missing or has an invalid value.
    """
    _check(line, _RECORD)
    repeats, spread = line.get("repeats", 1), line.get("spread")
    _check({"repeats": repeats, "spread": spread}, _REPEATED)
    later = _later(line)
    status, value = _status(line["status"]), line["value"]
    if (value is not None) != (status is Status.OK):
        raise BadLineError(f"the status {status} does not agree with the value {value!s:.20}")
    return (
        *(line["benchmark"], line["architecture"], line["proxy"], line["seed"], line["batch"], later["code"]),
        *(math.nan if value is None else float(value), status.value, float(line["seconds"]), shortened(line["detail"])),
        *(line["network"], line["higher_is_better"], line["environment"]),
        *(repeats, math.nan if spread is None else float(spread), later["sample"], later["attempt"]),
        *(later["device"], later["device_name"], later["memory"]),
    )


def trial(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of a trial's line, in the order of the kind's fields.

    Raises:
        BadLineError: a field is missing or has an invalid value.
    """
    if "transfer_from" not in line and line.get("schema") == 1 and "source" in line:
        line = {**line, "transfer_from": line["source"]}
    found = _flat(line, TRIALS, _TRIAL)
    _check_metrics(line["metrics"], Status(line["status"]), TRIALS.name)
    return found


def search(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of the line of a search's trace, in the order of the kind's fields.

    Raises:
        BadLineError: a field is missing or has an invalid value.
    """
    found = _flat(line, SEARCHES, _TRACE)
    if len(line["clock"]) != len(line["rows"]) or len(line["epochs"]) not in (0, len(line["rows"])):
        raise BadLineError("the fields 'rows', 'clock' and 'epochs' have different lengths")
    return found


def forecast(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of the line of a curve predictor's trial, in the order of the kind's fields.

    Raises:
        BadLineError: a field is missing or has an invalid value.
    """
    found = _flat(line, FORECASTS, _FORECAST)
    _check_metrics(line["metrics"], Status(line["status"]), FORECASTS.name)
    return found


def _flat(line: Mapping[str, Any], kind: Kind[Any], expected: _Fields) -> tuple[Any, ...]:
    """Return the checked values of a line whose fields are the columns."""
    _check(line, expected)
    found = {**line, **_later(line), "status": _status(line["status"]).value}
    found["metrics"], found["detail"] = metrics_text(line["metrics"]), shortened(line["detail"])
    found |= {name: numbers_text(line[name]) for name in _LISTS if name in expected}
    return tuple(found[name] for name in kind.names)


#: the function that reads a line, by the name of the kind
READERS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]] = {
    "record": record,
    "trial": trial,
    "search": search,
    "forecast": forecast,
}


#: the metric that an item with the status ok must have, and its bounds, by kind
_LEAST = {TRIALS.name: ("tau", -1, 1), FORECASTS.name: ("curves", 1, 2**53)}


def _check_metrics(metrics: Mapping[str, Any], status: Status, kind: str) -> None:
    if status is not Status.OK or kind not in _LEAST:
        return
    name, low, high = _LEAST[kind]
    value = metrics.get(name)
    if value is None or not low <= value <= high:
        raise BadLineError(f"the status ok without a {name} from {low} to {high}")


def _later(line: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(("code", "sample", "device", "device_name"), "")
    found |= {"attempt": 0, "memory": None}
    found |= {name: line[name] for name in found if name in line}
    _check(found, _LATER)
    found["memory"] = math.nan if found["memory"] is None else float(found["memory"])
    return found


def column_metrics(text: str, status: str, kind: str) -> None:
    """Check metrics in the form of a column of texts.

    Args:
        text: the metrics.
        status: the outcome of the item.
        kind: name of the kind of item.

    Raises:
        BadLineError: they are not metrics, or do not agree with the status.
    """
    metrics = _object(text.encode(errors="surrogatepass"))
    _check({"metrics": metrics}, {"metrics": _TRIAL["metrics"]})
    _check_metrics(metrics, Status(status), kind)


# -- writing -----------------------------------------------------------------------------------


def record_line(record: Record) -> dict[str, Any]:
    """Return the fields of a record's line."""
    score = record.score
    return {
        "schema": SCHEMA,
        "benchmark": record.benchmark,
        "architecture": record.architecture,
        "network": record.network,
        "proxy": record.proxy,
        "seed": record.seed,
        "batch": record.batch,
        "higher_is_better": record.higher_is_better,
        "environment": record.environment,
        **({"code": record.code} if record.code else {}),
        **({"sample": record.sample} if record.sample else {}),
        **({"attempt": record.attempt} if record.attempt else {}),
        **({"device": score.device} if score.device else {}),
        **({"device_name": score.device_name} if score.device_name else {}),
        "status": str(score.status),
        "detail": score.detail,
        **({"repeats": score.repeats, "spread": finite(score.spread)} if score.repeats > 1 else {}),
        # Fields that differ from line to line are last: the others are parsed once (_at_once.py).
        "value": score.value,
        "seconds": round(score.seconds, 6),
        **({"memory": score.memory} if math.isfinite(score.memory) else {}),
    }


def item_line(item: Trial | SearchTrace | CurveTrial) -> dict[str, Any]:
    """Return the fields of the line of a trial, a search or a forecast."""
    line = {field.name: getattr(item, field.name) for field in fields(item)}
    line["metrics"] = {name: finite(value) for name, value in item.metrics.items()}
    line["status"] = str(item.status)
    for name in _LISTS:
        if name in line:
            line[name] = list(line[name])
    for name in ("code", "attempt", "device", "device_name"):
        if not line[name]:
            del line[name]
    if not math.isfinite(item.memory):
        del line["memory"]
    return {"schema": SCHEMA, **line}
