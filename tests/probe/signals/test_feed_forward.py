"""Hidden activations of feed-forward blocks, before the non-linearity."""

import pytest
import torch
from networks import convnet, images
from torch import nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


class Block(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.grow, self.shrink, self.activation = nn.Linear(6, 10), nn.Linear(10, 6), activation

    def forward(self, x):
        return x + self.shrink(self.activation(self.grow(x)))


@pytest.mark.parametrize("activation", [nn.GELU(), nn.ReLU(inplace=True)], ids=str)
def test_before_the_activation(activation):
    torch.manual_seed(0)
    blocks, x = nn.ModuleList([Block(activation), Block(activation)]), torch.randn(4, 5, 6)
    model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(30, 3))
    with Probe(model, Batch(x)) as probe:
        found = probe.feed_forward
    first = blocks[0].grow(x).clone()
    assert [tuple(hidden.shape) for hidden in found] == [(4, 5, 10)] * 2
    expected = [first, blocks[1].grow(blocks[0](x))]
    for hidden in found:  # in no particular order
        assert sum(torch.allclose(hidden, one, atol=1e-5) for one in expected) == 1


def test_networks_without_one():
    with Probe(convnet(), Batch(*images())) as probe, pytest.raises(UnsupportedModelError):
        _ = probe.feed_forward
