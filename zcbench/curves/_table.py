"""Reads learning curves from a table with a column for each epoch, or with a row for each run and epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from zcbench._display import abridged
from zcbench.curves._context import Floats
from zcbench.datasets._cells import read_cells
from zcbench.datasets._curve_columns import curve_columns, likely_patterns
from zcbench.datasets._sheet import Sheet, read_sheet
from zcbench.errors import DataCorruptError, InvalidInputError, UnknownNameError

#: largest number of rows
MOST_ROWS = 1_000_000
#: names of columns, the most likely first
_RUN = ("run", "run_id", "run_name", "arch", "architecture", "model", "name", "config", "trial", "experiment", "id")
_EPOCH = ("epoch", "epochs", "step", "steps", "iteration", "iter")
_VALUE = ("value", "metric", "score")
#: in exports of Weights & Biases: separator of run and metric, and suffixes of columns with the range of a value
_DASH, _ENDS = " - ", ("__MIN", "__MAX")


@dataclass(frozen=True)
class Observed:
    """One run of a table.

    Attributes:
        name: name of the run.
        epochs: epochs of values ``(n,)``, increasing.
        values: observed values ``(n,)``; nan where there is none.
        trouble: why its values cannot be used; "" if they can.
        note: an unusual property; "" for none.
    """

    name: str
    epochs: Floats
    values: Floats
    trouble: str = ""
    note: str = ""


def read_curves(
    path: str | Path,
    *,
    curve: str | None = None,
    run: str | None = None,
    epoch: str | None = None,
    value: str | None = None,
) -> list[Observed]:
    """Read the curves of a table; see :func:`zcbench.datasets.read_columns` for the kinds of file.

    A table with a column named "epoch" (or "step") is in long form; its rows may be in any order. If it has no column
    with the names of runs, each column of values is a run. In an export of Weights & Biases, with columns "run -
    metric" and its __MIN and __MAX, each column of the metric is a run. Other tables have a row for each run and
    columns whose names differ in the number of the epoch.

    Args:
        path: the file.
        curve: pattern of the columns of epochs, "valid_loss_*"; default the only such pattern.
        run: column with the names of runs; default "run", "model", …, otherwise a column of text.
        epoch: column of epochs, in long form.
        value: column of values, in long form; without a column of names, a pattern may select several.

    Returns:
        The runs in the order of the file. Errors of a run are in its ``trouble``.

    Raises:
        DataMissingError, DataCorruptError: there is no such file, or it is not a table.
        UnknownNameError: there is no such column.
        InvalidInputError: it is ambiguous which columns to read.
    """
    path = Path(path)
    sheet = _Sheet(str(path), read_sheet(path, None, 0, MOST_ROWS))
    for name in (run, epoch):
        if name is not None and name not in sheet.names:
            raise UnknownNameError("column", name, sheet.names)
    if curve is not None and (epoch is not None or value is not None):
        raise InvalidInputError("a pattern of columns and a column of epochs or values are both given: choose one.")
    if curve is None and (where := epoch or sheet.named(_EPOCH)) is not None:
        return _long(sheet, where, run, value)
    if value is not None:
        raise InvalidInputError(f"{path} has no column of epochs: give its name with --epoch.")
    return _wide(sheet, curve, run)


class _Sheet:
    """Cells by column."""

    def __init__(self, path: str, sheet: Sheet) -> None:
        self.path, self._sheet = path, sheet
        self.names = sheet.header
        twice = next((name for i, name in enumerate(self.names) if name in self.names[:i]), None)
        if twice is not None:
            raise DataCorruptError(f"{path} has two columns named {abridged(twice)!r}: rename one.")
        self.lines = [number for number, _ in sheet.rows]
        self.cells = {name: [row[place].strip() for _, row in sheet.rows] for place, name in enumerate(self.names)}

    def named(self, likely: Sequence[str]) -> str | None:
        """Return the column with the most likely of these names."""
        found = [name for name in self.names if name.lower() in likely]
        return min(found, key=lambda name: likely.index(name.lower())) if found else None

    def text(self, others: Sequence[str]) -> str | None:
        """Return the first column of text, without ``others``."""
        columns = {name: self.cells[name] for name in self.names if name not in others}
        readings = read_cells(columns, self.at, commas=self.commas, typed=self._sheet.typed)
        return next((name for name, reading in readings.items() if reading.code), None)

    def at(self, place: int) -> str:
        """Return the position of a row, such as "line 3"."""
        return f"{self._sheet.unit} {self.lines[place]}"

    @property
    def commas(self) -> bool:
        """Whether the file may have decimal commas."""
        return self._sheet.separator not in ("", ",")


def _wide(sheet: _Sheet, pattern: str | None, run: str | None) -> list[Observed]:
    named = run or sheet.named(_RUN)
    if pattern is None:
        patterns = likely_patterns(name for name in sheet.names if name != named)
        if not patterns:
            raise InvalidInputError(
                f"{sheet.path} has neither a column for each epoch, as valid_loss_1, valid_loss_2, …, nor a column of "
                "epochs: give them with --curve or --epoch, or add them."
            )
        if len(patterns) > 1:
            shown = ", ".join(abridged(one, 40) for one in patterns[:4]) + (", …" if len(patterns) > 4 else "")
            raise InvalidInputError(f"{sheet.path} has columns of several curves ({shown}): choose one with --curve.")
        pattern = patterns[0]
    found = curve_columns(pattern, sheet.names, sheet.path)
    epochs = np.array(found.epochs, dtype=np.float64)
    named = named or sheet.text(found.columns)
    names = [sheet.at(k) for k in range(len(sheet.lines))] if named is None else sheet.cells[named]
    rows = [[sheet.cells[column][k] for column in found.columns] for k in range(len(names))]
    read = _numbers(rows, lambda place: f"the column {abridged(found.columns[place], 60)!r}", commas=sheet.commas)
    return _distinct(
        [_observed(name, epochs, *one) for name, one in zip(names, read, strict=True)],
        [sheet.at(k) for k in range(len(names))],
    )


def _long(sheet: _Sheet, epoch: str, run: str | None, value: str | None) -> list[Observed]:
    run = run or sheet.named(_RUN)
    columns = _value_columns(sheet, epoch, run, value)
    if run is None and len(columns) == 1:
        run = sheet.text([epoch, *columns])
    if run is not None and len(columns) > 1:
        raise InvalidInputError(
            f"{sheet.path} has {len(columns)} columns of values and one with names of runs: choose one with --value."
        )
    groups: dict[str, list[int]] = {}
    for place in range(len(sheet.lines)):
        groups.setdefault("" if run is None else sheet.cells[run][place], []).append(place)
    found = []
    names = _names_of(columns)
    for column, title in zip(columns, names, strict=True):
        for name, places in groups.items():
            found.append(_of_rows(sheet, name or (title if run is None else "no name"), epoch, column, places))
    return found


def _names_of(columns: list[str]) -> list[str]:
    """Return names of runs from those of columns: the first part of "run - metric" if all have the same metric."""
    parts = [name.rpartition(_DASH) for name in columns]
    alike = len(columns) > 1 and all(part[0] for part in parts) and len({part[2] for part in parts}) == 1
    return [part[0] for part in parts] if alike else columns


def _value_columns(sheet: _Sheet, epoch: str, run: str | None, value: str | None) -> list[str]:
    others = [name for name in sheet.names if name not in (epoch, run)]
    # An export of Weights & Biases has three columns for each run: name, name__MIN, name__MAX.
    exported = [name for name in others if not (name.endswith(_ENDS) and name.rsplit("__", 1)[0] in others)]
    if value is not None:
        found = [name for name in exported if fnmatch(name, value)] or [name for name in others if name == value]
        if not found:
            raise UnknownNameError("column", value, others)
        return found
    if (likely := sheet.named(_VALUE)) is not None and likely in others:
        return [likely]
    readings = read_cells({n: sheet.cells[n] for n in exported}, sheet.at, commas=sheet.commas)
    found = [name for name, reading in readings.items() if not reading.code]
    metrics = dict.fromkeys(name.rpartition(_DASH)[2] for name in found if _DASH in name)
    metrics = {name: None for name in metrics if not name.startswith("_")}  # _step, _runtime, _timestamp
    if run is None and len(metrics) == 1:
        return [name for name in found if name.endswith(f"{_DASH}{next(iter(metrics))}")]
    if len(found) != 1:
        choices = [f"*{_DASH}{name}" for name in metrics] if run is None and metrics else found or others
        shown = ", ".join(abridged(name, 40) for name in choices[:6]) + (", …" if len(choices) > 6 else "")
        several = ', or several by a pattern ("*" for all)' if run is None and len(found) > 1 else ""
        raise InvalidInputError(f"{sheet.path}: give the column of values with --value{several}: {shown}.")
    return found


def _of_rows(sheet: _Sheet, name: str, epoch: str, column: str, places: list[int]) -> Observed:
    """Return a run from its rows, sorted by epoch."""

    def at(place: int) -> str:
        return sheet.at(places[place])

    nothing = np.zeros(0)
    ((epochs, odd),) = _numbers([[sheet.cells[epoch][k] for k in places]], at, commas=sheet.commas)
    if odd or not np.isfinite(epochs).all():
        odd = odd or f"it is missing or infinite in {at(int(np.flatnonzero(~np.isfinite(epochs))[0]))}"
        return Observed(name, nothing, nothing, f"the epoch is not a number: {odd}")
    ((values, trouble),) = _numbers([[sheet.cells[column][k] for k in places]], at, commas=sheet.commas)
    if len(set(epochs.tolist())) < len(epochs) and not trouble:
        # Loggers write a row for each step, with the value of an epoch in one of them.
        held = ~np.isnan(values)
        places, epochs, values = [k for k, one in zip(places, held, strict=True) if one], epochs[held], values[held]
    order = np.argsort(epochs, kind="stable")
    repeated = np.flatnonzero(np.diff(epochs[order]) == 0)
    if len(repeated):
        first, second = order[repeated[0]], order[repeated[0] + 1]
        lines = f"{at(int(first))} and {at(int(second))}"
        trouble = (
            f"epoch {epochs[first]:g} is repeated ({lines}): keep one row of each epoch, or give a column that "
            "distinguishes the runs with --run"
        )
    if trouble:
        return Observed(name, nothing, nothing, trouble)
    return _observed(name, epochs[order], values[order], "")


def _numbers(rows: Sequence[Sequence[str]], at: Callable[[int], str], *, commas: bool) -> list[tuple[Floats, str]]:
    """Return the numbers of each row of cells, or why it has none; empty cells are nan."""
    readings = read_cells({str(number): row for number, row in enumerate(rows)}, at, commas=commas)
    found = []
    for reading, row in zip(readings.values(), rows, strict=True):
        if reading.values is not None or reading.missing == len(row):
            found.append((np.full(len(row), math.nan) if reading.values is None else reading.values, ""))
        else:
            found.append((np.zeros(0), reading.reason))
    return found


def _observed(name: str, epochs: Floats, values: Floats, trouble: str) -> Observed:
    if trouble:
        return Observed(name, np.zeros(0), np.zeros(0), trouble)
    if not (~np.isnan(values)).any():
        return Observed(name, epochs, values, "it has no values")
    return Observed(name, epochs, values)


def _distinct(runs: list[Observed], places: Sequence[str]) -> list[Observed]:
    """Add line numbers to the names of runs with equal names."""
    count: dict[str, int] = {}
    for one in runs:
        count[one.name] = count.get(one.name, 0) + 1
    return [
        replace(one, name=f"{one.name} ({place})".strip() if one.name else place)
        if count[one.name] > 1 or not one.name
        else one
        for one, place in zip(runs, places, strict=True)
    ]


__all__ = ["Observed", "read_curves"]
