"""Once-for-all MobileNetV3: ImageNet accuracies of subnets, measured by searches of Intel's DyNAS-T.

Source: the search logs in github.com/IntelLabs/DyNAS-T (D. Cummings, A. Sarah et al., arXiv:2202.12954); supernet: H.
Cai et al., ICLR 2020, arXiv:1908.09791. **Accuracies with inherited weights**, of subnets that searches chose: the
sample is biased towards good ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import Place, as_records, explained, read_csv, read_parquet
from zcbench.datasets._table import Table, columns
from zcbench.datasets._values import decimal, number, text_of
from zcbench.spaces import get_space
from zcbench.types import Target

TARGET = Target("top1", "imagenet", True, "top-1 accuracy on ImageNet with weights of the supernet, percent")
_NAME = "Sub-network"
_COLUMNS = {_NAME: "", "Top-1 Acc (%)": "", "Model Parameters": "params_M", "MACs": "macs_M"}


def convert(folder: Path) -> Table:
    """Read the columns in ``ZCBENCH_DATA``."""
    path = folder / "ofa_mbv3" / "dynas_mbv3_w10.parquet"
    frame = read_parquet(path, list(_COLUMNS))
    with explained(path) as at:
        return _table(as_records(frame), str(path), at)


def read(paths: Sequence[Path]) -> Table:
    """Read the authors' CSV files, any number of them.

    Raises:
        DataCorruptError: one is damaged or lacks a column.
    """
    rows: list[dict[str, Any]] = []
    for path in paths:
        with explained(path) as at:
            found = []
            for line, row in read_csv(path):
                at.row = f"line {line}"
                cells: dict[str, Any] = {_NAME: row[_NAME]}
                for name in _COLUMNS:
                    if name != _NAME:
                        cells[name] = decimal(row[name], name)
                found.append(cells)
            at.row = None
            _table(found, str(path), at)  # so that an error names this file and its row
            rows += found
    with explained(paths) as at:
        return _table(rows, ", ".join(map(str, paths)), at)


def _table(rows: Iterable[Mapping[str, Any]], source: str, at: Place) -> Table:
    """Make a table with each subnet once: repeated measurements by other searches gave the same numbers."""
    space = get_space("ofa-mbv3")
    found: dict[str, Mapping[str, Any]] = {}
    for at.row, row in enumerate(rows, 1):
        number(row["Top-1 Acc (%)"], "Top-1 Acc (%)", 0, 100)
        for name, fact in _COLUMNS.items():
            if fact:
                number(row[name], name, 0)
        found.setdefault(space.parse(text_of(row[_NAME], _NAME)).key, row)
    at.row = None
    return Table(
        list(found),
        (TARGET,),
        columns({TARGET.name: [row["Top-1 Acc (%)"] for row in found.values()]}),
        facts={
            fact: np.asarray([row[name] / 1e6 for row in found.values()]) for name, fact in _COLUMNS.items() if fact
        },
        source=source,
    )


def _log(name: str, sha256: str, size: int) -> Any:
    commit = "251cb5e0083077522eb554691f480ba750e63246"
    return github("IntelLabs/DyNAS-T", commit, f"notebooks/data/{name}.csv", sha256, size)


register_benchmark(
    BenchmarkInfo(
        name="ofa-mbv3",
        space="ofa-mbv3",
        summary="once-for-all MobileNetV3 subnets on ImageNet, weights of the supernet",
        rows=2_162,
        targets=1,
        licence="Apache-2.0",
        reference="DyNAS-T, arXiv:2202.12954; Cai et al., ICLR 2020, arXiv:1908.09791",
        classes={"imagenet": 1000},
        batches={"imagenet": "cifar100@128"},
        read=read,
        convert=convert,
        remotes=(
            _log("mbnv3w10_evoga_acc", "460efa9d68388f0523248c68996738a4cf1580115299c5223386acefd01c2904", 87_347),
            _log(
                "mbnv3w10_evonsga2_acc_macs",
                "26382008e3311c93cbb1f8de3310ac69a37c650c9692e032c90e04805e523cbe",
                129_555,
            ),
            _log(
                "mbnv3w10_evounsga3_acc_macs_params",
                "b24f148a72d2f1bb1b3422a2f7f8a1f21e59bf5d47f033c0945840ac5d78384c",
                132_907,
            ),
            _log("mbnv3w10_linasga_acc", "63f986501c47e44f3c7426acbcbf8787662a8aa93683d95461a6f6bb659765f7", 86_622),
            _log(
                "mbnv3w10_linasnsga2_acc_macs",
                "cc49278a179df47e6a8f5906e0bd32a6d2f4d29c0d0424ab0ac14eb4a10f8962",
                132_896,
            ),
        ),
    ),
)
