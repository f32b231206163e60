"""NAS-Bench-201 from the columns of the data folder."""

import numpy as np
import pytest
from official import CELLS

import zcbench
from zcbench.errors import DataCorruptError


def test_the_columns_of_the_data_folder(nowhere, data_folder, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    table = zcbench.get_benchmark("nasbench201")
    frame = pq.read_table(data_folder / "nasbench201" / "nb201_accuracies.parquet").to_pydict()
    assert len(table) == 15_625
    assert [a.key for a in table.architectures] == frame["arch_str"]
    assert table.default_target == "cifar10_test_accuracy_200ep"
    np.testing.assert_array_equal(table.truth(), frame["cifar10_test_acc_200ep"])
    np.testing.assert_array_equal(
        table.truth("cifar10-valid_test_accuracy_200ep"), frame["cifar10_validtrained_test_acc_200ep"]
    )
    assert table.repeats() is None
    best = table.architectures[int(np.nanargmax(table.truth()))]
    assert table.truth().max() == pytest.approx(94.37, abs=0.01)  # paper, table 5: the optimum
    assert "nor_conv_3x3" in best.key
    assert table.truth("cifar100_test_accuracy_200ep").max() == pytest.approx(73.51, abs=0.01)
    assert table.truth("ImageNet16-120_test_accuracy_200ep").max() == pytest.approx(47.31, abs=0.01)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"<html>"])
def test_a_damaged_parquet_table(nowhere, monkeypatch, content):
    pytest.importorskip("pyarrow")
    path = nowhere / "nasbench201" / "nb201_accuracies.parquet"
    path.parent.mkdir()
    path.write_bytes(content)
    monkeypatch.setenv("ZCBENCH_DATA", str(nowhere))
    with pytest.raises(DataCorruptError, match=r"nb201_accuracies\.parquet (cannot be read \(.+\)|is a web page)"):
        zcbench.get_benchmark("nasbench201")


def test_a_parquet_table_of_something_else(nowhere, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = nowhere / "nasbench201" / "nb201_accuracies.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"arch_str": CELLS}), path)
    monkeypatch.setenv("ZCBENCH_DATA", str(nowhere))
    with pytest.raises(DataCorruptError, match="lacks the column 'cifar10_test_acc_200ep'"):
        zcbench.get_benchmark("nasbench201")
