"""Layer norm."""

import pytest
import torch
from samples import check
from torch import nn


@pytest.mark.parametrize("shape", [(5, 6), (5, 3, 6), (5, 2, 3, 6)], ids=str)
@pytest.mark.parametrize(
    "layer", [nn.LayerNorm(6), nn.LayerNorm(6, elementwise_affine=False), nn.LayerNorm((6,), bias=False)], ids=str
)
def test_any_number_of_positions(layer, shape):
    model = nn.Sequential(layer, nn.Tanh(), nn.Flatten(), nn.LazyLinear(4))
    model(torch.zeros(shape))
    check(model, torch.randn(shape, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 4, by_hooks=True)
