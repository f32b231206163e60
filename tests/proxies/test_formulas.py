"""Every proxy against slow, obvious arithmetic written from its definition."""

import math

import numpy as np
import pytest
import torch
from networks import Dead, Twice, convnet, images, mlp
from torch import nn
from torch.nn import functional as F

import zcbench


def value(name: str, model: nn.Module, inputs, targets=None, **options) -> float:
    result = zcbench.score(model, inputs, targets, [name], **options)[name]
    assert result.status == "ok", result.detail
    return float(result)


def layers(model: nn.Module) -> list[nn.Module]:
    return [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


@pytest.fixture
def cell():
    """A NAS-Bench-201 network, small enough for loops."""
    space = zcbench.get_space("digits-201")
    torch.manual_seed(0)
    key = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    return space.build(space.parse(key)), *images(batch=6, channels=1, classes=10)


# -- gradients ---------------------------------------------------------------------------------


def loss_gradients(model, inputs, labels):
    model.train()
    F.cross_entropy(model(inputs), labels).backward()
    return [(m.weight.detach(), m.weight.grad) for m in layers(model)]


def test_grad_norm_and_snip(cell):
    for model, inputs, labels in ((convnet(), *images()), cell):
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


# -- synflow -----------------------------------------------------------------------------------


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


def test_synflow_ignores_data_and_batch_norm(cell):
    model, inputs, labels = cell
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


# -- jacov -------------------------------------------------------------------------------------


def jacov_by_loops(model: nn.Module, inputs: torch.Tensor) -> float:
    """The paper's score with numpy's correlation and a general eigenvalue solver."""
    model.train()
    x = inputs.clone().requires_grad_()
    model(x).backward(torch.ones(len(x), model(x).shape[1]))
    rows = x.grad.flatten(1).double().numpy()
    n = len(rows)
    correlation = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            a, b = rows[i] - rows[i].mean(), rows[j] - rows[j].mean()
            correlation[i, j] = (a @ b) / math.sqrt((a @ a) * (b @ b))
    eigenvalues = np.linalg.eigvals(correlation).real
    return -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in eigenvalues)


def test_jacov(cell):
    for model, inputs in ((convnet(), images()[0]), cell[:2]):
        assert value("jacov", model, inputs) == pytest.approx(jacov_by_loops(model, inputs), rel=1e-4)


def test_jacov_at_its_ends():
    best = value("jacov", Diagonal(), torch.ones(6, 60))
    assert best == pytest.approx(-6, abs=0.1)  # the correlation is nearly the identity: six times 0 + 1
    same = zcbench.score(nn.Linear(6, 2), torch.randn(6, 6), proxies=["jacov"])["jacov"]
    assert float(same) == pytest.approx(-5e5, rel=0.02)  # equal rows: five eigenvalues are zero


class Diagonal(nn.Module):
    """Output i depends on feature i of sample i alone: its input gradient is a unit vector."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.eye(*x.shape)


def test_jacov_needs_two_samples_and_gradients():
    one = zcbench.score(convnet(), images(batch=1)[0], proxies=["jacov"])["jacov"]
    assert (one.status, one.value) == ("unsupported", None)
    dead = zcbench.score(Dead(), images()[0], proxies=["jacov"])["jacov"]
    assert (dead.status, dead.value) == ("non-finite", None)


# -- naswot ------------------------------------------------------------------------------------


def naswot_by_loops(codes: list[list[list[bool]]]) -> float:
    batch = len(codes[0])
    kernel = np.zeros((batch, batch))
    for code in codes:
        for i in range(batch):
            for j in range(batch):
                kernel[i, j] += sum(a == b for a, b in zip(code[i], code[j], strict=True))
    return math.log(abs(np.linalg.det(kernel)))


def hooked_codes(model: nn.Module, inputs: torch.Tensor) -> list[list[list[bool]]]:
    codes = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(lambda _, args: codes.append((args[0].flatten(1) > 0).tolist()))
    model.train()
    model(inputs)
    return codes


def test_naswot(cell):
    for model, inputs in ((convnet(), images()[0]), (convnet(inplace=True), images()[0]), cell[:2]):
        found = value("naswot", model, inputs)
        assert found == pytest.approx(naswot_by_loops(hooked_codes(model, inputs)), rel=1e-9)


def test_naswot_of_equal_samples_is_singular():
    inputs = images(batch=1)[0].expand(4, -1, -1, -1)
    result = zcbench.score(convnet(), inputs, proxies=["naswot"])["naswot"]
    assert result.status == "non-finite"


# -- random ------------------------------------------------------------------------------------


def test_random_depends_on_the_seed_alone():
    draws = [value("random", m, images()[0], seed=s) for m, s in ((convnet(), 0), (Twice(), 0), (convnet(), 1))]
    assert draws[0] == draws[1] != draws[2]
    assert all(0 <= draw < 1 for draw in draws)


# -- a network of the benchmark -----------------------------------------------------------------


def test_nasbench201_network_of_five_convolutions():
    """Independent implementations give 1,288,506 parameters and, on random images, a naswot near 822.8."""
    space = zcbench.get_space("nasbench201")
    torch.manual_seed(0)
    network = space.build(
        space.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|")
    )
    result = zcbench.score(network, torch.randn(64, 3, 32, 32), proxies=["params", "naswot", "num_layers"])
    assert float(result["params"]) == 1_288_506
    assert float(result["naswot"]) == pytest.approx(822.8, abs=3)
    assert float(result["num_layers"]) == 83
