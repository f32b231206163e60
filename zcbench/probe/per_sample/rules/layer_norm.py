"""Layer norm."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.probe.per_sample.rules._register import per_sample_rule


@per_sample_rule(nn.LayerNorm)
def layer_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Normalise over the last dimensions, and compute the gradients of scale and shift."""
    assert isinstance(module, nn.LayerNorm)
    normal = F.layer_norm(x, module.normalized_shape, eps=module.eps)
    between = tuple(range(1, x.dim() - len(module.normalized_shape)))
    product = gradient * normal
    yield "weight", product.sum(between) if between else product
    yield "bias", gradient.sum(between) if between else gradient
