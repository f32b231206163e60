"""NAS-Bench-MR from its pickle."""

import pickle

import pytest

import zcbench
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_nas_bench_mr_from_its_pickle(tmp_path):
    entry = {"embedding": [16, 32, 1], "top1": 80.0, "params": 5.0, "flops": 2.0}
    (tmp_path / "cls-10c.pkl").write_bytes(pickle.dumps([entry, {**entry, "embedding": [8, 8, 8], "top1": 70.0}]))
    table = zcbench.get_benchmark("nasbenchmr", tmp_path / "cls-10c.pkl")
    assert table.truth("cls-10c").tolist() == [80, 70]
    assert table.space.encode(table.architectures[0]).tolist() == [16, 32, 1]
    (tmp_path / "other.pkl").write_bytes(pickle.dumps([]))
    with pytest.raises(DataCorruptError, match="keep the authors'"):
        zcbench.get_benchmark("nasbenchmr", tmp_path / "other.pkl")
