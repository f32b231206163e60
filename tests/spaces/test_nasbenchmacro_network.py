"""Networks of NAS-Bench-Macro against its table."""

import torch
from published import count, macs, rows

from zcbench.spaces import get_space


def test_nas_bench_macro(data_folder):
    space = get_space("nasbenchmacro")
    for row in rows(data_folder / "nasbenchmacro" / "nasbenchmacro_cifar10.parquet", 600):
        network = space.build(space.parse(row["arch"]))
        assert count(network) == row["params"]
        assert macs(network, torch.zeros(1, 3, 32, 32)) == row["flops"]
