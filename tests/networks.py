"""Small networks and batches that many tests share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def images(batch: int = 8, channels: int = 3, size: int = 8, classes: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random images and labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(batch, channels, size, size, generator=generator)
    return inputs, torch.randint(classes, (batch,), generator=generator)


def convnet(*, inplace: bool = False, batch_norm: bool = True, classes: int = 5, seed: int = 0) -> nn.Sequential:
    """Two convolutions, ReLU, a classifier."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for c_in, c_out in ((3, 6), (6, 4)):
        layers.append(nn.Conv2d(c_in, c_out, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(c_out))
        layers.append(nn.ReLU(inplace=inplace))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, classes))
