"""HW-NAS-Bench from its pickle and from CSV."""

import csv
import pickle

import numpy as np
import pytest
from official_tables import drawn

import zcbench
from zcbench.datasets import import_benchmark
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_hw_nas_bench_from_pickle_and_csv(tmp_path):
    cells = [a.key for a in drawn("nasbench201")]
    metrics = ["edgegpu_latency", "fpga_energy"]
    datasets = ("cifar10", "cifar100", "ImageNet16-120")
    tables = {
        d: {"config": [{"arch_str": c} for c in cells], **{m: np.arange(3) + 10.0 * i for m in metrics}}
        for i, d in enumerate(datasets)
    }
    for content in tables.values():
        content["edgetpu_latency"] = [0.5, -1, 2.0]  # the second network does not run there
    (tmp_path / "HW.pickle").write_bytes(pickle.dumps({"nasbench201": tables, "fbnet": {}}))
    table = zcbench.get_benchmark("hwnasbench", tmp_path / "HW.pickle")
    assert table.truth("fpga_energy_cifar100").tolist() == [10, 11, 12]
    assert not table.target("edgegpu_latency_cifar10").higher_is_better
    assert np.array_equal(table.truth("edgetpu_latency_cifar100"), [0.5, np.nan, 2.0], equal_nan=True)
    from zcbench.datasets.hwnasbench import METRICS

    paths = []
    for dataset in datasets:
        path = tmp_path / f"hw_{dataset}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["index", "arch_str", *METRICS])
            writer.writerows([i, cell, *(i + place for place in range(len(METRICS)))] for i, cell in enumerate(cells))
        paths.append(path)
    import_benchmark("hwnasbench", paths)
    assert zcbench.get_benchmark("hwnasbench").truth("raspi4_latency_ImageNet16-120").tolist() == [2, 3, 4]
    with pytest.raises(DataCorruptError, match=r"give HW-NAS-Bench-v1_0\.pickle"):
        import_benchmark("hwnasbench", paths[:2])
