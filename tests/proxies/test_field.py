"""plain, fisher, grasp, log-synflows, epe_nas, swap, linear regions, zico, zen, MeCo, AZ-NAS by slow arithmetic."""

import itertools
import math

import numpy as np
import pytest
import torch
from networks import Dead, Twice, convnet, images, mlp
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench._watchers import blocks_of
from zcbench.probe import Probe
from zcbench.testing._zoo import Encoder, Residual
from zcbench.types import Batch


def value(name: str, model: nn.Module, inputs, targets=None, **options) -> float:
    (result,) = zcbench.score(model, inputs, targets, [name], **options).values()
    assert result.status == "ok", result.detail
    return float(result)


def layers(model: nn.Module) -> list[nn.Module]:
    return [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def cell():
    """A NAS-Bench-201 network, small enough for loops."""
    space = zcbench.get_space("digits-201")
    torch.manual_seed(0)
    key = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    return space.build(space.parse(key))


def digits(batch: int = 8):
    return images(batch=batch, channels=1, classes=10)


# -- gradients ---------------------------------------------------------------------------------


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


# -- synaptic flow -----------------------------------------------------------------------------


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


# -- Jacobians ---------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [100, 3])
def test_epe_nas(many):
    model, (x, _) = convnet(), images(batch=10)
    y = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 0, 4])  # class 4 once, class 3 never
    leaf = x.clone().requires_grad_()
    model(leaf).sum().backward()
    rows = leaf.grad.flatten(1).double().numpy()
    scores = []
    for label in (0, 1, 2, 4):
        members = [rows[i] for i in range(10) if y[i] == label]
        terms = [math.log(abs(_correlation(a, b)) + 1e-5) for a in members for b in members]
        scores.append(sum(terms) if many == 100 else sum(terms) / len(terms))
    if many == 100:
        expected = sum(abs(s) for s in scores)
    else:
        expected = sum(abs(a - b) for a in scores for b in scores) / len(scores)
    assert value(f"epe_nas:many={many}", convnet(), x, y) == pytest.approx(expected, rel=1e-3)


def _correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / math.sqrt((a @ a) * (b @ b)))


def test_jacobian_cosine():
    model, (x, _) = convnet(), images()
    leaf = x.clone().requires_grad_()
    model(leaf).sum().backward()
    rows = leaf.grad.flatten(1).double().numpy()
    total = 0.0
    for i, j in itertools.permutations(range(8), 2):
        cos = rows[i] @ rows[j] / math.sqrt((rows[i] @ rows[i]) * (rows[j] @ rows[j]))
        total += abs(cos) ** (1 / 20)
    assert value("jacobian_cosine", convnet(), x) == pytest.approx(1 - total / 56, rel=1e-4)


# -- codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [5, 8, 64, 70])
def test_swap_and_linear_regions(batch):
    for model, x in ((convnet(inplace=True), images(batch=batch)[0]), (cell(), digits(batch)[0])):
        codes = []
        for module in model.modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_pre_hook(lambda _, args, codes=codes: codes.append(args[0].flatten(1) > 0))
        model.train()
        model(x)
        table = torch.cat(codes, 1)
        for module in model.modules():
            module._forward_pre_hooks.clear()
        assert value("swap", model, x) == len({tuple(column) for column in table.T.tolist()})
        assert value("linear_regions", model, x) == len({tuple(row) for row in table.tolist()})


def test_reg_swap():
    model, (x, _) = convnet(), images()
    thousands = value("params", model, x) / 1000
    factor = math.exp(-((thousands - 2.0) ** 2) / 3.0)
    assert value("reg_swap:mu=2:sigma=3", model, x) == pytest.approx(value("swap", model, x) * factor)


def test_linear_regions_of_equal_samples():
    assert value("linear_regions", convnet(), images(batch=1)[0].expand(4, -1, -1, -1)) == 1


# -- zico --------------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("parts", [2, 4])
def test_zico(parts, signed):
    model, (x, y) = convnet(batch_norm=False), images()
    found = [
        torch.autograd.grad(F.cross_entropy(model(a), b), [m.weight for m in layers(model)])
        for a, b in zip(x.chunk(parts), y.chunk(parts), strict=True)
    ]
    expected = 0.0
    for gradients in zip(*found, strict=True):
        total = 0.0
        for entries in zip(*(g.flatten().tolist() for g in gradients), strict=True):
            absolute = [abs(e) for e in entries]
            deviation = np.std(entries if signed else absolute)
            if deviation != 0:
                total += np.mean(absolute) / deviation
        if total:
            expected += math.log(total)
    name = f"zico:batches={parts}:signed={signed}"
    (found_value,) = zcbench.score(model, x, y, [name]).values()
    assert float(found_value) == pytest.approx(expected, rel=1e-3)


def test_zico_of_equal_batches_and_of_small_ones():
    x, y = images()
    assert value("zico", convnet(), torch.cat([x[:4], x[:4]]), torch.cat([y[:4], y[:4]])) == 0
    small = zcbench.score(convnet(), x[:3], y[:3], ["zico"])["zico"]
    assert (small.status, "at least two" in small.detail) == ("unsupported", True)


# -- zen ---------------------------------------------------------------------------------------


def test_zen_by_hand():
    """The same draws, the network written out."""
    x, _ = images()
    generator = _generator_of("zen", seed=3)
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


def _generator_of(name, seed):
    with Probe(mlp(), Batch(torch.ones(1, 4)), seed=seed) as probe:
        return probe.generator(name)


def test_zen_looks_before_global_pooling():
    for pool in (nn.AdaptiveAvgPool2d(1), _Mean()):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), pool, nn.Flatten(), nn.Linear(4, 5))
        headless = nn.Sequential(model[0], model[1], nn.Flatten(), nn.Linear(4 * 36, 5, bias=False))
        x = images()[0]
        assert value("zen", model, x) != value("params", model, x)
        with Probe(model, Batch(x)) as probe:
            from zcbench.proxies.zen import _features

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


# -- MeCo --------------------------------------------------------------------------------------


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


# -- AZ-NAS ------------------------------------------------------------------------------------


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
    model, generator = cell(), _generator_of("az_trainability", seed=0)
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


def test_blocks():
    net = cell()
    assert blocks_of(net) == list(net.body)
    nested = nn.Sequential(nn.Sequential(Residual(), Residual()), Residual())
    assert len(blocks_of(nested)) == 3
    assert blocks_of(convnet()) == []  # layers then
    chain = value("az_expressivity", convnet(), images()[0])
    assert chain > 0
    dead = zcbench.score(Dead(), images()[0], proxies=["az_*"])
    assert {dead[name].status for name in ("az_expressivity", "az_trainability")} == {"unsupported"}


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
