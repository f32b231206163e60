"""Maps of the first sample."""

import pytest
import torch
from networks import convnet, images, mlp
from torch import nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


def test_every_module_without_children():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 2)), images()[0]
    with Probe(model, Batch(x)) as probe:
        maps = probe.sample_maps
    first = model[0](x)[0].detach().flatten(1)
    assert len(maps) == 2
    torch.testing.assert_close(maps[0], first)
    torch.testing.assert_close(maps[1], first.relu())


def test_networks_without_maps():
    with Probe(mlp(), Batch(torch.randn(8, 4))) as probe, pytest.raises(UnsupportedModelError, match="maps"):
        _ = probe.sample_maps
    with Probe(convnet(), Batch(images()[0])) as probe:
        assert all(one.dim() == 2 for one in probe.sample_maps)


def test_attention_makes_no_maps():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.softmax, self.head = nn.Softmax(-1), nn.Linear(6, 3)

        def forward(self, x):
            p = self.softmax((x @ x.transpose(1, 2))[:, None])  # (batch, heads, queries, keys)
            return self.head((p[:, 0] @ x).mean(1))

    with Probe(Attends(), Batch(torch.randn(8, 5, 6))) as probe:
        with pytest.raises(UnsupportedModelError, match="no convolution of images"):
            _ = probe.sample_maps
