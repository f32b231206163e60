"""Read the official files of NAS-Bench-201 and NATS-Bench (topology), one architecture at a time.

Both hold the same records: for 12 and for 200 epochs, by data set and seed, accuracies and losses by "set@epoch". The
``.pth`` goes through the ``nas-bench-201`` package's classes; a NATS-Bench ``-simple`` folder is read directly, through
an unpickler that admits nothing but containers, numbers and strings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zcbench.datasets._pickles import read_pickle, read_torch
from zcbench.datasets._table import Table
from zcbench.errors import DataCorruptError, DataMissingError, MissingDependencyError
from zcbench.types import Target

Curves = NDArray[np.float32]
#: one training: the fields of the official ResultsCount, by name
Run = Mapping[str, Any]
#: by epochs ("12", "200"), by (data set, seed)
Runs = dict[str, dict[tuple[str, int], Run]]

SEEDS = (111, 777, 888, 999)
#: numbers of epochs that the networks were trained for, by half of the benchmark; the longest gives curves
EPOCHS = {"topology": ("12", "200"), "size": ("01", "12", "90")}


class Column(NamedTuple):
    """Where a target stands in the official records."""

    dataset: str
    part: str
    epochs: int


def columns_of(half: str) -> dict[str, Column]:
    """Columns by "dataset_split_epochs" for one half of the benchmark."""
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
    """What a column "dataset_split_metric_epochs" is."""
    dataset, split, metric, epochs = name.removesuffix("_nats").split("_")
    what = {"accuracy": "accuracy, percent", "loss": "cross-entropy, nats"}[metric]
    description = f"{split} {what}, on {dataset} after {epochs.removesuffix('ep')} epochs"
    if name.endswith("_nats"):
        description += " (as NATS-Bench averages the seeds)"
    return Target(name, dataset, metric == "accuracy", description)


def read_official(path: Path, half: str = "topology") -> Table:
    """Read an official ``.pth`` file (topology) or a NATS-Bench ``-simple`` folder (either half).

    Both are read record by record, and of each record a row is kept: what is needed is the memory of the table, about
    1 GB for 15,625 architectures. (The packages' own way of loading the 4.7 GB ``.pth`` takes 28 GB.)

    Raises:
        DataMissingError: nothing is there.
        DataCorruptError: it is truncated, not of this format, or asks for forbidden objects.
    """
    if not path.exists():
        raise DataMissingError(f"{path} does not exist: give the official .pth file or the -simple folder.")
    if path.is_file() and half == "size":
        raise DataCorruptError(f"{path} is a file: unpack NATS-sss-v1_0-50262-simple.tar and give the folder.")
    rows = list(_read_simple(path, half) if path.is_dir() else _read_pth(path))
    if not rows:
        raise DataCorruptError(f"{path} holds no records: download it again.")
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
    """What is kept of a record: by target a number per seed and a curve per seed, and facts."""

    values: dict[str, list[float]]
    curves: dict[str, Curves]
    facts: dict[str, float]


def row_of(runs: Runs, half: str) -> Row:
    """A record's row."""
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
    """Every epoch of every seed, or nan throughout where some epochs were not measured."""
    curve = np.full((len(SEEDS), column.epochs), math.nan, np.float32)
    for position, seed in enumerate(SEEDS):
        measured = by_seed[seed][table] if seed in by_seed else {}
        for epoch in range(column.epochs):
            if (point := measured.get(f"{column.part}@{epoch}")) is not None:
                curve[position, epoch] = point
    whole = set(np.isfinite(curve).sum(1).tolist()) <= {0, column.epochs}
    return curve if whole else np.full_like(curve, math.nan)


def _last(by_seed: Mapping[int, Run], seed: int, table: str, column: Column) -> float:
    if seed not in by_seed:
        return math.nan
    return float(by_seed[seed][table].get(f"{column.part}@{column.epochs - 1}", math.nan))


def _genuine(runs: Mapping[tuple[str, int], Run], dataset: str) -> dict[int, Run]:
    """Runs by seed without those that repeat another seed's losses exactly: they were copied, not trained."""
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


# -- the two formats ---------------------------------------------------------------------------


_PARTS = {"12": "less", "200": "full"}
_ODD = (KeyError, TypeError, IndexError, AttributeError, ValueError, AssertionError)


def _read_pth(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        from nas_201_api.api_utils import ArchResults
    except ImportError:
        raise MissingDependencyError("nas-bench-201", "nb201", f"reading {path.name}") from None

    def shrink(record: Mapping[str, Any]) -> Row:
        try:
            results = {epochs: ArchResults.create_from_state_dict(record[part]) for epochs, part in _PARTS.items()}
            runs = {epochs: {k: vars(run) for k, run in r.all_results.items()} for epochs, r in results.items()}
            return row_of(runs, "topology")
        except _ODD as error:
            text = record["full"].get("arch_str", "?") if isinstance(record["full"], Mapping) else "?"
            raise DataCorruptError(f"{path}: the record of {text} is not in the official format ({error!r}).") from None

    content = read_torch(path, frozenset(_PARTS.values()), shrink)
    if not isinstance(content, dict) or not isinstance(content.get("arch2infos"), dict):
        raise DataCorruptError(f"{path} is no NAS-Bench-201 file: it lacks 'meta_archs' and 'arch2infos'.")
    infos = content["arch2infos"]
    for index, text in enumerate(_meta_archs(content, path)):
        if index in infos:
            record = infos[index]
            if not isinstance(record, dict) or not (record.keys() >= {"shrunk"} or record.keys() >= {"less", "full"}):
                raise DataCorruptError(f"{path}: the record of {text} is not in the official format.")
            yield text, record["shrunk"] if "shrunk" in record else shrink(record)


def _read_simple(folder: Path, half: str) -> Iterator[tuple[str, Row]]:
    if not (folder / "meta.pickle.pbz2").exists():
        raise DataMissingError(f"{folder / 'meta.pickle.pbz2'} does not exist: unpack the whole archive.")
    meta = read_pickle(folder / "meta.pickle.pbz2")
    found = False
    for index, text in enumerate(_meta_archs(meta, folder / "meta.pickle.pbz2")):
        path = folder / f"{index:06d}.pickle.pbz2"
        if not path.exists():
            continue
        found = True
        record = read_pickle(path)
        try:
            runs = {epochs: dict(record[epochs]["all_results"]) for epochs in EPOCHS[half]}
        except (KeyError, TypeError, ValueError):
            wanted = " or ".join(map(repr, EPOCHS[half]))
            raise DataCorruptError(f"{path} is no NATS-Bench record: it lacks {wanted}.") from None
        try:
            row = row_of(runs, half)
        except _ODD as error:
            raise DataCorruptError(f"{path}: the record of {text} is not in the official format ({error!r}).") from None
        yield text, row
    if not found:
        raise DataMissingError(f"{folder} holds no records (000000.pickle.pbz2 …): unpack the whole archive.")


def _meta_archs(content: Any, path: Path) -> list[str]:
    cells = content.get("meta_archs") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(text, str) for text in cells):
        raise DataCorruptError(f"{path} is not in the official format: it lacks 'meta_archs', the list of cells.")
    return cells
