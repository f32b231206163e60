"""Synaptic flow and its logarithms against sums over paths, differences and closed forms."""

import math

import numpy as np
import pytest
import torch
from by_hand import layers, value
from networks import convnet, images
from torch import nn

import zcbench


def test_three_log_synflows():
    """One hidden layer: every gradient is a sum over paths that can be written down."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False))
    a, b = (model[i].weight.detach().double().abs().numpy() for i in (0, 2))
    pairs = [(a[j, i], sum(b[k, j] for k in range(2))) for j in range(4) for i in range(3)]
    pairs += [(b[k, j], sum(a[j, i] for i in range(3))) for k in range(2) for j in range(4)]
    x = torch.randn(5, 3)
    assert value("synflow", model, x) == pytest.approx(sum(w * g for w, g in pairs), rel=1e-12)
    assert value("synflow_log", model, x) == pytest.approx(math.log(sum(w * g for w, g in pairs)), rel=1e-12)
    assert value("logsynflow", model, x) == pytest.approx(sum(w * math.log(1 + g) for w, g in pairs), rel=1e-12)
    assert value("logsynflow_emq", model, x) == pytest.approx(sum(w * abs(math.log(g)) for w, g in pairs), rel=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_a_flow_beyond_all_numbers(bias):
    """The flow of a deep network of constant weights is known in closed form."""
    depth, width, weight = 220, 64, 3.0
    deep = nn.Sequential(*(nn.Linear(width, width, bias=bias) for _ in range(depth)))
    for layer in deep:
        nn.init.constant_(layer.weight, weight)
        if bias:
            nn.init.constant_(layer.bias, 1.0)
    # Activations after l layers: a <- 192 a + 1; each layer's sum of w dR/dw is what passes through its weights.
    exact, activation = 0, 1
    for layer in range(depth):
        exact += width * 192 * activation * 192 ** (depth - 1 - layer)
        activation = 192 * activation + (1 if bias else 0)
    found = zcbench.score(deep, torch.randn(2, width), proxies=["synflow", "synflow_log", "logsynflow"])
    assert found["synflow"].status == "non-finite"
    assert float(found["synflow_log"]) == pytest.approx(math.log(exact), rel=1e-9)
    logs = sum(
        width * width * weight * ((depth - 1 - layer) * math.log(192) + math.log(_activation(layer, bias)))
        for layer in range(depth)
    )
    assert float(found["logsynflow"]) == pytest.approx(logs, rel=1e-6)


def _activation(layer: int, bias: bool) -> int:
    a = 1
    for _ in range(layer):
        a = 192 * a + (1 if bias else 0)
    return a


def test_a_flow_that_is_not_homogeneous_and_overflows_has_no_logarithm():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(200))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x) + 1  # a bias that is no parameter
            return x

    model = Odd()
    for layer in model.layers:
        nn.init.constant_(layer.weight, 3.0)
    assert zcbench.score(model, torch.randn(2, 64), proxies=["synflow_log"])["synflow_log"].status == "non-finite"


def test_synflow_sums_all_paths():
    """Without biases, R is the sum over all paths of the product of |w|, and each layer's sum of w dR/dw is R."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False))
    a, b = (model[i].weight.detach().double().abs().numpy() for i in (0, 2))
    paths = sum(a[j, i] * b[k, j] for i in range(3) for j in range(4) for k in range(2))
    assert value("synflow", model, torch.randn(5, 3)) == pytest.approx(2 * paths, rel=1e-12)


def test_synflow_by_central_differences():
    """On a convolutional network with biases and batch norm, which counts as absent."""
    model, (inputs, labels) = convnet(), images(size=4)
    bare = nn.Sequential(*(m for m in convnet() if not isinstance(m, nn.BatchNorm2d))).double()
    ones = torch.ones(1, 3, 4, 4, dtype=torch.float64)
    expected = 0.0
    with torch.no_grad():
        for parameter in bare.parameters():
            parameter.abs_()
        for layer in layers(bare):
            for index in np.ndindex(*layer.weight.shape):
                w = layer.weight[index].item()
                ends = []
                for sign in (1, -1):
                    layer.weight[index] = w + sign * 1e-3
                    ends.append(bare(ones).sum().item())
                layer.weight[index] = w
                expected += abs(w * (ends[0] - ends[1]) / 2e-3)  # R is linear in each single weight
    found = value("synflow", model, inputs, labels)
    assert found == pytest.approx(expected, rel=1e-8)


def test_synflow_ignores_data_and_batch_norm(cell_and_images):
    model, inputs, labels = cell_and_images
    first = value("synflow", model, inputs, labels)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 2, 3)
            module.running_var.fill_(7.0)
    assert value("synflow", model, 100 * torch.randn_like(inputs)) == first


def test_synflow_does_not_overflow():
    deep = nn.Sequential(*(nn.Linear(256, 256) for _ in range(40)))
    for layer in deep:
        nn.init.constant_(layer.weight, 3.0)
    assert value("synflow", deep, torch.randn(1, 256)) > 1e100
