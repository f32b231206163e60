"""NAS-Bench-Graph from its pickle."""

import pickle

import pytest

import zcbench
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_nas_bench_graph_from_its_pickle(tmp_path):
    row = {"valid_perf": 0.8, "perf": 0.7, "latency": 0.01, "para": 1.5}
    (tmp_path / "cora.bench").write_bytes(pickle.dumps({"123": row, "456": {**row, "perf": 0.6}}))
    table = zcbench.get_benchmark("nasbenchgraph", tmp_path / "cora.bench")
    assert table.truth("cora_test").tolist() == [0.7, 0.6]
    (tmp_path / "other.bench").write_bytes(pickle.dumps([]))
    with pytest.raises(DataCorruptError, match="keep the authors'"):
        zcbench.get_benchmark("nasbenchgraph", tmp_path / "other.bench")
