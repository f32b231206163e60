"""Train several networks as one: draw their weights, stack them, and run the steps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def drawn(build: Callable[[], nn.Module], seeds: Iterable[int]) -> list[nn.Module]:
    """Build one network for each seed, with weights that depend on it."""
    networks = []
    for seed in seeds:
        torch.manual_seed(seed)
        networks.append(build())
    return networks


def stacked(networks: Sequence[nn.Module], merge: Callable[[list[Any]], nn.Module | None]) -> nn.Module:
    """Make one network of equal ones.

    Args:
        networks: networks of one architecture with different weights.
        merge: from the modules of one name to the module that replaces them; None to keep the first.
    """
    whole = copy.deepcopy(networks[0])
    for name, _ in list(whole.named_modules()):
        merged = merge([network.get_submodule(name) for network in networks])
        if merged is not None:
            parent, _, leaf = name.rpartition(".")
            setattr(whole.get_submodule(parent), leaf, merged)
    return whole


def fit(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: int,
    *,
    rate: Callable[[int], float],
    loss: Callable[[int], Tensor],
    points: Collection[int],
    measure: Callable[[], Any],
    clip: Callable[[], object] = lambda: None,
    patience: int = 0,
) -> list[Any]:
    """Train a network and measure it at intervals.

    Args:
        network: in training mode outside ``measure``.
        optimizer: has all trained parameters in one group.
        steps: number of steps.
        rate: from a step to its learning rate.
        loss: from a step to the losses of the networks in the stack, or to their sum.
        points: numbers of steps after which the network is measured.
        measure: called in evaluation mode, without gradients.
        clip: called after the gradients are computed.
        patience: number of consecutive steps without any finite loss that ends the training; 0 for never.

    Returns:
        The measurements; fewer entries than points if the training ended early.
    """
    network.train()
    found: list[Any] = []
    lost = 0
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate(step)
        losses = loss(step)
        if patience:
            lost = 0 if losses.isfinite().any() else lost + 1
            if lost == patience:
                break
        optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()
        clip()
        optimizer.step()
        if step + 1 in points:
            network.eval()
            with torch.no_grad():
                found.append(measure())
            network.train()
    return found
