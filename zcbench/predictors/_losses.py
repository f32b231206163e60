"""Losses of neural predictors, over a batch of predictions ``(n,)`` and targets ``(n,)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from zcbench.errors import InvalidInputError

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
#: Margin of the hinge: the required difference of scores between a better and a worse network.
MARGIN = 0.1
#: Steepness of the smooth sign.
ALPHA = 2.0


def mean_squared_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean of squared differences."""
    return ((predicted - targets) ** 2).mean()


def pairwise_hinge(predicted: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean over pairs with different targets of max(0, margin - (p_better - p_worse)).

    Source: X. Ning et al., "A Generic Graph-Based Neural Architecture Encoding Scheme for Predictor-Based NAS" (GATES),
    ECCV 2020, arXiv:2004.01899, equation 6.
    """
    better = targets[:, None] > targets
    lack = MARGIN - (predicted[:, None] - predicted)
    return (lack.clamp(min=0) * better).sum() / better.sum().clamp(min=1)


def diff_kendall(predicted: Tensor, targets: Tensor) -> Tensor:
    """Compute one minus Kendall's tau with smooth signs: 1 - mean over pairs of tanh(α Δp) · tanh(α Δy).

    Source: K. Zheng et al., "DiffKendall: A Novel Approach for Few-Shot Learning with Differentiable Kendall's Rank
    Correlation", NeurIPS 2023, arXiv:2307.15317, equation 4 (α is theirs too); as the loss of ParZC, arXiv:2402.02105.
    """
    n = len(targets)
    products = torch.tanh(ALPHA * (predicted[:, None] - predicted)) * torch.tanh(ALPHA * (targets[:, None] - targets))
    return 1 - products.sum() / max(n * (n - 1), 1)  # each pair occurs twice; the diagonal is 0


#: Losses by name, and whether predictions that minimise them are in the targets' units.
LOSSES: dict[str, Loss] = {"mse": mean_squared_error, "hinge": pairwise_hinge, "diffkendall": diff_kendall}


def loss_named(name: str) -> Loss:
    """Return the loss with this name."""
    if name not in LOSSES:
        raise InvalidInputError(f"loss={name!r}: choose one of {', '.join(LOSSES)}.")
    return LOSSES[name]
