"""TransNAS-Bench-101 from its .pth."""

import numpy as np
import pytest
import torch
from official_tables import drawn

import zcbench
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_transnas_bench_from_its_pth(tmp_path):
    cells = [a.key for a in drawn("transnasbench101-macro", 2)]
    metrics = {
        "class_scene": {"valid_top1": [1.0, 5.0, 4.0]},
        "room_layout": {"valid_neg_loss": [-2.0, -1.0, -1.5]},
        "segmentsemantic": {"valid_acc": [50.0, 60.0, 55.0]},
    }
    info = {"encoder_params": 7.5e6, "encoder_FLOPs": 1e9}
    tasks = {task: {"metrics": values, "model_info": info, "total_epochs": 3} for task, values in metrics.items()}
    content = {"data": {"macro": dict.fromkeys(cells, tasks)}, "metrics_dict": {}, "info_names": [], "task_list": []}
    torch.save(content, tmp_path / "transnas.pth")
    table = zcbench.get_benchmark("transnasbench101-macro", tmp_path / "transnas.pth")
    assert [a.key for a in table.architectures] == cells
    assert table.truth("class_scene").tolist() == [5, 5]
    assert table.truth("room_layout").tolist() == [-1, -1]
    assert np.isnan(table.truth("jigsaw")).all()
    assert table.curves["class_scene"].tolist() == [[[1, 5, 4]]] * 2
    assert table.facts["encoder_params"].tolist() == [7.5e6] * 2
    with pytest.raises(DataCorruptError, match="lacks 'data' with 'micro'"):
        zcbench.get_benchmark("transnasbench101-micro", tmp_path / "transnas.pth")
