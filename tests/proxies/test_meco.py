"""MeCo against a loop over pairs of channels."""

import math

import numpy as np
import pytest
from by_hand import value
from networks import convnet, images


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
