"""NDS from its JSON."""

import json

import numpy as np
import pytest

import zcbench

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_nds_from_its_json(tmp_path):
    entry = {
        "net": {"width": 16},
        "optim": {"base_lr": 0.1},
        "params": 1e6,
        "flops": 2e6,
        "test_ep_top1": [50.0, 10.0, 12.0],
    }
    other = {**entry, "net": {"width": 32}, "test_ep_top1": [40.0, 5.0, 6.0]}
    path = tmp_path / "DARTS.json"
    path.write_text(json.dumps({"top": [entry, other], "mid": [{**entry, "test_ep_top1": [50.0, 20.0, 14.0]}]}))
    table = zcbench.get_benchmark("nds", path)
    assert len(table) == 2
    np.testing.assert_allclose(table.values["test_accuracy"], [[88, 86], [94, np.nan]])
    np.testing.assert_allclose(table.values["test_accuracy_best"], [[90, 86], [95, np.nan]])
    assert table.curves["test_accuracy"].shape == (2, 2, 3)
    assert table.facts["flops_M"].tolist() == [2, 2]
