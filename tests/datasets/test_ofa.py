"""Once-for-All from its CSV."""

import csv

import pytest
from official_tables import drawn

import zcbench
from zcbench.errors import DataCorruptError
from zcbench.spaces import get_space

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_once_for_all_from_csv(tmp_path):
    one, two = drawn("ofa-mbv3", 2)

    def settings(architecture):
        ks, e, d = [], [], []
        for stage in get_space("ofa-mbv3").stages(architecture):
            padded = [*stage, *[(7, 6)] * (4 - len(stage))]
            ks += [k for k, _ in padded]
            e += [x for _, x in padded]
            d.append(len(stage))
        return str({"wid": None, "ks": ks, "e": e, "d": d, "r": [224]})

    path = tmp_path / "log.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Sub-network", "Date", "Model Parameters", "Latency (ms)", "MACs", "Top-1 Acc (%)"])
        writer.writerows([settings(a), "x", 5e6, 0, 2e8, top1] for a, top1 in ((one, 75.0), (two, 76.0), (one, 75.0)))
    table = zcbench.get_benchmark("ofa-mbv3", path)
    assert table.architectures == (one, two)
    assert table.truth().tolist() == [75, 76]
    assert table.facts["macs_M"].tolist() == [200, 200]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataCorruptError, match="KeyError: 'Sub-network'"):
        zcbench.get_benchmark("ofa-mbv3", path)
