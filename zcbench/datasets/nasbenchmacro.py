"""NAS-Bench-Macro: networks of MobileNet blocks on CIFAR-10, three seeds each.

Source: X. Su et al., CVPR 2021, arXiv:2103.11922.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import explained, read_json, read_parquet, single
from zcbench.datasets._table import Table
from zcbench.datasets._values import column, mapping_of, number, numbers
from zcbench.types import Target

TARGET = Target("test_accuracy", "cifar10", True, "test accuracy on CIFAR-10, percent")


def _table(texts: list[str], accuracies: np.ndarray, params: np.ndarray, flops: np.ndarray, source: str) -> Table:
    return Table(
        texts,
        (TARGET,),
        {TARGET.name: accuracies},
        # The authors do not name the seeds: trainings are numbered in the order of the file.
        seeds={TARGET.name: (0, 1, 2)},
        facts={"params_M": params / 1e6, "flops_M": flops / 1e6},
        source=source,
    )


def convert(folder: Path) -> Table:
    """Read the columns in ``ZCBENCH_DATA``."""
    path = folder / "nasbenchmacro" / "nasbenchmacro_cifar10.parquet"
    frame = read_parquet(path, ["arch", "test_acc_0", "test_acc_1", "test_acc_2", "params", "flops"])
    with explained(path):
        accuracies = np.stack([column(frame[f"test_acc_{seed}"], f"test_acc_{seed}") for seed in range(3)], 1)
        params, flops = (column(frame[name], name) for name in ("params", "flops"))
        return _table(frame["arch"], accuracies, params, flops, str(path))


def read(path: Path) -> Table:
    """Read the authors' JSON: ``{"02012100": {"test_acc": [three], "mean_acc": …, "params": …, "flops": …}, …}``.

    Raises:
        DataCorruptError: it is damaged or of another format.
    """
    content = read_json(path)
    accuracies, params, flops = [], [], []
    with explained(path) as at:
        for at.row, entry in enumerate(mapping_of(content, "the content").values(), 1):
            accuracies.append(numbers(entry["test_acc"], "test_acc", 3, 0, 100))
            params.append(number(entry["params"], "params", 0))
            flops.append(number(entry["flops"], "flops", 0))
        at.row = None
        values = np.asarray(accuracies, np.float64).reshape(-1, 3)
        return _table(list(content), values, np.asarray(params), np.asarray(flops), str(path))


register_benchmark(
    BenchmarkInfo(
        name="nasbenchmacro",
        space="nasbenchmacro",
        summary="networks of MobileNet blocks on CIFAR-10, three seeds",
        rows=6_561,
        targets=1,
        licence="Apache-2.0",
        reference="Su et al., CVPR 2021, arXiv:2103.11922",
        classes={"cifar10": 10},
        read=single(read),
        convert=convert,
        remotes=(
            github(
                "xiusu/NAS-Bench-Macro",
                "61a2bfc2ca0dce04d0997e6cf498047c27d6acf2",
                "data/nas-bench-macro_cifar10.json",
                "686dee8363cc21cca8c1f321ad5749454f2d9b9ca5972682e137e539bc522297",
                1_178_821,
            ),
        ),
    ),
)
