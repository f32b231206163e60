"""Linear layers."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from zcbench.probe.per_sample.rules._register import per_sample_rule


@per_sample_rule(nn.Linear)
def linear(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Sum outer products over positions."""
    if x.dim() == 2:  # one position
        x, gradient = x[:, None], gradient[:, None]
    x, gradient = x.flatten(1, -2), gradient.flatten(1, -2)
    yield "weight", gradient.transpose(1, 2) @ x
    yield "bias", gradient.sum(1)
