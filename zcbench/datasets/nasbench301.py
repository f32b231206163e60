"""The DARTS space: accuracies predicted by NAS-Bench-301's surrogate, and short trainings by the authors of SWAP.

Sources: J. Siems et al., arXiv:2008.09777, through NAS-Bench-Suite-Zero, arXiv:2210.03230 (**predictions of a
surrogate, not trainings**); Y. Peng et al., "SWAP-NAS", ICLR 2024, arXiv:2403.04161 (short trainings).
"""

from __future__ import annotations

import csv
import functools
import io
from pathlib import Path

import numpy as np

from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import explained, opened, read_parquet, single
from zcbench.datasets._suitezero import read_suite_zero
from zcbench.datasets._table import Table, columns
from zcbench.datasets._values import OddValueError, decimal, is_decimal, number, text_of
from zcbench.errors import DataCorruptError
from zcbench.types import Target

SURROGATE = Target(
    "valid_accuracy_surrogate", "cifar10", True, "validation accuracy on CIFAR-10 predicted by NAS-Bench-301, percent"
)
SHORT = Target("valid_accuracy", "cifar10", True, "validation accuracy on CIFAR-10 after short training, percent")


def convert_surrogate(folder: Path) -> Table:
    """Read the two published samples in ``ZCBENCH_DATA``, each architecture once."""
    paths = [folder / "nbsuitezero" / f"zc_nasbench301_{n}.parquet" for n in (725, 500)]
    rows: dict[str, list[float]] = {}
    for path in paths:
        frame = read_parquet(path, ["arch", "val_accuracy", "params", "flops"])
        with explained(path) as at:
            for at.row, (text, *measured) in enumerate(zip(*frame.values(), strict=True), 1):
                rows.setdefault(text_of(text, "arch"), [number(value, "a value") for value in measured])
    return Table(
        list(rows),
        (SURROGATE,),
        columns({SURROGATE.name: [row[0] for row in rows.values()]}),
        facts={name: np.asarray([row[i] for row in rows.values()]) for i, name in ((1, "params_M"), (2, "flops_M"))},
        source=f"{paths[0]} and {paths[1].name}",
    )


def convert_swap(folder: Path) -> Table:
    """Read the 1,000 genotypes in ``ZCBENCH_DATA``."""
    path = folder / "nasbench301" / "swap_darts_cifar10.parquet"
    frame = read_parquet(path, ["genotype", "valid_acc"])
    with explained(path):
        return Table(frame["genotype"], (SHORT,), columns({SHORT.name: frame["valid_acc"]}), source=str(path))


def read_swap(path: Path) -> Table:
    """Read the authors' CSV: a genotype and its accuracy in each row.

    Raises:
        DataCorruptError: it lacks the columns.
    """
    with explained(path) as at, opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as lines:
        genotypes: list[str] = []
        accuracies: list[float] = []
        for at.row, row in enumerate(csv.reader(lines), 1):
            cell = next((text for text in row if text.strip().startswith("Genotype(")), None)
            if cell is None and at.row > 1 and any(text.strip() for text in row):
                raise OddValueError("there is no genotype")
            if cell is not None:
                genotypes.append(cell)
                written = [text for text in row if text is not cell and is_decimal(text)] or row[-1:]
                accuracies.append(number(decimal(written[-1], "the accuracy"), "the accuracy", 0, 100))
        if not genotypes:
            raise DataCorruptError(f"{path} has no rows with a genotype and an accuracy: give the authors' file.")
    return Table(genotypes, (SHORT,), columns({SHORT.name: accuracies}), source=str(path))


register_benchmark(
    BenchmarkInfo(
        name="nasbench301",
        space="nasbench301",
        summary="DARTS cells on CIFAR-10: a surrogate's predictions, not trainings",
        rows=11_221,
        targets=1,
        licence="Apache-2.0",
        reference="Siems et al., arXiv:2008.09777; NAS-Bench-Suite-Zero, arXiv:2210.03230",
        classes={"cifar10": 10},
        read=single(functools.partial(read_suite_zero, targets={"cifar10": SURROGATE})),
        convert=convert_surrogate,
        by_hand="download zc_nasbench301.json from drive.google.com/file/d/1RddgmwqjWJ1czGT8gEPB8qqhUHazp92G",
    ),
    BenchmarkInfo(
        name="darts-swap",
        space="darts-zero",
        summary="DARTS cells with zero operations on CIFAR-10, short trainings",
        rows=1_000,
        targets=1,
        licence="none stated",
        reference="Peng et al., ICLR 2024, arXiv:2403.04161",
        classes={"cifar10": 10},
        read=single(read_swap),
        convert=convert_swap,
        remotes=(
            github(
                "pym1024/SWAP",
                "f6049f7c979b0cfc9ac5a13666fedb79dfe3cce8",
                "datasets/DARTS_archs_CIFAR10.csv",
                "d28d263aa7dd4103b6a1da1775b1b03ae16ffd2516409ca3bd493c8784abe6b0",
                423_509,
            ),
        ),
    ),
)
