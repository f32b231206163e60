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


def normed(norm, padding=0):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 8, 3, padding=padding)
    head = nn.Linear(8, 5)
    return nn.Sequential(conv, norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


SYNFLOWS = ["synflow", "synflow_log", "logsynflow", "logsynflow_emq"]


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(8),
        nn.InstanceNorm2d(8),
        nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
        nn.GroupNorm(8, 8),
    ],
    ids=["batch", "instance", "tracking", "group"],
)
def test_norms_of_single_channels_are_taken_out(norm, padding):
    x = torch.randn(4, 3, 8, 8)
    found = zcbench.score(normed(norm, padding), x, None, SYNFLOWS)
    expected = zcbench.score(normed(nn.Identity(), padding), x, None, SYNFLOWS)
    assert {name: score.value for name, score in found.items()} == {
        name: score.value for name, score in expected.items()
    }
    assert found["synflow"].value > 1


@pytest.mark.parametrize("groups", [1, 2])
def test_norms_over_several_channels_stay(groups):
    """Slow and obvious: central differences of the same network with positive weights."""
    network = normed(nn.GroupNorm(groups, 8))
    found = zcbench.score(network, torch.randn(4, 3, 8, 8), None, ["synflow"])["synflow"].value
    positive = network.double()
    with torch.no_grad():
        for parameter in positive.parameters():
            parameter.abs_()

    def flow():
        with torch.no_grad():
            return float(positive(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum())

    total = 0.0
    for weight in (positive[0].weight.detach(), positive[-1].weight.detach()):
        flat = weight.view(-1)
        for i in range(len(flat)):
            before, step = float(flat[i]), 1e-5
            flat[i] = before + step
            above = flow()
            flat[i] = before - step
            below = flow()
            flat[i] = before
            total += abs(before * (above - below) / (2 * step))
    assert found == pytest.approx(total, rel=1e-4)


class WrittenOut(nn.Module):
    """Instance norm without torch's functions."""

    def forward(self, x):
        centred = x - x.mean((2, 3), keepdim=True)
        return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()


class Standardised(nn.Module):
    """A layer norm over positions."""

    def forward(self, x):
        return nn.functional.layer_norm(x, x.shape[2:])


@pytest.mark.parametrize("norm", [WrittenOut(), Standardised()], ids=["by hand", "layer norm"])
@pytest.mark.parametrize("size", [8, 31, 32])
def test_round_off_is_no_flow(norm, size):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3), norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)
    )
    found = zcbench.score(network, torch.randn(4, 3, size, size), None, SYNFLOWS[:3])
    assert (found["synflow"].value, found["logsynflow"].value) == (0, 0)
    assert found["synflow_log"].status == "non-finite"


class Noisy(nn.Module):
    """What round-off is on some processors: a flow that has nothing to do with the input."""

    def forward(self, x):
        return x * 0 + torch.frac(x.detach() * 1e6) * 1e-13 * x


def test_round_off_of_other_processors_is_no_flow():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4, bias=False), Noisy(), nn.Linear(4, 4, bias=False))
    found = zcbench.score(network, torch.randn(4, 4), None, ["synflow"])["synflow"]
    assert found.value == 0
    assert "norms map constant inputs to zero" in found.detail


def test_a_faint_flow_is_a_score():
    """Small weights alone are no round-off."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4, bias=False), nn.LayerNorm(4), nn.Linear(4, 4, bias=False))
    with torch.no_grad():
        network[2].weight.mul_(1e-12)
    found = zcbench.score(network, torch.randn(4, 4), None, ["synflow"])["synflow"]
    assert 0 < found.value < 1e-9
