"""Common parts of trainings of supernets and of single networks: batches, the learning rate, the optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from zcbench import _arguments as rules
from zcbench.errors import InvalidInputError
from zcbench.supernets._samples import checked_inputs, count
from zcbench.types import Batch, Inputs

#: changes a batch of inputs with the random numbers of the step, on the inputs' device
Augment = Callable[[Any, torch.Generator], Any]
OPTIMIZERS = rules.choice("optimizer", ("sgd", "adamw"))


def check_settings(rate: float, momentum: float, decay: float) -> None:
    """Check settings of SGD.

    Raises:
        InvalidInputError: one is out of range.
    """
    if not rules.number("rate", rate) > 0:
        raise InvalidInputError(f"rate {rules.shown(rate)}: choose a learning rate above 0.")
    if not 0 <= rules.number("momentum", momentum) < 1:
        raise InvalidInputError(f"momentum {rules.shown(momentum)}: choose a number from 0 on and below 1.")
    rules.number("decay", decay, 0)


def augmented(augment: Augment | None, inputs: Inputs, rng: np.random.Generator) -> Inputs:
    """Return a step's inputs after the user's augmentation.

    Raises:
        InvalidInputError: the result is not valid inputs, or has another number of samples.
    """
    if augment is None:
        return inputs
    if not callable(augment):
        raise InvalidInputError(f"augment is {rules.shown(augment)}: give a function of inputs and a torch.Generator.")
    device = Batch(inputs).tensors()[0].device
    found = checked_inputs(
        "augmented inputs", augment(inputs, torch.Generator(device).manual_seed(int(rng.integers(2**62))))
    )
    if count(found) != count(inputs):
        raise InvalidInputError(
            f"augment returns {count(found)} samples for {count(inputs)}: it must return the same number."
        )
    return found


def rows_of(step: int, count: int, batch: int, seed: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the samples of a step: every epoch is another permutation, without its incomplete last batch."""
    size = min(batch, count)
    per = count // size
    order = np.random.default_rng([seed, 1, step // per]).permutation(count)
    place = step % per * size
    return order[place : place + size]


def rate_at(step: int, steps: int) -> float:
    """Return the share of the highest learning rate: linear warm-up over the first twentieth, then a cosine."""
    warm = max(1, steps // 20)
    return min(1.0, (step + 1) / warm) * (1 + math.cos(math.pi * step / steps)) / 2


def optimizer_of(
    name: str, parameters: Iterable[nn.Parameter], rate: float, momentum: float, decay: float
) -> torch.optim.Optimizer:
    """Return SGD with Nesterov momentum, or AdamW; weights with one axis (of norms, biases) do not decay.

    Args:
        name: "sgd" or "adamw".
        parameters: trained parameters.
        rate: learning rate.
        momentum: momentum of SGD; the first beta of AdamW.
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
