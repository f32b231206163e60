"""Batch norm replaced, whether modules or functions call them."""

import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe.modes import BatchNormMode
from zcbench.probe.roles import operations
from zcbench.types import Batch


def test_batch_norm_function_is_replaced_too():
    x = torch.randn(4, 3, 5, 5)
    weight, bias = torch.rand(3), torch.rand(3)
    with BatchNormMode("off"):
        assert torch.equal(F.batch_norm(x, None, None, weight, bias, training=True), x)
    with BatchNormMode("per-sample"):
        found = F.batch_norm(x, torch.zeros(3), torch.ones(3), weight, bias, training=False)
    for sample, result in zip(x, found, strict=True):
        mean, std = sample.mean((1, 2)), (sample.var((1, 2), unbiased=False) + 1e-5).sqrt()
        expected = (sample - mean[:, None, None]) / std[:, None, None] * weight[:, None, None] + bias[:, None, None]
        torch.testing.assert_close(result, expected)


def test_single_values_have_no_statistics():
    with BatchNormMode("per-sample"), pytest.raises(UnsupportedModelError):
        nn.BatchNorm1d(3)(torch.randn(4, 3))


def test_one_value_of_each_channel_has_no_statistics():
    """Of one sample, which some proxies take alone."""
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    found = zcbench.score(network, torch.randn(1, 4), torch.tensor([1]), ["snip", "params"])
    assert found["params"].value == 4 * 3 + 3 + 6 + 8
    assert found["snip"].status == "unsupported"
    assert "a single value for each channel" in found["snip"].detail


def test_train_mode_on_large_maps_is_torchs():
    """The fast batch norm runs there; outputs, gradients and gradients of gradients are torch's, in float64."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Conv2d(16, 8, 3), nn.BatchNorm2d(8)]
    model = nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    x, y = torch.randn(32, 3, 24, 24), torch.arange(32) % 4
    buffers = [buffer.clone() for buffer in model.buffers()]
    with Probe(model, Batch(x, y)) as probe:
        assert "NativeBatchNormBackward0" not in operations(probe.outputs)
        scores = zcbench.score(model, x, y, ["grad_norm_all", "grasp"])
    assert all(map(torch.equal, model.buffers(), buffers))
    double = model.double().train()
    leaf = x.double().requires_grad_()
    parameters = list(model.parameters())
    first = torch.autograd.grad(F.cross_entropy(double(leaf), y), parameters, create_graph=True)
    weights = [p for p in parameters if p.dim() > 1]
    second = torch.autograd.grad(sum((g.detach() * g).sum() for g in first if g.dim() > 1), weights)
    expected = {
        "grad_norm_all": float(sum(g.detach().square().sum() for g in first).sqrt()),
        "grasp": -float(sum((w.detach() * h).sum() for w, h in zip(weights, second, strict=True))),
    }
    for name, value in expected.items():
        assert float(scores[name]) == pytest.approx(value, rel=1e-3)


def test_watching_operations_does_not_import_the_compiler():
    code = """
        import sys, torch, zcbench
        class Hand(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.matrix = torch.nn.Parameter(torch.ones(4, 3))
            def forward(self, x):
                return x @ self.matrix
        scores = zcbench.score(Hand(), torch.ones(2, 4), proxies=["flops", "l2_norm"])
        assert all(score.status == "ok" for score in scores.values()), scores
        assert "torch._dynamo" not in sys.modules
        class Branch(Hand):
            def forward(self, x):
                return torch.cond(x.sum() > 0, lambda x: x @ self.matrix, lambda x: x[:, :3] * 1, (x,))
        score = zcbench.score(Branch(), torch.ones(2, 4), proxies=["flops"])["flops"]
        assert (score.status, score.value) == ("ok", 24), score.detail
        assert "torch._dynamo" in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(4), nn.InstanceNorm2d(4), nn.GroupNorm(4, 4)])
def test_what_a_norm_returns_may_be_written_to(norm):
    """As dual path networks do: the norm that is off stands between two ReLUs, the second in place."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), norm, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 2))
    x = torch.randn(2, 3, 8, 8)
    with Probe(network, Batch(x)) as probe, probe.forward_pass("off"):
        before = network[1](network[0](x))
        kept = before.clone()
        assert torch.equal(network[3](network[2](before)), kept)
        torch.autograd.grad(probe.call(x).sum(), list(network[0].parameters()))
        network[2](before).zero_()
        assert torch.equal(before, kept)
