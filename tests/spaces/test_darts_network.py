"""Networks of the DARTS space against NAS-Bench-301's counts and by hand."""

import torch
from published import count, rows
from torch import nn
from torch.nn import functional as F

from zcbench.spaces import get_space


def test_nas_bench_301(data_folder):
    """NASLib's batch norms inside operations have no weights; DARTS evaluates networks whose batch norms have."""
    space = get_space("nasbench301")
    for row in rows(data_folder / "nbsuitezero" / "zc_nasbench301_725.parquet", 90):
        network = space.build(space.parse(row["arch"]))
        inside = sum(
            count(module)
            for cell in network.cells
            for module in cell.edges.modules()
            if isinstance(module, nn.BatchNorm2d)
        )
        assert count(network) - inside == round(row["params"] * 1e6)


def test_a_darts_cell_by_hand():
    space = get_space("nasbench301")
    edge = "skip_connect~0,avg_pool_3x3~1|max_pool_3x3~0,skip_connect~2"
    edge += "|skip_connect~1,skip_connect~3|max_pool_3x3~2,skip_connect~4"
    network = space.build(space.parse(f"{edge};{edge}")).eval()
    cell, x, y = network.cells[0], torch.randn(2, 96, 8, 8), torch.randn(2, 96, 8, 8)
    a, b = cell.before(x), cell.last(y)
    two = a + F.avg_pool2d(b, 3, 1, 1, count_include_pad=False)
    three = F.max_pool2d(a, 3, 1, 1) + two
    four = b + three
    five = F.max_pool2d(two, 3, 1, 1) + four
    torch.testing.assert_close(cell(x, y), torch.cat([two, three, four, five], 1))
    assert [cell.edges[0].__class__.__name__ for cell in network.cells] == [
        "Identity" if i not in (2, 5) else "FactorizedReduce" for i in range(8)
    ]
