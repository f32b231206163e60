"""ZiCo: whether gradients are large and similar from batch to batch.

Intuition: where the mean of the absolute gradient is large relative to its deviation, training converges fast and the
network generalises. Labels are needed; batch norm in train mode, with the statistics of each part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.proxies import register_proxy


@register_proxy(
    "zico",
    version=2,
    needs_labels=True,
    ranges={"batches": (2, 10**6)},
    reference="Li et al., 'ZiCo', ICLR 2023, arXiv:2301.11300, equation 14",
)
def zico(probe: Probe, *, batches: int = 2, signed: bool = True) -> float:
    """Sum over layers the log of the sum over weights of mean |g| / deviation of g, over several batches.

    Each batch is a part of the given batch. With two, the ratio is (|g1| + |g2|) / |g1 - g2|, whose tail is so heavy
    that few weights determine the value of a layer. Weights without deviation are excluded, and so are layers that have
    only such weights.

    Args:
        probe: the probe.
        batches: number of parts.
        signed: if true, the deviation of the gradient, as in the authors' code that gave the published figures; if
            false, the deviation of its absolute value, as in the paper's equation.
    """
    size = len(probe.batch) // batches
    if batches < 2 or size < 2:
        raise UnsupportedModelError("zico compares batches: at least two, of at least two samples each.")
    weights = probe.weights
    found = []
    for part in range(batches):
        rows = slice(part * size, (part + 1) * size)
        with probe.forward_pass():
            loss = probe.loss_of(probe.call(probe.batch[rows].inputs), probe.targets[rows])
        if not loss.requires_grad:
            return 0.0
        found.append(torch.autograd.grad(loss, list(weights.values()), allow_unused=True))
    sums = [_ratios(parts, signed) for parts in zip(*found, strict=True) if any(g is not None for g in parts)]
    if not sums:
        return 0.0
    # Ratios are positive, so the sum is zero only for a layer without ratios.
    return sum(math.log(one) if one > 0 else one for one in torch.stack(sums).tolist())


def _ratios(parts: Sequence[Tensor | None], signed: bool) -> Tensor:
    """Sum mean |g| / deviation over a layer's weights, float64; weights without deviation are excluded."""
    gradients = [_at_least_single(gradient) for gradient in parts if gradient is not None]
    missing = len(parts) - len(gradients)  # number of parts in which the layer was not used
    gradients += [torch.zeros_like(gradients[0])] * missing
    compared = gradients if signed else [gradient.abs() for gradient in gradients]
    if len(gradients) == 2:  # half the sum over half the difference
        size, deviation = gradients[0].abs() + gradients[1].abs(), (compared[0] - compared[1]).abs_()
    else:
        # Differences from the first part: the deviation of equal gradients is exactly zero.
        apart = torch.stack([gradient - compared[0] for gradient in compared])
        deviation = torch.linalg.vector_norm(apart.sub_(apart.mean(0)), dim=0).div_(math.sqrt(len(gradients)))
        size = torch.stack([gradient.abs() for gradient in gradients]).mean(0)
    return size.div_(deviation).masked_fill_(deviation == 0, 0.0).sum(dtype=torch.float64)


def _at_least_single(gradient: Tensor) -> Tensor:
    """Return the gradient in a type in which a ratio does not overflow."""
    gradient = gradient.detach()
    return gradient.float() if gradient.dtype in (torch.float16, torch.bfloat16) else gradient
