"""Read the official files of NAS-Bench-201 and NATS-Bench (topology), one architecture at a time.

Both contain the same records: for 12 and for 200 epochs, by data set and seed, accuracies and losses by "set@epoch".
The fields are read here. (The classes of the package ``nas-bench-201`` pass a record that is text to ``torch.load``.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zcbench.datasets._pickles import Shrunk, read_torch
from zcbench.datasets._simple import is_tar, open_simple
from zcbench.datasets._table import Table
from zcbench.errors import DataCorruptError, DataMissingError, first_line
from zcbench.types import Target

Curves = NDArray[np.float32]
#: one training: the fields of the official ResultsCount, by name
Run = Mapping[str, Any]
#: by epochs ("12", "200"), by (data set, seed)
Runs = dict[str, dict[tuple[str, int], Run]]

SEEDS = (111, 777, 888, 999)
#: numbers of epochs of the trainings, by half of the benchmark; the longest gives curves
EPOCHS = {"topology": ("12", "200"), "size": ("01", "12", "90")}


class Column(NamedTuple):
    """The place of a target in the official records."""

    dataset: str
    part: str
    epochs: int


def columns_of(half: str) -> dict[str, Column]:
    """Return the columns by "dataset_split_epochs" for one half of the benchmark."""
    return {
        f"{name}_{split}_{int(epochs)}ep": Column(dataset, part, int(epochs))
        for epochs in EPOCHS[half]
        for name, split, dataset, part in (
            ("cifar10", "valid", "cifar10-valid", "x-valid"),
            ("cifar10-valid", "test", "cifar10-valid", "ori-test"),
            ("cifar10", "test", "cifar10", "ori-test"),
            ("cifar100", "valid", "cifar100", "x-valid"),
            ("cifar100", "test", "cifar100", "x-test"),
            ("ImageNet16-120", "valid", "ImageNet16-120", "x-valid"),
            ("ImageNet16-120", "test", "ImageNet16-120", "x-test"),
        )
    }


def target_of(name: str) -> Target:
    """Describe a column "dataset_split_metric_epochs"."""
    dataset, split, metric, epochs = name.removesuffix("_nats").split("_")
    what = {"accuracy": "accuracy, percent", "loss": "cross-entropy, nats"}[metric]
    description = f"{split} {what}, on {dataset} after {epochs.removesuffix('ep')} epochs"
    if name.endswith("_nats"):
        description += " (average over seeds by NATS-Bench)"
    return Target(name, dataset, metric == "accuracy", description)


def read_official(path: Path, half: str = "topology") -> Table:
    """Read an official ``.pth`` file (topology), or a NATS-Bench ``-simple`` folder or its tar (either half).

    All are read record by record, and one row is kept for each record. The memory is that of the table, about 1 GB for
    15,625 architectures. (The packages load the 4.7 GB ``.pth`` with 28 GB.)

    Raises:
        DataMissingError: it does not exist.
        DataCorruptError: it is truncated, not of this format, or requests forbidden objects.
    """
    if not path.exists():
        raise DataMissingError(f"{path} does not exist: give the official .pth file, or the -simple.tar or its folder.")
    simple = path.is_dir() or is_tar(path)
    if not simple and half == "size":
        raise DataCorruptError(f"{path} is not a tar: give NATS-sss-v1_0-50262-simple.tar or the folder in it.")
    rows = list(_read_simple(path, half) if simple else _read_pth(path))
    if not rows:
        raise DataCorruptError(f"{path} contains no records: download it again.")
    last = EPOCHS[half][-1]
    values = {name: np.asarray([row.values[name] for _, row in rows]) for name in rows[0][1].values}
    values = {name: column for name, column in values.items() if np.isfinite(column).any()}
    curves = {name: [row.curves[name] for _, row in rows] for name in rows[0][1].curves}
    # The default target first: accuracy on the CIFAR-10 test set after the longest training.
    names_in_order = sorted(values, key=lambda name: name != f"cifar10_test_accuracy_{last}ep")
    return Table(
        architectures=[text for text, _ in rows],
        targets=tuple(target_of(name) for name in names_in_order),
        values=values,
        seeds=dict.fromkeys(values, SEEDS),
        curves={name: np.stack(c) for name, c in curves.items() if any(np.isfinite(x).any() for x in c)},
        facts={name: np.asarray([row.facts[name] for _, row in rows]) for name in rows[0][1].facts},
        source=str(path),
    )


class Row(NamedTuple):
    """The kept part of a record: by target a number per seed and a curve per seed, and facts."""

    values: dict[str, list[float]]
    curves: dict[str, Curves]
    facts: dict[str, float]


def row_of(runs: Runs, half: str) -> Row:
    """Return a record's row."""
    last = EPOCHS[half][-1]
    values: dict[str, list[float]] = {}
    curves: dict[str, Curves] = {}
    for name, column in columns_of(half).items():
        stem = name.rsplit("_", 1)[0]
        by_seed = _genuine(runs[f"{column.epochs:02d}"], column.dataset)
        for metric, table in (("accuracy", "eval_acc1es"), ("loss", "eval_losses")):
            key = f"{stem}_{metric}_{column.epochs}ep"
            values[key] = [_last(by_seed, seed, table, column) for seed in SEEDS]
            if column.epochs == int(last):
                curves[key] = _curve(by_seed, table, column)
    return Row(values, curves, _facts(runs, EPOCHS[half]))


def _curve(by_seed: Mapping[int, Run], table: str, column: Column) -> Curves:
    """Return every epoch of every seed, or only nan if some epochs were not measured."""
    points = np.full((len(SEEDS), column.epochs), math.nan)
    for position, seed in enumerate(SEEDS):
        measured = by_seed[seed][table] if seed in by_seed else {}
        for epoch in range(column.epochs):
            if (point := measured.get(f"{column.part}@{epoch}")) is not None:
                points[position, epoch] = point
    with np.errstate(over="ignore"):  # values too large for float32 count as not measured
        curve = points.astype(np.float32)
    whole = set(np.isfinite(curve).sum(1).tolist()) <= {0, column.epochs}
    return curve if whole else np.full_like(curve, math.nan)


def _last(by_seed: Mapping[int, Run], seed: int, table: str, column: Column) -> float:
    if seed not in by_seed:
        return math.nan
    return float(by_seed[seed][table].get(f"{column.part}@{column.epochs - 1}", math.nan))


def _genuine(runs: Mapping[tuple[str, int], Run], dataset: str) -> dict[int, Run]:
    """Return runs by seed without exact copies of another seed's losses, which are not separate trainings."""
    kept: dict[int, Run] = {}
    seen: list[Any] = []
    for seed in SEEDS:
        run = runs.get((dataset, seed))
        if run is None:
            continue
        trace = (dict(run["train_losses"] or {}), dict(run["eval_acc1es"]))
        if trace not in seen:
            seen.append(trace)
            kept[seed] = run
    return kept


def _facts(runs: Runs, epochs_of: tuple[str, ...]) -> dict[str, float]:
    any_run = next(iter(_genuine(runs[epochs_of[-1]], "cifar10").values()), None)
    facts = {
        "params_M": math.nan if any_run is None else float(any_run["params"]),
        "flops_M": math.nan if any_run is None else float(any_run["flop"]),
    }
    for epochs in epochs_of[-2:]:
        seconds = [
            sum(run["train_times"].values())
            for run in _genuine(runs[epochs], "cifar10-valid").values()
            if run["train_times"]
        ]
        facts[f"train_seconds_{int(epochs)}ep"] = float(np.mean(seconds)) if seconds else math.nan
    return facts


# -- records -----------------------------------------------------------------------------------


#: tables of a training by epoch or "set@epoch", and the defaults of the authors' package for older files
_TABLES: dict[str, Any] = {"train_losses": None, "train_times": None, "eval_acc1es": {}, "eval_losses": {}}
_LONGEST = 10_000
_NUMBERS = (int, float, np.integer, np.floating)


def _runs(results: Any, fill: Mapping[str, Any]) -> dict[tuple[str, int], Run]:
    """Return the valid trainings of a record's ``all_results``, with the fields that are used.

    Raises:
        TypeError, KeyError: a field is of another kind, or missing and not in ``fill``.
    """
    if not isinstance(results, dict):
        raise TypeError("'all_results' is not a mapping")
    runs: dict[tuple[str, int], Run] = {}
    for dataset in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"):
        for seed in SEEDS:
            training = results.get((dataset, seed))
            if training is None:
                continue
            if not isinstance(training, dict):
                raise TypeError("a training is not a mapping")
            run = {name: training[name] for name in ("params", "flop")}
            if not all(isinstance(number, _NUMBERS) for number in run.values()):
                raise TypeError("'params' or 'flop' is not a number")
            for name in _TABLES:
                run[name] = _points(fill[name] if name in fill and name not in training else training[name], name)
            runs[dataset, seed] = run
    return runs


def _points(table: Any, name: str) -> dict[Any, Any] | None:
    if table is None and _TABLES[name] is None:
        return None
    if not isinstance(table, dict) or len(table) > _LONGEST:
        raise TypeError(f"{name!r} is not a mapping of epochs")
    if not all(issubclass(kind, _NUMBERS) for kind in set(map(type, table.values()))):
        raise TypeError(f"{name!r} has a value that is not a number")
    return table


def _shown(text: Any) -> str:
    """Return a foreign text in a form that can be printed."""
    return ascii(text[:200])[1:-1] if isinstance(text, str) else "?"


def _row(where: Path, text: Any, half: str, parts: Mapping[str, Any], fill: Mapping[str, Any]) -> Row:
    """Make a record's row from its ``all_results`` by number of epochs; DataCorruptError for another form."""
    try:
        return row_of({epochs: _runs(results, fill) for epochs, results in parts.items()}, half)
    except Exception as error:  # fields of the wrong kind can raise nearly any exception
        reason = _shown(first_line(error))
        raise DataCorruptError(
            f"{where}: the record of {_shown(text)} is not in the official format ({reason})."
        ) from None


# -- the two formats ---------------------------------------------------------------------------


_PARTS = {"12": "less", "200": "full"}


def _read_pth(path: Path) -> Iterator[tuple[str, Row]]:
    def shrink(record: Mapping[str, Any]) -> Row:
        parts = {epochs: record[part] for epochs, part in _PARTS.items()}
        text = "?"
        for part in parts.values():
            if not isinstance(part, dict):
                raise DataCorruptError(f"{path}: a record is not in the official format (it contains no mappings).")
            text = part.get("arch_str", "?")
        return _row(path, text, "topology", {e: part.get("all_results") for e, part in parts.items()}, _TABLES)

    content = read_torch(path, frozenset(_PARTS.values()), shrink)
    if not isinstance(content, dict) or not isinstance(content.get("arch2infos"), dict):
        raise DataCorruptError(f"{path} is not a NAS-Bench-201 file: it lacks 'meta_archs' and 'arch2infos'.")
    infos = content["arch2infos"]
    for index, text in enumerate(_meta_archs(content, path)):
        if index in infos:
            record = infos[index]
            if isinstance(record, Shrunk):
                yield text, record.kept
            elif isinstance(record, dict) and record.keys() >= set(_PARTS.values()):
                yield text, shrink(record)
            else:
                raise DataCorruptError(f"{path}: the record of {_shown(text)} is not in the official format.")


def _read_simple(path: Path, half: str) -> Iterator[tuple[str, Row]]:
    with open_simple(path) as records:
        meta = "meta.pickle.pbz2"
        if meta not in records.names:
            how = "unpack" if path.is_dir() else "download"
            raise DataMissingError(f"{path / meta} does not exist: {how} the whole archive.")
        found = False
        for index, text in enumerate(_meta_archs(records.read(meta), path / meta)):
            name = f"{index:06d}.pickle.pbz2"
            if name not in records.names:
                continue
            found = True
            record = records.read(name)
            try:
                parts = {epochs: record[epochs]["all_results"] for epochs in EPOCHS[half]}
            except (KeyError, TypeError, ValueError, IndexError):
                wanted = " or ".join(map(repr, EPOCHS[half]))
                raise DataCorruptError(f"{path / name} is not a NATS-Bench record: it lacks {wanted}.") from None
            yield text, _row(path / name, text, half, parts, {})
        if not found:
            raise DataMissingError(f"{path} contains no records (000000.pickle.pbz2 …): unpack the whole archive.")


def _meta_archs(content: Any, path: Path) -> list[str]:
    cells = content.get("meta_archs") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(text, str) for text in cells):
        raise DataCorruptError(f"{path} is not in the official format: it lacks 'meta_archs', the list of cells.")
    return cells
