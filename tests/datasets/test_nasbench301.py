"""Trainings of the DARTS space from CSV."""

import csv

import pytest

import zcbench
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_swap_from_csv(tmp_path, data_folder):
    pq = pytest.importorskip("pyarrow.parquet")
    rows = pq.read_table(data_folder / "nasbench301" / "swap_darts_cifar10.parquet").slice(0, 5).to_pylist()
    path = tmp_path / "DARTS_archs_CIFAR10.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["genotype", "valid_acc"])
        writer.writerows([row["genotype"], row["valid_acc"]] for row in rows)
    assert zcbench.get_benchmark("darts-swap", path).truth().tolist() == [row["valid_acc"] for row in rows]
    path.write_text("genotype,valid_acc\n")
    with pytest.raises(DataCorruptError, match="has no rows with a genotype"):
        zcbench.get_benchmark("darts-swap", path)
