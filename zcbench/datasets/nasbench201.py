"""NAS-Bench-201: accuracies of all 15,625 cells on three data sets, from whichever source is at hand.

Source: X. Dong, Y. Yang, ICLR 2020, arXiv:2001.00326, and X. Dong et al., NATS-Bench, TPAMI 2021, arXiv:2009.00437.
Accuracies are percentages. "test" of cifar10 is the official test set after training on all of train + valid; "valid"
of cifar10 is the validation half after training on the other half ("cifar10-valid" in the official files).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._nasbench201_files import COLUMNS, Table, load_cache, read_official
from zcbench.datasets._paths import cache_folder, data_folder
from zcbench.errors import DataCorruptError, DataMissingError, MissingDependencyError, first_line
from zcbench.spaces import get_space
from zcbench.types import Target

CLASSES = {"cifar10": 10, "cifar10-valid": 10, "cifar100": 100, "ImageNet16-120": 120}
DEFAULT_TARGET = "cifar10_test_accuracy_200ep"
_DESCRIPTIONS = {
    "accuracy": "{split} accuracy on {dataset} after {epochs} epochs, percent",
    "loss": "{split} cross-entropy on {dataset} after {epochs} epochs, nats",
}
#: columns of the parquet table in ZCBENCH_DATA, by target
_PARQUET = {
    "cifar10_test_accuracy_200ep": "cifar10_test_acc_200ep",
    "cifar100_test_accuracy_200ep": "cifar100_test_acc_200ep",
    "ImageNet16-120_test_accuracy_200ep": "ImageNet16-120_test_acc_200ep",
    "cifar10_valid_accuracy_200ep": "cifar10_valid_acc_200ep",
    "cifar10-valid_test_accuracy_200ep": "cifar10_validtrained_test_acc_200ep",
    "cifar10_valid_accuracy_12ep": "cifar10_valid_acc_12ep",
    "cifar10_test_accuracy_12ep": "cifar10_test_acc_12ep",
    "cifar100_valid_accuracy_12ep": "cifar100_valid_acc_12ep",
    "cifar100_test_accuracy_12ep": "cifar100_test_acc_12ep",
    "ImageNet16-120_valid_accuracy_12ep": "ImageNet16-120_valid_acc_12ep",
    "ImageNet16-120_test_accuracy_12ep": "ImageNet16-120_test_acc_12ep",
    "cifar10_test_accuracy_200ep_nats": "cifar10_test_acc_200ep_nats",
    "cifar100_test_accuracy_200ep_nats": "cifar100_test_acc_200ep_nats",
    "ImageNet16-120_test_accuracy_200ep_nats": "ImageNet16-120_test_acc_200ep_nats",
}


def load(source: str | os.PathLike[str] | None = None) -> Benchmark:
    """Read the table from ``source``, else from the imported cache, else from the columns in ``ZCBENCH_DATA``.

    Raises:
        DataMissingError: none of them is there.
        DataCorruptError: the one that is there cannot be read.
    """
    if source is not None:
        return from_table(read_official(Path(source)))
    if cache_path().is_file():
        return from_table(load_cache(cache_path()))
    try:
        folder = data_folder()
    except DataMissingError as error:
        raise DataMissingError(
            "the table of nasbench201 is not on this machine: import the official file or folder with  zcbench data "
            f"import nasbench201 PATH  (where to get it: zcbench show nasbench201). {error}"
        ) from None
    return _from_parquet(folder / "nasbench201" / "nb201_accuracies.parquet")


def cache_path() -> Path:
    """Where ``zcbench data import nasbench201`` keeps the converted table."""
    return cache_folder() / "nasbench201.npz"


def from_table(table: Table) -> Benchmark:
    """A benchmark from a table read by :func:`read_official` or from the cache of one."""
    space = get_space("nasbench201")
    values = {name: table.values[name] for name in table.values}
    return Benchmark(
        name="nasbench201",
        version=1,
        space=space,
        architectures=tuple(space.parse(text) for text in table.architectures),
        targets={name: _target(name) for name in values},
        values=values,
        default_target=DEFAULT_TARGET,
        classes=CLASSES,
        seeds=dict.fromkeys(values, table.seeds),
        curves=table.curves,
        facts=table.facts,
        source=table.source,
    )


def _target(name: str) -> Target:
    dataset, split, metric, epochs = name.removesuffix("_nats").split("_")
    description = _DESCRIPTIONS[metric].format(split=split, dataset=dataset, epochs=epochs.removesuffix("ep"))
    if name.endswith("_nats"):
        description += " (as NATS-Bench averages the seeds)"
    return Target(name, dataset, metric == "accuracy", description)


def _from_parquet(path: Path) -> Benchmark:
    if not path.is_file():
        raise DataMissingError(
            f"no table at {path}: set ZCBENCH_DATA to a folder that holds {path.parent.name}/{path.name}, or import "
            "the official file with  zcbench data import nasbench201 FILE"
        )
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError("pyarrow", "parquet", f"reading {path.name}") from None
    try:
        frame = pq.read_table(path).to_pydict()
        space = get_space("nasbench201")
        architectures = tuple(space.parse(text) for text in frame["arch_str"])
        values = {name: np.asarray(frame[column], np.float64)[:, None] for name, column in _PARQUET.items()}
        facts = {
            "params_M": np.asarray(frame["cifar10_params_M"], np.float64),
            "train_seconds_12ep": np.asarray(frame["cifar10_cost_12ep_s"], np.float64),
        }
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(f"{path} cannot be read ({first_line(error)}): copy it again.") from None
    return Benchmark(
        name="nasbench201",
        version=1,
        space=space,
        architectures=architectures,
        targets={name: _target(name) for name in values},
        values=values,
        default_target=DEFAULT_TARGET,
        classes=CLASSES,
        facts=facts,
        source=f"{path} (averages over seeds, API v1.1; columns *_nats: NATS-Bench)",
    )


__all__ = ["CLASSES", "COLUMNS", "cache_path", "from_table", "load"]
