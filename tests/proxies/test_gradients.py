"""grad_norm, snip, plain, fisher and grasp against slow arithmetic."""

import math

import numpy as np
import pytest
import torch
from by_hand import layers, value
from networks import Twice, convnet, images, mlp
from torch import nn
from torch.nn import functional as F

from zcbench.testing._zoo import Encoder


def test_plain_and_grad_norm_all():
    model, (x, y) = convnet(batch_norm=False), images()
    loss = F.cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    by_parameter = dict(zip(model.parameters(), gradients, strict=True))
    expected = sum(
        w * g
        for m in layers(model)
        for w, g in zip(m.weight.flatten().tolist(), by_parameter[m.weight].flatten().tolist(), strict=True)
    )
    assert value("plain", model, x, y) == pytest.approx(expected, rel=1e-4)
    total = sum(g * g for gradient in gradients for g in gradient.flatten().tolist())
    assert value("grad_norm_all", model, x, y) == pytest.approx(math.sqrt(total), rel=1e-5)


def test_plain_of_layers_before_batch_norm_is_nothing():
    """The loss does not depend on their scale."""
    model, (x, y) = convnet().double(), images()
    x = x.double()
    loss = F.cross_entropy(model(x), y)
    (g,) = torch.autograd.grad(loss, model[8].weight)
    assert value("plain", model, x, y) == pytest.approx(float((g * model[8].weight.detach()).sum()), rel=1e-3)


@pytest.mark.parametrize("make", [convnet, lambda: convnet(inplace=True), Twice, mlp])
def test_fisher(make):
    """Per sample, per channel, from gradients of single samples' losses, with outputs captured by hand."""
    model = make()
    x, y = images() if make is not mlp else (torch.randn(8, 4), torch.arange(8) % 3)
    captured: list[tuple[nn.Module, torch.Tensor, torch.Tensor]] = []

    def hook(module, _, output):
        probe = torch.zeros_like(output, requires_grad=True)
        captured.append((module, output.detach().clone(), probe))
        return output + probe

    for module in layers(model):
        module.register_forward_hook(hook)
    losses = F.cross_entropy(model(x), y, reduction="sum")  # each sample's own loss; batch norm couples them
    gradients = torch.autograd.grad(losses, [probe for _, _, probe in captured])
    sums: dict[nn.Module, torch.Tensor] = {}
    for (module, a, _), g in zip(captured, gradients, strict=True):
        product = (a * g).flatten(2).sum(2) if a.dim() > 2 else a * g
        sums[module] = sums.get(module, 0) + product
    plain, weighted = 0.0, 0.0
    for module, product in sums.items():
        for channel in range(product.shape[1]):
            delta = 0.5 * np.mean([float(product[n, channel]) ** 2 for n in range(8)])
            plain += delta
            weighted += delta * module.weight[0].numel()
    assert value("fisher", make(), x, y) == pytest.approx(plain, rel=1e-3)
    assert value("fisher:per_weight=true", make(), x, y) == pytest.approx(weighted, rel=1e-3)


def test_grasp_is_a_difference_of_gradients():
    """H g by central differences of the gradient along g."""
    x, y = torch.randn(16, 4, dtype=torch.float64), torch.arange(16) % 3
    model = mlp().double()
    weights = [m.weight for m in layers(model)]

    def gradient():
        return torch.autograd.grad(F.cross_entropy(torch.tanh(model(x)), y), weights)

    class Squashed(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, z):
            return torch.tanh(self.inner(z))

    found = value("grasp", Squashed(), x, y)
    g, step = gradient(), 1e-5
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            for w, d in zip(weights, g, strict=True):
                w += sign * step * d
        ends.append(gradient())
        with torch.no_grad():
            for w, d in zip(weights, g, strict=True):
                w -= sign * step * d
    pairs = zip(weights, ends[0], ends[1], strict=True)
    expected = -sum(float((w.detach() * (a - b) / (2 * step)).sum()) for w, a, b in pairs)
    assert found == pytest.approx(expected, rel=1e-5)


class Gate(nn.Module):
    """Squeeze and excitation by a hard sigmoid, or by the clip that it is."""

    def __init__(self, gate):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.squeeze, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, 6), nn.Linear(6, 5)
        self.gate = gate

    def forward(self, x):
        maps = torch.tanh(self.body(x))
        gates = self.gate(self.squeeze(maps.mean((2, 3))))
        return self.head((maps * gates[..., None, None]).mean((2, 3)))


@pytest.mark.parametrize("gate", [nn.Hardsigmoid(), nn.Hardsigmoid(inplace=True), F.hardsigmoid])
def test_grasp_of_hard_sigmoids(gate):
    x, y = images()
    expected = value("grasp", Gate(lambda x: (x + 3).clamp(0, 6) / 6), x, y)
    assert expected != 0
    assert value("grasp", Gate(gate), x, y) == pytest.approx(expected, rel=1e-4)


def test_grasp_needs_second_derivatives_of_fused_layers():
    encoder = Encoder(fused=True)
    tokens, labels = torch.randint(1, 17, (4, 6)), torch.arange(4)
    assert math.isfinite(value("grasp", encoder, tokens, labels))
    model = nn.Sequential(nn.Embedding(7, 4), First(nn.LSTM(4, 5, batch_first=True)), nn.Linear(5, 7))
    words = torch.randint(7, (3, 4))
    assert math.isfinite(value("grasp", model, words, words))
    assert torch._C._get_mkldnn_enabled()


class First(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0]


def loss_gradients(model, inputs, labels):
    model.train()
    F.cross_entropy(model(inputs), labels).backward()
    return [(m.weight.detach(), m.weight.grad) for m in layers(model)]


def test_grad_norm_and_snip(cell_and_images):
    for model, inputs, labels in ((convnet(), *images()), cell_and_images):
        got = {name: value(name, model, inputs, labels) for name in ("grad_norm", "snip")}
        pairs = loss_gradients(model, inputs, labels)
        norms, products = 0.0, 0.0
        for weight, gradient in pairs:
            norms += float(np.sqrt((gradient.double().numpy() ** 2).sum()))
            for w, g in zip(weight.flatten().tolist(), gradient.flatten().tolist(), strict=True):
                products += abs(w * g)
        assert got["grad_norm"] == pytest.approx(norms, rel=1e-5)
        assert got["snip"] == pytest.approx(products, rel=1e-5)


def test_snip_is_the_gradient_of_a_mask():
    """The authors' own way: multiply every weight by a mask of ones and differentiate by the mask."""
    model, (inputs, labels) = convnet(), images()
    state = dict(model.named_parameters())
    masks = {f"{i}.weight": torch.ones_like(model[i].weight, requires_grad=True) for i in (0, 3, 8)}
    masked = {**state, **{name: state[name] * mask for name, mask in masks.items()}}
    loss = F.cross_entropy(torch.func.functional_call(model, masked, inputs), labels)
    expected = sum(g.abs().sum() for g in torch.autograd.grad(loss, list(masks.values())))
    assert value("snip", convnet(), inputs, labels) == pytest.approx(float(expected), rel=1e-5)


def test_snip_is_what_removing_a_weight_costs():
    """First order: the loss changes by w dL/dw times the fraction of the weight that is taken away."""
    model, x, labels = mlp().double(), torch.randn(16, 4).double(), torch.arange(16) % 3
    step, total = 1e-6, 0.0
    with torch.no_grad():
        for layer in (model[0], model[2]):
            for index in np.ndindex(*layer.weight.shape):
                kept = layer.weight[index].item()
                ends = []
                for sign in (1, -1):
                    layer.weight[index] = kept * (1 + sign * step)
                    ends.append(F.cross_entropy(model(x), labels).item())
                layer.weight[index] = kept
                total += abs(ends[0] - ends[1]) / (2 * step)
    assert value("snip", model, x, labels) == pytest.approx(total, rel=1e-6)
