"""Group norm."""

import pytest
import torch
from samples import check
from torch import nn


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3), (5, 6, 2, 3)], ids=str)
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_channels_come_first(groups, shape):
    model = nn.Sequential(nn.GroupNorm(groups, 6), nn.Tanh(), nn.Flatten(), nn.LazyLinear(4))
    model(torch.zeros(shape))
    check(model, torch.randn(shape, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 4, by_hooks=True)
