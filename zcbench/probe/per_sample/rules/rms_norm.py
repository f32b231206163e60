"""RMS norm."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.probe.per_sample.rules._register import per_sample_rule


@per_sample_rule(nn.RMSNorm)
def rms_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Scale over the last dimensions, and compute the gradient of the scale."""
    assert isinstance(module, nn.RMSNorm)
    between = tuple(range(1, x.dim() - len(module.normalized_shape)))
    product = gradient * F.rms_norm(x, module.normalized_shape, eps=module.eps)
    yield "weight", product.sum(between) if between else product
