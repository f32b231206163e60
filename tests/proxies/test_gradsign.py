"""GradSign against a loop over samples in float64, and the sign of what is zero up to round-off."""

import copy
import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from by_hand import value
from hugging_face import built
from networks import convnet, images, mlp, zoo
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.probe import Probe
from zcbench.proxies.gradsign import sign_sums
from zcbench.types import Batch


def sample_gradients(model: nn.Module, inputs, labels) -> list[list[np.ndarray]]:
    """Gradients by sample and array, in float64, batch norm in train mode."""
    model = copy.deepcopy(model).double().train()
    found = []
    for x, y in zip(inputs.double(), labels, strict=True):
        loss = F.cross_entropy(model(x[None]), y[None])
        gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        pairs = zip(gradients, model.parameters(), strict=True)
        found.append([np.zeros(p.shape) if g is None else g.numpy() for g, p in pairs])
    return found


def row_tops(gradients: list[np.ndarray], at: int) -> list[float]:
    """The largest of every row; for a vector, of everything in it and in the arrays near it."""
    array = gradients[at]
    if array.size > max(array.shape, default=1):
        return [max(abs(x) for x in row.ravel()) for row in array]
    return [max(abs(x) for near in gradients[max(0, at - 4) : at + 5] for x in near.ravel())]


def by_loops(model: nn.Module, inputs, labels, zero: float) -> tuple[float, int]:
    """The score, entry by entry, and how many of its terms float32 may flip."""
    total, flips = 0.0, 0
    samples = sample_gradients(model, inputs, labels)
    for at, array in enumerate(samples[0]):
        sums = np.zeros(array.size)
        for gradients in samples:
            rows = row_tops(gradients, at)
            tops = np.repeat(rows, array.size // len(rows))
            for k, (x, top) in enumerate(zip(gradients[at].ravel(), tops, strict=True)):
                if abs(x) > zero * top:
                    sums[k] += 1 if x > 0 else -1
                flips += bool(abs(abs(x) - zero * top) < 2**-20 * top)
        total += abs(sums).sum()
    return total, flips


@pytest.mark.parametrize("zero", [0.0, 1e-4, 0.01])
@pytest.mark.parametrize("name", ["no batch norm", "module twice", "dead", "mlp"])
def test_equals_the_loop_over_samples(name, zero):
    model, inputs, labels = zoo()[name]
    found = value(f"gradsign:zero={zero}", model, inputs, labels)
    expected, flips = by_loops(model, inputs, labels, zero)
    # Exact zeros have sign 0 in either precision: none of them can flip.
    assert abs(found - expected) <= (0 if zero == 0 else 2 * flips)
    assert value(f"gradsign_mean:zero={zero}", model, inputs, labels) == found / sum(
        p.numel() for p in model.parameters()
    )


def test_equals_the_loop_with_batch_norm():
    space = zcbench.get_space("digits-201")
    torch.manual_seed(0)
    key = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    cell = space.build(space.parse(key)), *images(batch=6, channels=1, classes=10)
    for model, inputs, labels in ((convnet(), *images()), cell):
        found = value("gradsign", model, inputs, labels)
        expected, flips = by_loops(model, inputs, labels, 1e-4)
        assert flips < 0.002 * expected
        assert abs(found - expected) <= 2 * flips


@pytest.mark.parametrize("zero", [0, 1e-4])
def test_a_complex_parameter_is_two_real_ones(zero):
    class Filtered(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight, self.head = nn.Parameter(weight), nn.Linear(4, 3)

        def forward(self, x):
            weight = self.weight if self.weight.is_complex() else torch.view_as_complex(self.weight)
            return self.head(torch.fft.ifft(torch.fft.fft(x) * weight).real)

    inputs, labels, weight = torch.randn(5, 4), torch.randint(3, (5,)), torch.randn(2, 4, 2)[0]
    torch.manual_seed(0)
    complex_one = Filtered(torch.view_as_complex(weight))
    torch.manual_seed(0)
    real_one = Filtered(weight)
    found = value(f"gradsign:zero={zero}", complex_one, inputs, labels)
    assert found == value(f"gradsign:zero={zero}", real_one, inputs, labels) > 0


def test_one_sample_counts_its_gradients():
    model, x, y = mlp(), torch.randn(1, 4), torch.tensor([1])
    F.cross_entropy(model(x), y).backward()
    moved = sum(int((p.grad != 0).sum()) for p in model.parameters())
    assert value("gradsign:zero=0", model, x, y) == moved


def test_opposite_samples_cancel():
    model = nn.Linear(3, 1, bias=False)
    x = torch.randn(1, 3)
    inputs, targets = torch.cat([x, x]), torch.cat([model(x) + 1, model(x) - 1]).detach()
    assert value("gradsign", model, inputs, targets) == 0


# -- what is zero by construction ----------------------------------------------------------------


class Scale(nn.Module):
    """A factor per channel, written as an array that broadcasts."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.rand(1, channels, 1, 1) + 0.5)

    def forward(self, x):
        return x * self.factor


def with_head(*layers: nn.Module, width: int = 8) -> nn.Module:
    pooled = (nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 5))
    return nn.Sequential(*layers, *pooled)


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0)
    body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return nn.Sequential(nn.Flatten(2), nn.Linear(256, 16), body, nn.Flatten(), nn.Linear(48, 5))


CONSTRUCTED = {
    "bias before batch norm": (lambda: with_head(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)), ["0.bias"]),
    "bias before instance norm": (lambda: with_head(nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8)), ["0.bias"]),
    "bias before group norm": (lambda: with_head(nn.Conv2d(3, 8, 3), nn.GroupNorm(8, 8)), ["0.bias"]),
    "batch norm before batch norm": (
        lambda: with_head(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm2d(8)),
        ["0.bias", "1.bias"],
    ),
    "channel by channel before batch norm": (
        lambda: with_head(nn.Conv2d(3, 8, 3), Scale(8), nn.BatchNorm2d(8, eps=1e-12)),
        ["0.bias", "1.factor"],
    ),
    "keys of attention": (encoder, ["2.layers.0.self_attn.in_proj_bias"]),
}


@pytest.mark.parametrize("size", [16, 96])
@pytest.mark.parametrize("name", CONSTRUCTED)
def test_what_is_zero_by_construction_counts_as_zero(name, size):
    make, zeros = CONSTRUCTED[name]
    size = 16 if name.startswith("keys") else size
    torch.manual_seed(0)
    model, inputs, targets = make(), torch.randn(4, 3, size, size), torch.arange(4)
    plain = {}
    for zero in (0.0, 1e-4):
        with Probe(model, Batch(inputs, targets)) as probe:
            plain[zero] = {name: total.abs() for name, total in sign_sums(probe, zero).items()}
    for array in zeros:
        noise, counted = plain[0.0][array], plain[1e-4][array]
        if name.startswith("keys"):
            noise, counted = noise[16:32], counted[16:32]
            assert plain[1e-4][array][32:].sum() > 0
        assert noise.sum() > 0, "not what this test is about"
        assert counted.sum() == 0
    lost = sum(float((plain[0.0][n] - plain[1e-4][n]).sum()) for n in plain[0.0] if n not in zeros)
    assert abs(lost) < 0.02 * sum(float(total.sum()) for total in plain[0.0].values())


def test_gradients_that_vanish_with_depth_still_count():
    torch.manual_seed(0)
    widths = [48, *[32] * 12]
    layers = [x for a, b in itertools.pairwise(widths) for x in (nn.Linear(a, b), nn.Sigmoid())]
    model = nn.Sequential(nn.Flatten(), *layers, nn.Linear(32, 5))
    inputs, targets = torch.randn(8, 3, 4, 4), torch.arange(8) % 5
    first, last = model[1].weight, model[-1].weight
    ratio = [g.abs().max() for g in torch.autograd.grad(F.cross_entropy(model(inputs), targets), [first, last])]
    assert ratio[0] < 1e-8 * ratio[1]
    plain, found = (value(name, model, inputs, targets) for name in ("gradsign:zero=0", "gradsign"))
    assert found == pytest.approx(plain, rel=0.01)


@pytest.mark.parametrize("width", [1, 33])
@pytest.mark.parametrize("batch", [3, 64])
def test_arrays_whose_gradients_are_all_zero_count_as_zero(width, batch):
    class Cut(nn.Module):
        """A layer whose output is multiplied by zero, of either sign."""

        def __init__(self) -> None:
            super().__init__()
            self.dead, self.head = nn.Linear(4, width), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(x) + (self.dead(x) * x[:, :1].sign() * 0.0).sum(1, keepdim=True)

    torch.manual_seed(0)
    model, inputs, targets = Cut(), torch.randn(batch, 4), torch.arange(batch) % 3
    with Probe(model, Batch(inputs, targets)) as probe:
        sums = sign_sums(probe)
    assert not sums["dead.weight"].any()
    assert not sums["dead.bias"].any()
    expected, flips = by_loops(model, inputs, targets, 1e-4)
    assert abs(value("gradsign", model, inputs, targets) - expected) <= 2 * flips


def test_a_parameter_of_no_dimensions_counts():
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.gate = nn.Linear(4, 3), nn.Parameter(torch.tensor(0.5))

        def forward(self, x):
            return self.gate * self.head(x)

    model, inputs, targets = Gate(), torch.randn(6, 4), torch.arange(6) % 3
    expected, flips = by_loops(model, inputs, targets, 1e-4)
    assert abs(value("gradsign", model, inputs, targets) - expected) <= 2 * flips


@pytest.mark.parametrize("zero", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(zero):
    model, inputs, targets = mlp(), torch.randn(2, 4), torch.tensor([0, 1])
    refused = pytest.raises(InvalidInputError, match="at least 0 and less than 1")
    with Probe(model, Batch(inputs, targets)) as probe, refused:
        sign_sums(probe, zero)


def test_gradients_that_are_not_finite_are_no_score():
    model = mlp()
    with torch.no_grad():
        next(model.parameters()).fill_(torch.inf)
    result = zcbench.score(model, torch.randn(4, 4), torch.arange(4) % 2, ["gradsign"])["gradsign"]
    assert result.status == "non-finite"


# -- other processors ----------------------------------------------------------------------------


#: What makes PyTorch's libraries take the kernels of older processors; without effect on others than x86.
INSTRUCTION_SETS = {
    "native": {},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "SSE4": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
SCORES = """
import json, torch, zcbench
from zcbench.testing._zoo import specimens
torch.set_num_threads(1)
print(json.dumps({s.name: float(zcbench.score(s.make(), s.batch.inputs, s.batch.targets, ["gradsign"])["gradsign"])
                  for s in specimens()}))
"""


def test_the_score_is_the_same_under_every_instruction_set():
    found = {}
    for name, settings in INSTRUCTION_SETS.items():
        done = subprocess.run(
            [sys.executable, "-c", SCORES], env={**os.environ, **settings}, capture_output=True, check=True, text=True
        )
        found[name] = json.loads(done.stdout)
    for name, native in found["native"].items():
        for other in ("AVX2", "SSE4"):
            # A gradient that lies on the threshold to within round-off may flip: one or two of some thousands.
            assert abs(found[other][name] - native) <= 4, (name, other)


def tensor_tops(gradients, at):
    """The largest gradient in each row of an array; for a vector, in it and in the arrays near it."""
    gradient = gradients[at]
    if gradient.numel() > max(gradient.shape):
        return gradient.abs().flatten(1).amax(1).view(-1, *[1] * (gradient.dim() - 1))
    return max(other.abs().max() for other in gradients[max(0, at - 4) : at + 5])


@pytest.mark.parametrize("name", ["bert", "gpt2", "vit"])
def test_gradsign_of_hugging_face_models_is_the_loop_s(name):
    model, inputs, targets = built(name)
    found = value("gradsign", model, inputs, targets)
    model.double().eval()
    totals, flips = [torch.zeros_like(p, requires_grad=False) for p in model.parameters()], 0
    for i in range(6):
        logits = model(**{key: tensor[i : i + 1] for key, tensor in inputs.items()}).logits
        loss = F.cross_entropy(logits.flatten(0, -2), targets[i : i + 1].flatten())
        gradients = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        for at, gradient in enumerate(gradients):
            top = tensor_tops(gradients, at)
            totals[at] = totals[at] + gradient.sign() * (gradient.abs() > 1e-4 * top)
            # What float32 may take for more or less than the threshold.
            flips += int(((gradient.abs() - 1e-4 * top).abs() < 2**-20 * top).sum())
    expected = float(sum(total.abs().sum() for total in totals))
    assert flips < 1e-3 * expected
    assert abs(found - expected) <= 2 * flips
