"""NAS-Bench-MR from its pickle."""

import pickle

import pytest

import zcbench
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_nas_bench_mr_and_graph_from_pickles(tmp_path):
    entry = {"embedding": [16, 32, 1], "top1": 80.0, "params": 5.0, "flops": 2.0}
    (tmp_path / "cls-10c.pkl").write_bytes(pickle.dumps([entry, {**entry, "embedding": [8, 8, 8], "top1": 70.0}]))
    table = zcbench.load_benchmark("nasbenchmr", tmp_path / "cls-10c.pkl")
    assert table.truth("cls-10c").tolist() == [80, 70]
    assert table.space.encode(table.architectures[0]).tolist() == [16, 32, 1]
    row = {"valid_perf": 0.8, "perf": 0.7, "latency": 0.01, "para": 1.5}
    (tmp_path / "cora.bench").write_bytes(pickle.dumps({"123": row, "456": {**row, "perf": 0.6}}))
    table = zcbench.load_benchmark("nasbenchgraph", tmp_path / "cora.bench")
    assert table.truth("cora_test").tolist() == [0.7, 0.6]
    for name, file in (("nasbenchmr", "other.pkl"), ("nasbenchgraph", "other.bench")):
        (tmp_path / file).write_bytes(pickle.dumps([]))
        with pytest.raises(DataCorruptError, match="keep the authors'"):
            zcbench.load_benchmark(name, tmp_path / file)
