"""What tests of formulas share: a score that must be a number, layers with weights, a cell small enough for loops."""

from __future__ import annotations

import torch
from networks import images, mlp
from torch import Tensor, nn

import zcbench
from zcbench.probe import Probe
from zcbench.types import Batch


def value(name: str, model: nn.Module, inputs, targets=None, **options) -> float:
    """One score, which must be there."""
    (result,) = zcbench.score(model, inputs, targets, [name], **options).values()
    assert result.status == "ok", result.detail
    return float(result)


def layers(model: nn.Module) -> list[nn.Module]:
    """Convolutions and linear layers."""
    return [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def cell() -> nn.Module:
    """A NAS-Bench-201 network, small enough for loops."""
    space = zcbench.get_space("digits-201")
    torch.manual_seed(0)
    key = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    return space.build(space.parse(key))


def digits(batch: int = 8) -> tuple[Tensor, Tensor]:
    """Random images of one channel with labels of ten classes."""
    return images(batch=batch, channels=1, classes=10)


def generator_of(name: str, seed: int) -> torch.Generator:
    """The random numbers that a proxy draws."""
    with Probe(mlp(), Batch(torch.ones(1, 4)), seed=seed) as probe:
        return probe.generator(name)
