"""Batch norm, with the statistics of each sample or with running statistics."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe.per_sample.rules._register import per_sample_rule


@per_sample_rule(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, batch_norm="per-sample")
def batch_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Compute gradients with statistics of each sample alone, as a batch of one has in train mode."""
    assert isinstance(module, nn.modules.batchnorm._BatchNorm)
    normal = F.group_norm(x, x.shape[1], eps=module.eps)
    yield "weight", (gradient * normal).flatten(2).sum(2)
    yield "bias", gradient.flatten(2).sum(2)


@per_sample_rule(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, batch_norm="eval")
def running_batch_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Compute gradients with running statistics."""
    assert isinstance(module, nn.modules.batchnorm._BatchNorm)
    if module.running_mean is None or module.running_var is None:
        raise UnsupportedModelError("a batch norm without running statistics has no eval mode.")
    shape = (1, -1, *(1,) * (x.dim() - 2))
    normal = (x - module.running_mean.view(shape)) * (module.running_var.view(shape) + module.eps).rsqrt()
    product = gradient * normal
    yield "weight", product.flatten(2).sum(2) if x.dim() > 2 else product
    yield "bias", gradient.flatten(2).sum(2) if x.dim() > 2 else gradient
