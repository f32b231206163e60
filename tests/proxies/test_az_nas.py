"""AZ-NAS against loops over blocks, windows and positions."""

import itertools
import math

import numpy as np
import pytest
import torch
from by_hand import cell, digits, generator_of, value
from networks import images
from torch import nn


def features_by_hand(model, x):
    """What enters the first block and leaves each, for a cell network."""
    model.train()
    found = [model.stem(x)]
    for block in model.body:
        found.append(block(found[-1]))
    return found


def test_az_expressivity_and_progressivity():
    x, _ = digits()
    entropies = []
    for feature in features_by_hand(cell(), x):
        rows = feature.detach().permute(0, 2, 3, 1).reshape(-1, feature.shape[1]).double().numpy()
        eigenvalues = np.linalg.eigvals(np.cov(rows, rowvar=False, bias=True)).real
        shares = eigenvalues / eigenvalues.sum()
        entropies.append(-sum(p * math.log(max(p, 0) + 1e-8) for p in shares))
    assert value("az_expressivity", cell(), x) == pytest.approx(sum(entropies), rel=1e-4)
    steps = [b - a for a, b in itertools.pairwise(entropies)]
    assert value("az_progressivity", cell(), x) == pytest.approx(min(steps), rel=1e-3)


def test_az_trainability():
    """Block by block, from the last, with the same signs."""
    x, _ = digits()
    model, generator = cell(), generator_of("az_trainability", seed=0)
    features = features_by_hand(model, x)
    scores = []
    for i in reversed(range(1, len(features))):
        entered = features[i - 1].detach().requires_grad_()
        out = model.body[i - 1](entered)
        signs = torch.randint(0, 2, out.shape, generator=generator).to(out) * 2 - 1
        (pulled,) = torch.autograd.grad(out, entered, signs)
        b, c, h, w = out.shape
        stride = pulled.shape[2] // h
        matrix = np.zeros((pulled.shape[1] * stride**2, c))
        for n in range(b):
            for row in range(h):
                for column in range(w):
                    window = pulled[n, :, row * stride : (row + 1) * stride, column * stride : (column + 1) * stride]
                    matrix += np.outer(window.flatten().numpy(), signs[n, :, row, column].numpy())
        s = np.linalg.svd(matrix / (b * h * w))[1].max()
        scores.append(2 - s - 1 / (s + 1e-6))
    assert value("az_trainability", cell(), x) == pytest.approx(np.mean(scores), rel=1e-3)


def test_az_complexity_is_flops():
    x, _ = digits()
    assert value("az_complexity", cell(), x) == value("flops", cell(), x)


def test_a_block_that_overwrites_its_input_does_no_harm():
    class Block(nn.Module):
        def __init__(self, inplace):
            super().__init__()
            self.relu, self.conv = nn.ReLU(inplace=inplace), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x):
            return self.conv(self.relu(x))

    def make(inplace):
        torch.manual_seed(0)
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(*(Block(inplace) for _ in range(3))), *head)

    x, _ = images()
    for name in ("az_expressivity", "az_progressivity", "az_trainability", "meco"):
        if name != "meco":
            assert value(name, make(True), x) == value(name, make(False), x)
