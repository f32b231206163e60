"""NATS-Bench, size half: 32,768 networks that differ in their numbers of channels, on three data sets.

Source: X. Dong, L. Liu, K. Musial, B. Gabrys, TPAMI 2021, arXiv:2009.00437.
"""

from __future__ import annotations

import functools
from pathlib import Path

from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._nasbench201_files import read_official, target_of
from zcbench.datasets._read import explained, read_parquet, single
from zcbench.datasets._table import Table, columns
from zcbench.datasets.nasbench201 import BATCHES, CLASSES


def convert(folder: Path) -> Table:
    """Read the column in ``ZCBENCH_DATA``: test accuracy on CIFAR-10 after 90 epochs, published by BossNAS."""
    path = folder / "nats_sss" / "nats_sss_cifar10.parquet"
    frame = read_parquet(path, ["arch", "cifar10_acc"])
    name = "cifar10_test_accuracy_90ep"
    with explained(path):
        return Table(frame["arch"], (target_of(name),), columns({name: frame["cifar10_acc"]}), source=str(path))


register_benchmark(
    BenchmarkInfo(
        name="nats-size",
        space="nats-size",
        summary="channels of networks on CIFAR-10, CIFAR-100 and ImageNet16-120",
        rows=32_768,
        targets=42,
        licence="MIT",
        reference="Dong et al., TPAMI 2021, arXiv:2009.00437",
        classes=CLASSES,
        batches=BATCHES,
        read=single(functools.partial(read_official, half="size")),
        convert=convert,
        by_hand=(
            "download NATS-sss-v1_0-50262-simple.tar from drive.google.com/file/d/1scOMTUwcQhAMa_IMedp9lTzwmgqHLGgA"
        ),
    ),
)
