"""Networks of NAS-Bench-101 against its table and by hand."""

import torch
from published import count, rows
from torch.nn import functional as F

from zcbench.spaces import get_space
from zcbench.spaces._nasbench101_network import vertex_channels


def test_nas_bench_101(data_folder):
    space = get_space("nasbench101")
    apart = []
    for row in rows(data_folder / "nasbench101" / "nb101_sample_20001.parquet", 500):
        cell = space.parse(f"{row['adj_upper']}:{row['ops']}")
        assert space.hash(cell) == space.hash(space.canonical(cell)) == row["module_hash"]
        found = count(space.build(cell))
        vertices = space.cell(cell).vertices
        feeding = [a for a, b in space.cell(cell).edges if b == vertices - 1 and a]
        if not feeding or 128 % len(feeding) == 0:
            assert found == row["trainable_parameters"]
        else:  # channels left over go to the first vertices, and the table forgets which those were
            apart.append(found / row["trainable_parameters"] - 1)
    assert all(abs(difference) < 0.015 for difference in apart)


def test_channels_of_vertices_by_hand():
    # 1 and 2 feed the output, 3 feeds 2: half the channels each, and as many as 2 has.
    assert vertex_channels(64, 128, [(0, 1), (0, 2), (1, 3), (2, 3)], 4) == [64, 64, 64, 128]
    assert vertex_channels(64, 128, [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)], 5) == [64, 43, 43, 42, 128]
    assert vertex_channels(64, 128, [(0, 1), (1, 2), (2, 3)], 4) == [64, 128, 128, 128]


def test_a_cell_of_nas_bench_101_by_hand():
    space = get_space("nasbench101")
    torch.manual_seed(0)
    # input to 1 and to the output; 1 (3x3) to 2 (pooling) and to the output; 2 to the output
    cell = space.build(space.parse("101111:02")).body[0].eval()
    x = torch.randn(2, 128, 6, 6)
    one = cell.operations[0](cell.projections["1"](x))
    two = F.max_pool2d(one, 3, 1, 1)
    torch.testing.assert_close(cell(x), torch.cat([one, two], 1) + cell.projections["3"](x))
