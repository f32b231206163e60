"""Where does round-off end and do gradients begin? The figures behind the threshold of ``gradsign`` (docs/method.md).

    python benchmarks/round_off.py          # half a minute

For some networks, gradients of one sample in float32 and float64, relative to the gradients that ``gradsign`` compares
them with:

- *round-off*: the largest float32 gradient whose float64 value is zero;
- *smallest*: the smallest of the largest gradients of a vector that is not zero;
- *below*: share of all nonzero gradients below the threshold.

Then the scores of every network of the contract's zoo under three instruction sets (x86 only), without the threshold
and with it.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench._torchvision import torchvision_importable
from zcbench.proxies.gradsign import NEAR, ZERO, is_vector

INSTRUCTION_SETS = {
    "native": {},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "SSE4": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}

SCORES = """
import json, torch, zcbench
from zcbench.testing._zoo import specimens
torch.set_num_threads(1)
names = ["gradsign:zero=0.0", "gradsign"]
print(json.dumps({s.name: [float(x) for x in zcbench.score(s.make(), s.batch.inputs, s.batch.targets, names).values()]
                  for s in specimens()}))
"""


def convolutions(depth: int, *, norm: type[nn.Module] | None = nn.BatchNorm2d, width: int = 32) -> nn.Module:
    """Return convolutions with biases, each before a norm."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers.append(nn.Conv2d(3 if i == 0 else width, width, 3, padding=1, stride=2 if i in (1, 6, 12) else 1))
        layers += [norm(width), nn.ReLU()] if norm else [nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 4))


def networks() -> Iterator[tuple[str, nn.Module, dict[str, Tensor] | Tensor, Tensor]]:
    """Yield networks with gradients that are zero by construction, and two without."""
    label = torch.tensor([1])
    for size in (32, 224):
        image = torch.randn(1, 3, size, size)
        yield f"2 convolutions, batch norm, {size} pixels", convolutions(2), image, label
        yield f"20 convolutions, batch norm, {size} pixels", convolutions(20), image, label
        yield f"2 convolutions, instance norm, {size} pixels", convolutions(2, norm=nn.InstanceNorm2d), image, label
    yield "16 convolutions, no norm, 32 pixels", convolutions(16, norm=None), torch.randn(1, 3, 32, 32), label
    sigmoids = [layer for _ in range(12) for layer in (nn.Linear(64, 64), nn.Sigmoid())]
    yield "12 layers of sigmoids", nn.Sequential(*sigmoids, nn.Linear(64, 4)), torch.randn(1, 64), label
    with torchvision_importable():
        from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

    words = torch.randint(200, (1, 64))
    bert = BertForSequenceClassification(BertConfig(vocab_size=200, num_hidden_layers=6))
    yield "BERT, 6 layers of 768", bert, {"input_ids": words}, label
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=200, n_layer=6, bos_token_id=0, eos_token_id=0))
    yield "GPT-2, 6 layers of 768", gpt2, {"input_ids": words}, words
    vocabulary = nn.Sequential(nn.Embedding(50_000, 64), nn.LayerNorm(64), nn.Linear(64, 50_000))
    yield "language model of 50,000 words", vocabulary, words[:, :8], words[:, 1:9]


def gradients(model: nn.Module, inputs: dict[str, Tensor] | Tensor, targets: Tensor) -> list[Tensor]:
    """Return gradients of one sample's loss, in float64, by parameter."""
    outputs: Any = model(**inputs) if isinstance(inputs, dict) else model(inputs)
    logits = getattr(outputs, "logits", outputs)
    loss = F.cross_entropy(logits.flatten(0, -2), targets.flatten())
    return [g.double() for g in torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)]


def measure(model: nn.Module, inputs: dict[str, Tensor] | Tensor, targets: Tensor) -> tuple[float, float, float]:
    """Return round-off, smallest, below; see the module."""
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
    single = gradients(model, inputs, targets)
    wide = inputs.double() if isinstance(inputs, Tensor) and inputs.is_floating_point() else inputs
    double = gradients(copy.deepcopy(model).double(), wide, targets)
    names = [name for name, _ in model.named_parameters()]
    by_name = dict(zip(names, double, strict=True))
    noise, smallest, below, total = 0.0, 1.0, 0, 0
    for name, a, b in zip(names, single, double, strict=True):
        scale = compared_with(name, by_name)
        zero = b.abs() <= 1e-10 * scale
        noise = max(noise, float((a.abs() * zero / scale.clamp(min=1e-300)).max()))
        if is_vector(b.shape) and not zero.all():
            smallest = min(smallest, float((b.abs() / scale).max()))
        below += int(((b.abs() <= ZERO * scale) & ~zero).sum())
        total += int((~zero).sum())
    return noise, smallest, below / total


def compared_with(name: str, gradients: dict[str, Tensor]) -> Tensor:
    """Return the largest gradients with which those of an array are compared, in a shape that broadcasts to it."""
    gradient = gradients[name]
    if not is_vector(gradient.shape):
        return gradient.abs().amax(tuple(range(1, gradient.dim())), keepdim=True)
    order = list(gradients)
    at = order.index(name)
    near = order[max(0, at - NEAR) : at + NEAR + 1]
    return torch.stack([gradients[other].abs().max() for other in near]).max().expand(gradient.shape)


def main() -> None:
    """Print both tables."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print("| network | round-off | smallest | below |")
    print("|:---|---:|---:|---:|")
    for name, model, inputs, targets in networks():
        noise, smallest, below = measure(model, inputs, targets)
        print(f"| {name} | {noise:.0e} | {smallest:.0e} | {below:.2%} |")
    found = {}
    for name, settings in INSTRUCTION_SETS.items():
        command = [sys.executable, "-c", SCORES]
        done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, check=True, text=True)
        found[name] = json.loads(done.stdout)
    print("\n| network | " + " | ".join(f"{which}, {name}" for which in ("plain", "gradsign") for name in found) + " |")
    print("|:---|" + "---:|" * (2 * len(found)))
    for network in found["native"]:
        print(f"| {network} | " + " | ".join(f"{found[n][network][i]:.0f}" for i in (0, 1) for n in found) + " |")


if __name__ == "__main__":
    main()
