"""NAS-Bench-Suite-Zero's JSON."""

import json

import pytest
from official_tables import drawn

import zcbench
from zcbench.errors import DataCorruptError
from zcbench.spaces import get_space

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_suite_zero(tmp_path):
    cells = drawn("transnasbench101-micro")
    tuples = [str(tuple("0123".index(d) for d in a.key.split("-")[2].replace("_", ""))) for a in cells]
    content = {
        task: {t: {"params": {"score": 2.5, "time": 1}, "val_accuracy": 10 + i} for i, t in enumerate(tuples)}
        for task in ("class_scene", "jigsaw")
    }
    path = tmp_path / "zc_transbench101_micro.json"
    path.write_text(json.dumps(content))
    table = zcbench.get_benchmark("transnasbench101-micro", path)
    assert table.architectures == tuple(cells)
    assert table.truth("jigsaw").tolist() == [10, 11, 12]
    assert table.facts["params_M"].tolist() == [2.5] * 3
    darts = drawn("nasbench301")
    lists = []
    for architecture in darts:
        order = get_space("nasbench301").operations
        cells_of = get_space("nasbench301").cells_of(architecture)
        lists.append(str([[(source, order.index(name)) for name, source in cell] for cell in cells_of]))
    path.write_text(json.dumps({"cifar10": {t: {"val_accuracy": 90 + i} for i, t in enumerate(lists)}}))
    assert zcbench.get_benchmark("nasbench301", path).architectures == tuple(darts)
    path.write_text(json.dumps({"mnist": {}}))
    with pytest.raises(DataCorruptError, match="contains none of the data sets cifar10"):
        zcbench.get_benchmark("nasbench301", path)
