"""User-defined tables: a CSV file with one row per architecture becomes a benchmark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._arguments import all_text
from zcbench._display import abridged
from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._cells import Reading, is_number, read_cells
from zcbench.datasets._curve_columns import several_curves
from zcbench.datasets._features import NAMED, Features, features_of, merged_texts
from zcbench.datasets._own_names import ARCHITECTURE, architectures_of, names_of
from zcbench.datasets._own_source import OwnSource, file_digest
from zcbench.datasets._sheet import Sheet, read_sheet
from zcbench.datasets._trainings import Trainings, trainings_of
from zcbench.errors import DataCorruptError, UnknownNameError
from zcbench.spaces import FactorySpace, TableSpace, get_space
from zcbench.types import SearchSpace, Target

Floats = NDArray[np.float64]

#: prefix of the names of user-defined tables
OWN = "own-"
#: largest number of rows that are read without a limit
MOST_ROWS = 1_000_000
#: names that pandas gives to a column without a name when it reads a file that it wrote
_UNNAMED = re.compile(r"|Unnamed: \d+(\.\d+)?")


@dataclass(frozen=True)
class Columns:
    """The content of a file.

    Attributes:
        numbers: columns of numbers by name, ``(rows,)``; nan for a missing value.
        texts: all columns, cells unchanged.
        lines: line number of each row in the file, or row number in a parquet file.
        left_out: columns that are not columns of numbers, with the reasons.
        notes: sentences about excluded lines and columns, and about missing and infinite values.
    """

    numbers: dict[str, Floats]
    texts: dict[str, list[str]]
    lines: list[int]
    left_out: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Content:
    """A sheet, and the readings of its columns."""

    path: str
    sheet: Sheet
    texts: dict[str, list[str]]
    readings: dict[str, Reading]
    index: str | None

    def at(self, place: int) -> str:
        """Return the place of a row, such as "line 3"."""
        return f"{self.sheet.unit} {self.sheet.rows[place][0]}"


def read_columns(path: str | Path, limit: int | None = None, seed: int = 0) -> Columns:
    """Read a text table (CSV or TSV, as Excel and pandas write them) or a parquet file.

    Cells are separated by commas, semicolons, tabs, bars or spaces; the first line names the columns. Text is UTF-8, or
    UTF-16 with a byte order mark. Lines that begin with "#" are comments. A column of numbers has only numbers, only
    true, false, yes and no (1 and 0), or only percentages; cells may be missing ("", "NA", "nan", "None", "null", "-").
    Decimal commas are read if a column has no decimal points. Columns that have both, that have thousands separators,
    or that have codes with leading zeros are excluded, and ``left_out`` has the reasons.

    Args:
        path: the file.
        limit: number of rows, drawn at random; None for all.
        seed: seed of the random rows.

    Raises:
        DataMissingError: the file does not exist.
        DataCorruptError: the file is not a table, has no header, no rows, a row of another length, two columns of one
            name or an unclosed quotation mark, or is not text in UTF-8; the message names the line.
        InvalidInputError: the file has more than a million rows and ``limit`` is None.
    """
    content = _read(Path(path), limit, seed)
    numbers = {name: r.values for name, r in content.readings.items() if r.values is not None and name != content.index}
    return Columns(
        numbers,
        content.texts,
        [number for number, _ in content.sheet.rows],
        {name: r.reason for name, r in content.readings.items() if r.values is None},
        tuple(_notes(content, used=numbers, names=None)),
    )


def _read(path: Path, limit: int | None, seed: int) -> _Content:
    sheet = read_sheet(path, limit, seed, MOST_ROWS)
    header = sheet.header
    if all(is_number(name) for name in header):
        raise DataCorruptError(f"{path} has no header: its first line must name the columns.")
    index = None  # a column that numbers the rows
    if _UNNAMED.fullmatch(header[0]):
        index = header[0] = header[0] or "column 1"
    if "" in header:
        raise DataCorruptError(
            f"{path}: column {header.index('') + 1} has no name: the first line must name all columns."
        )
    twice = next((name for i, name in enumerate(header) if name in header[:i]), None)
    if twice is not None:
        raise DataCorruptError(f"{path} has two columns named {abridged(twice)!r}: rename one.")
    texts = {name: [row[place].strip() for _, row in sheet.rows] for place, name in enumerate(header)}
    content = _Content(str(path), sheet, texts, {}, index)
    content.readings.update(read_cells(texts, content.at, commas=sheet.separator not in ("", ","), typed=sheet.typed))
    if index is None:
        return content
    reading = content.readings[index]
    if reading.values is not None and np.array_equal(reading.values, np.floor(reading.values)):
        return content
    if not reading.code and reading.missing < len(sheet.rows):
        raise DataCorruptError(f"{path}: column 1 has no name: the first line must name all columns.")
    return replace(content, index=None)  # its text may name the architectures


def own_benchmark(
    path: str | Path,
    target: str,
    *,
    arch: str | None = None,
    space: str | SearchSpace | None = None,
    lower: str | Sequence[str] = (),
    curves: str | Sequence[str] | Mapping[str, str] = (),
    batch: str = "cifar10",
    classes: int = 10,
    limit: int | None = None,
    seed: int = 0,
    seed_column: str | None = None,
    features: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
) -> Benchmark:
    """Return a benchmark of your table.

    Rows without a value of the target are candidates. Rows whose architectures denote equal networks of a search space
    are merged: target and facts become the means of the known values. Without a search space, only names distinguish
    networks. A name may repeat only with ``seed_column``, and its rows are repeated trainings.

    Args:
        path: CSV (or parquet) file, one row per architecture; see :func:`read_columns`.
        target: the column to rank against.
        arch: the column that names architectures. Default: a column called "arch", "architecture", "model" …, else the
            first column of text without repetitions; without such a column, rows are numbered. Names are text, even
            if they are digits.
        space: search space that builds the networks from the names; None to build no networks.
        lower: columns and curves in which lower is better, by name or by pattern.
        curves: patterns of columns that are the epochs of a learning curve, with one * for the number of the epoch:
            "valid_loss_*", or {"valid_loss": "epoch * loss"} to name the curve. The epochs of a curve are its columns
            in the order of their numbers; they are not facts. An empty cell is an epoch without a value.
        batch: batch of the proxies (a name for ``get_batch``), if networks are built.
        classes: number of outputs of the networks, if networks are built.
        limit: number of rows, drawn at random; None for all.
        seed: seed of the random rows.
        seed_column: the column that distinguishes repeated trainings of an architecture. The benchmark keeps the values
            of the target and of the curves by seed; their mean is the truth, and there is a noise ceiling. An
            architecture may lack trainings that others have.
        features: names or shell patterns of the columns that predictors use and that are correlated; default: all.
        exclude: names or shell patterns of the columns that predictors and correlations do not use.

    Returns:
        A benchmark with one target. The other numeric columns are its facts (such as precomputed scores) or learning
        curves; columns of text with repetitions are its texts. Its ``notes`` name the excluded columns, with reasons.

    Raises:
        DataMissingError, DataCorruptError, InvalidInputError: as for :func:`read_columns`; the target is not a column
            of numbers, has no values, or is constant; a name repeats without ``seed_column`` or with the same seed; a
            column of a curve is not a column of numbers.
        InvalidArchitectureError: a name is not an architecture of the space.
        UnknownNameError: the file has no such column.
    """
    settings = {
        "arch": arch,
        "lower": list(all_text("lower", lower)),
        "curves": dict(curves) if isinstance(curves, Mapping) else list(all_text("curves", curves)),
        "batch": batch,
        "classes": classes,
        "limit": limit,
        "seed": seed,
        "seed_column": seed_column,
        "features": list(all_text("features", features)),
        "exclude": list(all_text("exclude", exclude)),
    }
    content = _read(Path(path), limit, seed)
    given, place = target, get_space(space) if isinstance(space, str) else space or TableSpace()
    target, *lower = (" ".join(name.split()) for name in (target, *all_text("lower", lower)))
    arch, seed_column = (None if name is None else " ".join(name.split()) for name in (arch, seed_column))
    found = several_curves(curves, (name for name in content.texts if name != content.index), content.path)
    called = {one.name for one in found}
    # A pattern may replace the name of its curve; a curve that is the target is its last epoch.
    patterns = {one.pattern: one.name for one in found if one.pattern not in content.texts}
    target, *lower = (patterns.get(name, name) for name in (target, *lower))
    if target in called and target not in content.texts:
        ended = next(one for one in found if one.name == target)
        lower += [ended.columns[-1]] if target in lower else []
        target = ended.columns[-1]
    _check_columns(content, [target, arch, seed_column], [name for name in lower if name not in called])
    truth = _target(content, target)
    names, column, numbered = names_of(content, target, arch, None if space is None else place, seed_column)
    epochs = {name: _numbers(content, name) for one in found for name in one.columns}
    reserved = _reserved(content, column, {target: "the target", seed_column: "the column of seeds"})
    reserved |= dict.fromkeys(epochs, "an epoch of a learning curve")
    columns = features_of(
        content.texts,
        content.readings,
        reserved,
        all_text("features", features),
        all_text("exclude", exclude),
        content.path,
    )
    facts = columns.facts
    notes = _notes(content, {target: truth, **facts, **epochs}, column, target, seed_column, columns)
    notes += [numbered] if numbered else []
    notes += [one.note() for one in found]
    architectures, rows = architectures_of(content, names, place, seed_column)
    there = np.asarray(~np.isnan(np.column_stack([truth, *epochs.values()])).all(axis=1))
    trainings = _trainings(content, names, rows, there, seed_column)
    if len(rows) < len(names):
        notes.append(_merged(len(rows), len(names), trainings))
    notes += trainings.notes
    measured = trainings.by_seed(truth, rows)
    _rankable(content.path, target, _means(truth, rows))
    notes += _candidates(target, measured)
    by_epoch = {one.name: np.stack([trainings.by_seed(epochs[name], rows) for name in one.columns], 2) for one in found}
    values = {name: by_epoch[name][:, :, -1] for name in by_epoch} | {target: measured}
    return Benchmark(
        name=own_name(path),
        version=1,
        space=place,
        architectures=architectures,
        targets={n: Target(n, batch, n not in lower, f"column {n} of {Path(path).name}") for n in values},
        values=values,
        default_target=target,
        classes={batch: classes},
        seeds=dict.fromkeys(values, trainings.seeds) if len(trainings.seeds) > 1 else {},
        curves=by_epoch,
        facts={name: _means(values, rows) for name, values in facts.items()},
        texts={name: merged_texts(texts, rows) for name, texts in columns.texts.items()},
        requested=columns.requested,
        source=Path(path).name,
        notes=tuple(notes),
        own=OwnSource(
            path=str(path),
            digest=file_digest(path),
            rows=len(content.sheet.rows),
            columns=tuple(content.texts),
            target=given,
            space=None if space is None else place.name,
            factory=isinstance(place, FactorySpace),
            settings={name: value for name, value in settings.items() if value != SETTINGS[name]},
            arch=column,
            lines=tuple(content.at(places[0]) for places in rows),
        ),
    )


#: defaults of the arguments of :func:`own_benchmark` that decide how a table is read
SETTINGS: Mapping[str, Any] = {
    "arch": None,
    "lower": [],
    "curves": [],
    "batch": "cifar10",
    "classes": 10,
    "limit": None,
    "seed": 0,
    "seed_column": None,
    "features": [],
    "exclude": [],
}


def _reserved(content: _Content, names: str | None, known: Mapping[str | None, str]) -> dict[str, str]:
    """Return descriptions of the columns that cannot be features, by name.

    Args:
        content: the file.
        names: the column of architectures.
        known: descriptions of further columns; None is a column that does not exist.
    """
    found = {name: "the name of a column of architectures" for name in content.texts if name.lower() in ARCHITECTURE}
    if names is not None:
        found[names] = "the column of architectures"
    if content.index is not None:
        found[content.index] = "the number of the row"
    return found | {name: what for name, what in known.items() if name is not None}


def own_name(path: str | Path) -> str:
    """Return the name of the benchmark of a user-defined table, which no registered benchmark can have."""
    return OWN + "".join(c if c.isprintable() and c != "@" else "_" for c in Path(path).stem)


def _check_columns(content: _Content, named: Sequence[str | None], lower: Sequence[str]) -> None:
    """Raise UnknownNameError for the name of a column that the file does not have."""
    for name in (*named, *lower):
        if name is not None and name not in content.texts:
            hint = "Does the first line name the columns?" if any(map(is_number, content.texts)) else ""
            raise UnknownNameError("column", name, map(abridged, content.texts), hint)


def _trainings(
    content: _Content, names: list[str], rows: list[list[int]], trained: NDArray[np.bool_], column: str | None
) -> Trainings:
    """Return the training of each row; without a column of seeds, all rows of an architecture are one training."""
    if column is None:
        return Trainings((0,), np.zeros(len(names), np.intp))
    where = [content.at(place) for place in range(len(names))]
    texts, reading = content.texts[column], content.readings[column]
    return trainings_of(column, texts, reading, names, rows, trained, where, content.path)


def _merged(count: int, rows: int, trainings: Trainings) -> str:
    """Return a sentence on the handling of several rows of one architecture."""
    if len(trainings.seeds) > 1:
        return (
            f"{count:,} architectures have {rows:,} rows, which are repeated trainings: the target and every other "
            "column are their means by architecture."
        )
    return (
        f"{count} architectures remain of {rows} rows, as rows of equal networks were merged; their values are means."
    )


def _candidates(target: str, measured: Floats) -> list[str]:
    """Return a sentence with the numbers of trained architectures and candidates, if there are candidates."""
    trained = int((~np.isnan(measured)).any(axis=1).sum())
    rest = len(measured) - trained
    if not rest:
        return []
    return [
        f"Of {len(measured):,} architectures, {trained:,} are trained, as they have a value of "
        f"{abridged(target, 60)!r}, and {rest:,} {'is a candidate' if rest == 1 else 'are candidates'}."
    ]


def _target(content: _Content, target: str) -> Floats:
    """Return the values of the target; raise DataCorruptError if it is not a column of numbers."""
    reading = content.readings[target]
    if reading.values is None and reading.missing == len(content.texts[target]):
        raise DataCorruptError(f"{content.path}: the column {target!r} has no values.")
    if reading.values is None and reading.code:
        why = reading.reason.removeprefix("it is text").lstrip(" ,")
        raise DataCorruptError(
            f"{content.path}: the column {target!r} is text: choose a column of numbers with --target {why}."
        )
    return _numbers(content, target)


def _numbers(content: _Content, name: str) -> Floats:
    """Return the values of a column, nan if missing; raise DataCorruptError if it is not a column of numbers."""
    reading = content.readings[name]
    if reading.values is not None:
        return reading.values
    if reading.missing == len(content.texts[name]):
        return np.full(reading.missing, np.nan)
    if reading.strange is not None:
        cell = abridged(content.texts[name][reading.strange], 60)
        raise DataCorruptError(
            f"{content.path}, {content.at(reading.strange)}: {cell!r} in the column {name!r} is not a number: "
            "correct it."
        )
    raise DataCorruptError(f"{content.path}: the column {name!r} is not a column of numbers: {reading.reason}.")


def _rankable(path: str, target: str, truth: Floats) -> None:
    """Raise DataCorruptError if the finite values are not at least two different ones."""
    finite = truth[np.isfinite(truth)]
    if not len(finite):
        raise DataCorruptError(f"{path}: the column {target!r} has no finite values.")
    if len(finite) == 1:
        raise DataCorruptError(f"{path}: {target!r} has one finite value: there is nothing to rank.")
    if len(set(finite.tolist())) < 2:
        raise DataCorruptError(f"{path}: all values of {target!r} are the same: there is nothing to rank.")


def _means(values: Floats, rows: list[list[int]]) -> Floats:
    """Return the mean of the known values over the rows of each network; nan without a known value."""
    means = np.full(len(rows), np.nan)
    for number, places in enumerate(rows):
        there = [float(values[place]) for place in places if not np.isnan(values[place])]
        if there:
            means[number] = sum(there) / len(there)
    return means


def _notes(
    content: _Content,
    used: Mapping[str, Floats],
    names: str | None,
    target: str | None = None,
    seeds: str | None = None,
    columns: Features | None = None,
) -> list[str]:
    """Return notes about a file for the user."""
    notes = []
    comments = content.sheet.comments
    if comments:
        shown = ", ".join(map(str, comments[:5])) + (", …" if len(comments) > 5 else "")
        notes.append(f"{len(comments)} line(s) that begin with # were skipped: {shown}.")
    if content.index is not None:
        notes.append(f"The column {content.index!r} is excluded because it numbers the rows, as pandas' index does.")
    for name, reading in content.readings.items():
        if name in (content.index, names, seeds) or name in used:
            continue
        if columns is not None and (name in columns.texts or (columns.requested and name not in columns.excluded)):
            continue
        why = reading.reason if reading.values is None else "its name says that it names architectures"
        why = why if columns is None else columns.excluded.get(name, why)
        if why == NAMED:
            continue
        notes.append(f"The column {abridged(name, 60)!r} is excluded because {why}.")
    # Rows without a target are not counted here, because they are candidates.
    missing = {n: content.readings[n].missing for n in used if n != target and content.readings[n].missing}
    if missing:
        counts = ", ".join(f"{count} of {abridged(name, 60)!r}" for name, count in list(missing.items())[:20])
        more = f", and of {len(missing) - 20} other columns" if len(missing) > 20 else ""
        notes.append(f"Of {len(content.sheet.rows)} rows, values are missing: {counts}{more}.")
    notes += [f"In {abridged(n, 60)!r} {remark}." for n in used for remark in content.readings[n].remarks]
    return notes + (list(columns.notes) if columns is not None else [])


__all__ = ["OWN", "SETTINGS", "Columns", "own_benchmark", "own_name", "read_columns"]
