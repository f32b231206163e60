"""Read the official files of NAS-Bench-201 and NATS-Bench (topology), one architecture at a time.

Both hold the same records: for 12 and for 200 epochs, by data set and seed, accuracies and losses by "set@epoch". The
``.pth`` goes through the ``nas-bench-201`` package's classes; a NATS-Bench ``-simple`` folder is read directly, through
an unpickler that admits nothing but containers, numbers and strings.
"""

from __future__ import annotations

import bz2
import math
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import DataCorruptError, DataMissingError, MissingDependencyError, first_line

Floats = NDArray[np.float64]
Curves = NDArray[np.float32]
#: one training: the fields of the official ResultsCount, by name
Run = Mapping[str, Any]
#: by epochs ("12", "200"), by (data set, seed)
Runs = dict[str, dict[tuple[str, int], Run]]

SEEDS = (111, 777, 888, 999)


class Column(NamedTuple):
    """Where a target stands in the official records."""

    dataset: str
    part: str
    epochs: int


COLUMNS = {
    f"{name}_{split}_{epochs}ep": Column(dataset, part, epochs)
    for epochs in (12, 200)
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


@dataclass
class Table:
    """Columns of the official records; rows in the official order.

    Attributes:
        architectures: architecture strings.
        seeds: seed of each column of the arrays.
        values: by target, ``(architectures, seeds)``, nan where a seed was not run or only copies another.
        curves: by target, ``(architectures, seeds, epochs)`` for targets measured after every epoch.
        facts: ``(architectures,)``: params_M, flops_M, train_seconds by data set and epochs.
        source: the file.
    """

    architectures: list[str]
    seeds: tuple[int, ...]
    values: dict[str, Floats]
    curves: dict[str, Curves] = field(default_factory=dict)
    facts: dict[str, Floats] = field(default_factory=dict)
    source: str = ""


def read_official(path: Path) -> Table:
    """Read an official ``.pth`` file or a NATS-Bench ``-simple`` folder.

    The ``.pth`` of all 15,625 architectures (4.7 GB) is one pickle and needs about 28 GB of memory; the folder is read
    file by file and needs little.

    Raises:
        DataMissingError: nothing is there.
        DataCorruptError: it is truncated, not of this format, or asks for forbidden objects.
    """
    if not path.exists():
        raise DataMissingError(f"{path} does not exist: give the official .pth file or the -simple folder.")
    records = _read_simple(path) if path.is_dir() else _read_pth(path)
    rows: list[str] = []
    cells: dict[str, list[list[float]]] = {
        f"{name.rsplit('_', 1)[0]}_{metric}_{column.epochs}ep": []
        for name, column in COLUMNS.items()
        for metric in ("accuracy", "loss")
    }
    curves: dict[str, list[Curves]] = {name: [] for name in cells if name.endswith("200ep")}
    facts: dict[str, list[float]] = {"params_M": [], "flops_M": [], "train_seconds_12ep": [], "train_seconds_200ep": []}
    for text, runs in records:
        rows.append(text)
        try:
            _add_values(cells, curves, runs)
            _add_facts(facts, runs)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise DataCorruptError(f"{path}: the record of {text} is not in the official format ({error!r}).") from None
    if not rows:
        raise DataCorruptError(f"{path} holds no records: download it again.")
    values = {name: np.asarray(column, np.float64) for name, column in cells.items()}
    return Table(
        architectures=rows,
        seeds=SEEDS,
        values={name: column for name, column in values.items() if np.isfinite(column).any()},
        curves={name: np.stack(c) for name, c in curves.items() if any(np.isfinite(x).any() for x in c)},
        facts={name: np.asarray(column, np.float64) for name, column in facts.items()},
        source=str(path),
    )


def _add_values(cells: dict[str, list[list[float]]], curves: dict[str, list[Curves]], runs: Runs) -> None:
    for name, column in COLUMNS.items():
        stem = name.rsplit("_", 1)[0]
        by_seed = _genuine(runs[str(column.epochs)], column.dataset)
        for metric, table in (("accuracy", "eval_acc1es"), ("loss", "eval_losses")):
            key = f"{stem}_{metric}_{column.epochs}ep"
            curve = np.full((len(SEEDS), column.epochs), math.nan, np.float32)
            for position, seed in enumerate(SEEDS):
                measured = by_seed[seed][table] if seed in by_seed else {}
                for epoch in range(column.epochs):
                    if (point := measured.get(f"{column.part}@{epoch}")) is not None:
                        curve[position, epoch] = point
            cells[key].append([_last(by_seed, seed, table, column) for seed in SEEDS])
            every_epoch = np.isfinite(curve).sum(1)
            if key in curves:
                whole = set(every_epoch.tolist()) <= {0, column.epochs}
                curves[key].append(curve if whole else np.full_like(curve, math.nan))


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


def _add_facts(facts: dict[str, list[float]], runs: Runs) -> None:
    any_run = next(iter(_genuine(runs["200"], "cifar10").values()), None)
    facts["params_M"].append(math.nan if any_run is None else float(any_run["params"]))
    facts["flops_M"].append(math.nan if any_run is None else float(any_run["flop"]))
    for epochs in ("12", "200"):
        seconds = [
            sum(run["train_times"].values())
            for run in _genuine(runs[epochs], "cifar10-valid").values()
            if run["train_times"]
        ]
        facts[f"train_seconds_{epochs}ep"].append(float(np.mean(seconds)) if seconds else math.nan)


# -- the two formats ---------------------------------------------------------------------------


def _read_pth(path: Path) -> Iterator[tuple[str, Runs]]:
    try:
        from nas_201_api.api_utils import ArchResults
    except ImportError:
        raise MissingDependencyError("nas-bench-201", "nb201", f"reading {path.name}") from None
    try:
        content = _load_pth(path)
    except Exception as error:  # a damaged file can raise nearly anything
        reason = first_line(error)
        raise DataCorruptError(f"{path} is not a readable NAS-Bench-201 file ({reason}): download it again.") from None
    if not isinstance(content, dict) or not isinstance(content.get("arch2infos"), dict):
        raise DataCorruptError(f"{path} is no NAS-Bench-201 file: it lacks 'meta_archs' and 'arch2infos'.")
    infos = content["arch2infos"]
    for index, text in enumerate(_meta_archs(content, path)):
        if index not in infos:
            continue
        state = infos.pop(index)  # frees what has been read
        try:
            results = {epochs: ArchResults.create_from_state_dict(state[part]) for epochs, part in _PARTS.items()}
        except Exception as error:  # the package checks by assert
            raise DataCorruptError(f"{path}: the record of {text} is not in the official format ({error!r}).") from None
        yield text, {epochs: {k: vars(run) for k, run in r.all_results.items()} for epochs, r in results.items()}


_PARTS = {"12": "less", "200": "full"}


def _read_simple(folder: Path) -> Iterator[tuple[str, Runs]]:
    meta = _load_pickle(folder / "meta.pickle.pbz2")
    found = False
    for index, text in enumerate(_meta_archs(meta, folder / "meta.pickle.pbz2")):
        path = folder / f"{index:06d}.pickle.pbz2"
        if not path.exists():
            continue
        found = True
        record = _load_pickle(path)
        try:
            yield text, {epochs: dict(record[epochs]["all_results"]) for epochs in ("12", "200")}
        except (KeyError, TypeError, ValueError):
            raise DataCorruptError(f"{path} is no NATS-Bench topology record: it lacks '12' or '200'.") from None
    if not found:
        raise DataMissingError(f"{folder} holds no records (000000.pickle.pbz2 …): unpack the whole archive.")


def _meta_archs(content: Any, path: Path) -> list[str]:
    cells = content.get("meta_archs") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(text, str) for text in cells):
        raise DataCorruptError(f"{path} is not in the official format: it lacks 'meta_archs', the list of cells.")
    return cells


_ALLOWED = {
    ("__builtin__", "set"),
    ("_codecs", "encode"),
    ("builtins", "set"),
    ("collections", "OrderedDict"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
}


class RestrictedUnpickler(pickle.Unpickler):
    """Admits containers, numbers, strings and numpy scalars; refuses everything else by name."""

    def find_class(self, module: str, name: str) -> Any:
        """The allowed class, or an UnpicklingError that names the forbidden one."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


_TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # first of the pickles in the older of torch.save's containers


def _load_pth(path: Path) -> Any:
    # Not torch.load: it hands archives of TorchScript, which may run code, to torch.jit.load.
    with path.open("rb") as file:
        if file.read(4) == b"PK\3\4":
            with ZipFile(file) as archive:
                name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "data.pkl")
                with archive.open(name) as pickled:
                    content = RestrictedUnpickler(pickled, encoding="utf-8").load()
                    pickled.read()  # compares the checksum
                    return content
        file.seek(0)
        if RestrictedUnpickler(file).load() != _TORCH_MAGIC:
            raise pickle.UnpicklingError("torch.save did not write it")
        for _ in ("version", "byte order"):
            RestrictedUnpickler(file).load()
        return RestrictedUnpickler(file, encoding="utf-8").load()


def _load_pickle(path: Path) -> Any:
    try:
        with bz2.open(path, "rb") as file:
            return RestrictedUnpickler(file).load()
    except FileNotFoundError:
        raise DataMissingError(f"{path} does not exist: unpack the whole archive.") from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataCorruptError(
            f"{path} was refused ({first_line(error)}): download it again from the authors."
        ) from None


# -- the cache ---------------------------------------------------------------------------------


def save_cache(table: Table, path: Path) -> None:
    """Write a table as ``.npz``, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    arrays = {
        **{f"values/{name}": column for name, column in table.values.items()},
        **{f"curves/{name}": column for name, column in table.curves.items()},
        **{f"facts/{name}": column for name, column in table.facts.items()},
    }
    try:
        np.savez_compressed(
            partial,
            architectures=np.asarray(table.architectures),
            seeds=np.asarray(table.seeds),
            source=np.asarray(table.source),
            **arrays,  # type: ignore[arg-type]
        )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_cache(path: Path) -> Table:
    """Read what :func:`save_cache` wrote."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            groups: dict[str, dict[str, Any]] = {"values": {}, "curves": {}, "facts": {}}
            for key in data.files:
                group, _, name = key.partition("/")
                if name:
                    groups[group][name] = data[key]
            architectures = [str(text) for text in data["architectures"]]
            seeds = tuple(int(seed) for seed in data["seeds"])
            return Table(architectures, seeds, **groups, source=str(data["source"]))
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(
            f"{path} cannot be read ({first_line(error)}): "
            "delete it and run  zcbench data import nasbench201 FILE  again."
        ) from None
