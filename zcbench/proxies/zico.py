"""ZiCo: are gradients large and the same from batch to batch?

Intuition: where the mean of the absolute gradient is large against its deviation, training converges fast and the
network generalises. Labels are needed; batch norm in train mode, with the statistics of each part.
"""

from __future__ import annotations

import torch

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
    """Sum over layers of log sum over weights of mean |g| / deviation of g, over several batches.

    A batch is a part of the given one. With two, the ratio is (|g1| + |g2|) / |g1 - g2|, whose tail is so heavy that
    few weights decide a layer. Weights without deviation are left out, and layers of such weights too.

    Args:
        probe: the probe.
        batches: number of parts.
        signed: deviation of the gradient, as in the authors' code, from which published figures come; if false, of its
            absolute value, as the paper's equation has it.
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
    total = 0.0
    for parts in zip(*found, strict=True):
        if parts[0] is None:
            continue
        gradients = torch.stack(parts)
        absolute = gradients.abs()
        deviation = (gradients if signed else absolute).std(0, correction=0)
        varies = deviation != 0  # NaN does
        if varies.any():
            total += float((absolute.mean(0)[varies] / deviation[varies]).sum(dtype=torch.float64).log())
    return total
