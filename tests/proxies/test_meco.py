"""MeCo against a loop over pairs of channels."""

import math

import numpy as np
import pytest
import torch
from by_hand import value
from networks import convnet, images
from torch import nn

from zcbench.proxies import _spectra, meco


def test_meco():
    model, (x, _) = convnet(), images()
    maps = []
    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _, __, out: maps.append(out[0].detach()) if out.dim() == 4 else None)
    model.train()
    model(x)
    expected = 0.0
    for channels in (m.flatten(1).double().numpy() for m in maps):
        n = len(channels)
        matrix = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                a, b = channels[i] - channels[i].mean(), channels[j] - channels[j].mean()
                norm = math.sqrt((a @ a) * (b @ b))
                matrix[i, j] = a @ b / norm if norm > 0 else 0.0
        expected += np.linalg.eigvals(matrix).real.min()
    assert value("meco", convnet(), x) == pytest.approx(expected, abs=1e-5)


def chain(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(layers[-1].out_channels, 5))


def test_layers_with_as_many_channels_as_positions_count_zero():
    """To the bit: centred channels span one dimension less than there are positions."""
    x, _ = images()  # 8 x 8
    wide = chain(nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 64, 3, padding=1), nn.Conv2d(64, 70, 3, padding=1))
    narrow = chain(nn.Conv2d(3, 5, 3, padding=1))
    narrow[0].load_state_dict(wide[0].state_dict())
    assert value("meco", wide, x) == value("meco", narrow, x) > 0
    for channels in (63, 64):
        layers = (nn.Conv2d(3, channels, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * channels, 5))
        found = value("meco", nn.Sequential(*layers), x)
        assert found > 1e-9 if channels == 63 else found == 0


def test_maps_of_one_shape_are_taken_together(monkeypatch):
    """In any portions, with constant channels among them, the sum is that of one map after the other."""
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(shape, generator=generator) for shape in [(4, 30), (6, 30), (4, 30), (1, 9), (4, 30), (6, 31)]]
    maps[2][1] = 3.0

    class Probe:
        sample_maps = maps

    def smallest(rows):
        matrix = np.corrcoef(rows)
        return 1.0 if matrix.ndim == 0 else np.linalg.eigvalsh(np.nan_to_num(matrix))[0]

    with np.errstate(divide="ignore", invalid="ignore"):
        expected = sum(smallest(m.double().numpy()) for m in maps)
    for together in (1, 250, 2**24):
        monkeypatch.setattr(_spectra, "_TOGETHER", together)
        assert meco.meco(Probe) == pytest.approx(expected, rel=1e-9)
    maps[-1][0, 0] = math.inf
    assert math.isnan(meco.meco(Probe))
