"""Convolutions."""

import pytest
import torch
from networks import images
from samples import check
from torch import nn


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(3, 4, (3, 1), stride=2, padding=(2, 0), bias=False),
        nn.Conv2d(3, 6, 3, padding=2, dilation=2, groups=3),
        nn.Conv2d(3, 4, 4, padding="same"),
        nn.Conv2d(3, 4, 3, padding="valid", dilation=2),
        nn.GroupNorm(3, 3),
        nn.LayerNorm([3, 8, 8]),
        nn.Linear(8, 5, bias=False),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_layers_on_images(layer):
    inputs, labels = images()
    model = nn.Sequential(nn.BatchNorm2d(3), layer, nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(5))
    model(inputs)
    check(model, inputs, labels, by_hooks=True)


@pytest.mark.parametrize("layer", [nn.Conv1d(3, 4, 3, padding=1), nn.BatchNorm1d(3), nn.GroupNorm(1, 3)], ids=str)
def test_layers_on_sequences(layer):
    inputs, labels = torch.randn(6, 3, 7), torch.randint(2, (6,))
    model = nn.Sequential(layer, nn.Tanh(), nn.Flatten(), nn.LazyLinear(2))
    model(inputs)
    check(model, inputs, labels, by_hooks=True)


def test_conv3d():
    inputs, labels = torch.randn(3, 2, 4, 5, 6), torch.randint(2, (3,))
    model = nn.Sequential(nn.Conv3d(2, 3, (3, 2, 1), stride=(1, 2, 2), padding=1), nn.Flatten(), nn.LazyLinear(2))
    model(inputs)
    check(model, inputs, labels, by_hooks=True)


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_padding_modes(mode):
    layer = nn.Conv2d(3, 4, 3, padding=(1, 2), padding_mode=mode)
    check(nn.Sequential(layer, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)), *images(), by_hooks=True)
