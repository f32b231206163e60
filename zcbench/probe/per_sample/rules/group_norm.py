"""Group norm."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.probe.per_sample.rules._register import per_sample_rule


@per_sample_rule(nn.GroupNorm)
def group_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Normalise over groups of channels, and compute the gradients of scale and shift."""
    assert isinstance(module, nn.GroupNorm)
    normal = F.group_norm(x, module.num_groups, eps=module.eps)
    yield "weight", (gradient * normal).flatten(2).sum(2) if x.dim() > 2 else gradient * normal
    yield "bias", gradient.flatten(2).sum(2) if x.dim() > 2 else gradient
