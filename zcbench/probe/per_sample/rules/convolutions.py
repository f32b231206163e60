"""Convolutions of one to three dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.probe.per_sample.rules._register import per_sample_rule


@per_sample_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def convolution(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Multiply the gradient by the input patches, and sum over positions."""
    assert isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
    samples = len(x)
    patches = _patches(module, x)  # (samples, groups, c_in / groups * kernel, positions)
    columns = gradient.reshape(samples, module.groups, gradient.shape[1] // module.groups, -1)
    yield "weight", (columns @ patches.transpose(2, 3)).reshape(samples, gradient.shape[1], *module.weight.shape[1:])
    yield "bias", gradient.flatten(2).sum(2)


def _patches(module: nn.Conv1d | nn.Conv2d | nn.Conv3d, x: Tensor) -> Tensor:
    dimensions = len(module.kernel_size)
    padding = module.padding
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        pads = [(t // 2, t - t // 2) for t in total]
    elif padding == "valid":
        pads = [(0, 0)] * dimensions
    else:
        pads = [(int(p), int(p)) for p in padding]
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    if any(side for pair in pads for side in pair):
        x = F.pad(x, [side for pair in reversed(pads) for side in pair], mode=mode)
    for axis in range(dimensions):
        kernel, stride, dilation = module.kernel_size[axis], module.stride[axis], module.dilation[axis]
        x = x.unfold(2 + axis, dilation * (kernel - 1) + 1, stride)[..., ::dilation]
    # the shape is (samples, c_in, *positions, *kernel)
    order = (0, 1, *range(2 + dimensions, 2 + 2 * dimensions), *range(2, 2 + dimensions))
    x = x.permute(*order)
    kernel_size = math.prod(module.kernel_size)
    return x.reshape(len(x), module.groups, module.in_channels // module.groups * kernel_size, -1)
