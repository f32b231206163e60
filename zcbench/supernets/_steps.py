"""What trainings of supernets and of single networks share: batches, the learning rate, the optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zcbench import _arguments as rules

#: changes a batch of inputs with the random numbers of the step, on the inputs' device
Augment = Callable[[Tensor, torch.Generator], Tensor]
OPTIMIZERS = rules.choice("optimizer", ("sgd", "adamw"))


def rows_of(step: int, count: int, batch: int, seed: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Samples of a step: every epoch is a permutation of its own, without what is left of it."""
    size = min(batch, count)
    per = count // size
    order = np.random.default_rng([seed, 1, step // per]).permutation(count)
    place = step % per * size
    return order[place : place + size]


def rate_at(step: int, steps: int) -> float:
    """Share of the highest learning rate: up over the first twentieth, down as a cosine."""
    warm = max(1, steps // 20)
    return min(1.0, (step + 1) / warm) * (1 + math.cos(math.pi * step / steps)) / 2


def optimizer_of(
    name: str, parameters: Iterable[nn.Parameter], rate: float, momentum: float, decay: float
) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, or AdamW; weights of one axis (of norms, biases) do not decay.

    Args:
        name: "sgd" or "adamw".
        parameters: what is trained.
        rate: learning rate.
        momentum: of SGD; the first beta of AdamW.
        decay: weight decay.

    Raises:
        InvalidInputError: there is no such optimizer.
    """
    found = list(parameters)
    groups = [
        {"params": [p for p in found if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in found if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if OPTIMIZERS("the optimizer", name) == "adamw":
        return torch.optim.AdamW(groups, lr=rate, betas=(momentum, 0.999))
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0)
