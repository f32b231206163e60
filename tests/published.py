"""What the benchmarks' own tables say of networks, and how it is counted."""

from __future__ import annotations

import pytest
import torch
from torch import nn


def rows(path, every):
    pq = pytest.importorskip("pyarrow.parquet")
    return pq.read_table(path).to_pylist()[::every]


def count(network):
    return sum(p.numel() for p in network.parameters())


def weightless():
    """A block in which networks are built without memory and without numbers, as where only parameters count."""
    return torch.device("meta")


def macs(network, x):
    """Products of convolutions and linear maps, as fvcore and the tables count them."""
    total, hooks = [0], []

    def conv(module, _, out):
        total[0] += out[0].numel() * module.weight[0].numel()

    def linear(module, _, out):
        total[0] += out[0].numel() * module.in_features

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(conv))
        elif isinstance(module, nn.Linear):
            hooks.append(module.register_forward_hook(linear))
    with torch.no_grad():
        network.eval()(x)
    for hook in hooks:
        hook.remove()
    return total[0]
