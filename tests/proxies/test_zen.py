"""zen against the network written out, with the same draws."""

import math

import numpy as np
import pytest
import torch
from by_hand import generator_of, value
from networks import convnet, images, mlp
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.probe import Probe
from zcbench.proxies.zen import _features
from zcbench.types import Batch


def test_zen_by_hand():
    """The same draws, the network written out."""
    x, _ = images()
    generator = generator_of("zen", seed=3)
    model = convnet()
    drawn = {}
    for name, p in model.named_parameters():
        if name in ("0.weight", "3.weight", "8.weight"):
            drawn[name] = torch.randn(p.shape, generator=generator).double()
    first = torch.randn(x.shape, generator=generator).double()
    second = first + 0.01 * torch.randn(x.shape, generator=generator).double()

    def features(z):
        variances = []
        for name in ("0.weight", "3.weight"):
            z = F.conv2d(z, drawn[name], padding=1)
            mean, variance = z.mean((0, 2, 3), keepdim=True), z.var((0, 2, 3), correction=0, keepdim=True)
            variances.append(float(variance.mean()))
            z = ((z - mean) / (variance + 1e-5).sqrt()).clamp(min=0)
        return z, variances

    a, variances = features(first)
    b, _ = features(second)
    # The network pools to 2 x 2 and flattens that: what is flattened are the features.
    a, b = (F.adaptive_avg_pool2d(z, 2) for z in (a, b))
    change = np.mean([float((a[i] - b[i]).abs().sum()) for i in range(8)])
    expected = math.log(change) + sum(0.5 * math.log(v) for v in variances)
    assert value("zen", model, x, seed=3) == pytest.approx(expected, rel=1e-4)


def test_zen_looks_before_global_pooling():
    for pool in (nn.AdaptiveAvgPool2d(1), _Mean()):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), pool, nn.Flatten(), nn.Linear(4, 5))
        headless = nn.Sequential(model[0], model[1], nn.Flatten(), nn.Linear(4 * 36, 5, bias=False))
        x = images()[0]
        assert value("zen", model, x) != value("params", model, x)
        with Probe(model, Batch(x)) as probe:
            assert _features(probe, x)[0].shape == (8, 4, 6, 6)
        with Probe(headless, Batch(x)) as probe:
            assert _features(probe, x)[0].shape == (8, 4, 6, 6)
    none = zcbench.score(mlp(), torch.randn(8, 4), proxies=["zen"])["zen"]
    assert (none.status, "pooled or flattened" in none.detail) == ("unsupported", True)


class _Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3), keepdim=True)


def test_zen_repeats_are_draws_of_their_own():
    result = zcbench.score(convnet(), images()[0], proxies=["zen:repeats=4"])["zen:repeats=4"]
    assert result.repeats == 4
    assert result.spread > 0


@pytest.mark.parametrize("running", [True, False])
def test_variances_are_those_of_what_enters_batch_norm(running):
    """Large maps, where the variance comes out of batch norm itself, and small ones."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(8)]
    layers += [nn.Conv2d(16, 8, 3, padding=1), nn.BatchNorm2d(8, affine=False), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model, x = nn.Sequential(*layers), torch.randn(8, 3, 32, 32)
    with Probe(model, Batch(x)) as probe:
        features, variances = _features(probe, x)
    z, expected = x, []
    with torch.no_grad():
        for layer in model.train()[:-2]:
            if isinstance(layer, nn.BatchNorm2d):
                expected.append(float(z.double().var((0, 2, 3), correction=0).mean()))
            z = layer(z)
    assert variances == pytest.approx(expected, rel=1e-6)
    assert float((features - z).abs().max()) < 1e-5
    assert zcbench.score(model, x, proxies=[f"zen:running={running}"]).popitem()[1].status == "ok"
