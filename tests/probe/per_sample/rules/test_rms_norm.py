"""RMS norm."""

import pytest
import torch
from samples import check
from torch import nn


@pytest.mark.parametrize("shape", [(5, 6), (5, 3, 6), (5, 2, 3, 6)], ids=str)
@pytest.mark.parametrize("layer", [nn.RMSNorm(6), nn.RMSNorm(6, eps=0.5)], ids=str)
def test_any_number_of_positions(layer, shape):
    model = nn.Sequential(layer, nn.Tanh(), nn.Flatten(), nn.LazyLinear(4))
    model(torch.zeros(shape))
    check(model, torch.randn(shape, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 4, by_hooks=True)
