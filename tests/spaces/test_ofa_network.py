"""Networks of Once-for-All against the published counts."""

import torch
from published import count, macs, rows

from zcbench.spaces import get_space


def test_once_for_all(data_folder):
    space = get_space("ofa-mbv3")
    for row in rows(data_folder / "ofa_mbv3" / "dynas_mbv3_w10.parquet", 400):
        network = space.build(space.parse(row["Sub-network"]))
        assert count(network) == row["Model Parameters"]
        assert macs(network, torch.zeros(1, 3, 224, 224)) == row["MACs"]
