"""Complete records of NATS-Bench: every epoch of every seed is where it belongs."""

import numpy as np
import pytest

import zcbench
from zcbench.errors import DataCorruptError
from zcbench.runs._curve_set import curve_set

pyarrow = pytest.importorskip("pyarrow")


def rows():
    """Two networks, one of them with two seeds; a measurement at the end alone."""
    found = []
    for space, network, seed, epochs in (("tss", 0, 777, 4), ("tss", 0, 888, 4), ("sss", 0, 777, 3)):
        for epoch in range(epochs):
            point = {"acc": 10.0 * epoch + network + seed / 1000, "loss": 1.0 / (epoch + 1)}
            head = {"space": space, "arch_index": network, "hp": f"{epochs:02d}", "dataset": "cifar10", "seed": seed}
            found.append({**head, "split": "train", "epoch": epoch, **point})
    found.append({**found[0], "split": "x-test", "epoch": 3})
    return found


def read(folder, content):
    import pyarrow.parquet as pq

    path = folder / "curves.parquet"
    pq.write_table(pyarrow.Table.from_pylist(content), path)
    return zcbench.get_benchmark("nats-records", path)


def test_every_epoch_is_where_it_belongs(tmp_path):
    table = read(tmp_path, rows())
    assert [one.key for one in table.architectures] == ["sss-000000 cifar10 train 3ep", "tss-000000 cifar10 train 4ep"]
    np.testing.assert_allclose(
        table.curves["accuracy"][1], [[0.777, 10.777, 20.777, 30.777], [0.888, 10.888, 20.888, 30.888]]
    )
    assert np.isnan(table.curves["loss"][0, 0, 3]) and np.isnan(table.curves["loss"][0, 1]).all()
    assert table.values["accuracy"][1].tolist() == [30.777, 30.888]
    assert len(set(table.facts["network"])) == 2
    curves = curve_set(table, "accuracy")
    assert (len(curves), curves.units, curves.bounds) == (3, 2, (0, 100)) and sorted(curves.horizon) == [3, 4, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content + content[:1], "the epoch occurs twice"),
        (lambda content: [{**content[0], "acc": 101.0}, *content[1:]], "row 1: acc is 101.0"),
        (lambda content: [{**content[0], "space": "xss"}, *content[1:]], "neither tss nor sss"),
        (lambda content: content[-1:], "no curve of two epochs"),
        (lambda content: [{**content[0], "hp": "9" * 30}, *content[1:]], "not a number of epochs from 1 to 1,000"),
    ],
)
def test_odd_rows_are_refused(tmp_path, change, message):
    with pytest.raises(DataCorruptError, match=message):
        read(tmp_path, change(rows()))


def test_the_six_records(data_folder, monkeypatch):
    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    if not (data_folder / "nats_fixtures").is_dir():
        pytest.skip("the records of NATS-Bench are not in ZCBENCH_DATA")
    table = zcbench.get_benchmark("nats-records")
    assert len(table) == 141 and len(set(table.facts["network"])) == 6
    assert len(curve_set(table, "accuracy")) == 276
