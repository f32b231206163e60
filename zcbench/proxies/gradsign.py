"""GradSign: do the samples agree on the direction in which each weight should move?

If the optima of single samples lie close together, gradients at a random point agree in sign, and the paper bounds both
training and population loss by that distance. The size of the gradients is ignored.

Each sample goes alone through the network, so batch norm uses its own statistics (a batch of one in train mode). A
gradient that is exactly zero has sign zero; one that is zero up to round-off (a convolution's mean direction before
batch norm) has a random sign, so the last digits are noise.

Deviations: the sum runs over all trainable parameters, as in the paper; the authors' code leaves out biases and batch
norm. It never holds the gradients of the whole batch, as theirs does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zcbench.probe import Probe
from zcbench.proxies import register_proxy

_REFERENCE = "Zhang and Jia, 'GradSign', ICLR 2022, arXiv:2110.08616, algorithm 1"


@register_proxy(
    "gradsign",
    cost="per-sample",
    needs_labels=True,
    batch_norm="per-sample",
    invariances=("sample-order",),
    reference=_REFERENCE,
)
def gradsign(probe: Probe) -> float:
    """Sum over parameters k of |sum over samples i of sign(dl_i/dw_k)|."""
    return float(sum(total.abs().sum(dtype=torch.float64) for total in sign_sums(probe).values()))


@register_proxy(
    "gradsign_mean",
    cost="per-sample",
    needs_labels=True,
    batch_norm="per-sample",
    invariances=("sample-order",),
    reference=f"{_REFERENCE}; averaged as in the authors' gradsign.py",
)
def gradsign_mean(probe: Probe) -> float:
    """Mean over parameters k of |sum over samples i of sign(dl_i/dw_k)|.

    The other of the two aggregations in the authors' code. It does not grow with the network; parameters that the
    network never uses dilute it.
    """
    totals = sign_sums(probe).values()
    return gradsign(probe) / sum(total.numel() for total in totals)


def sign_sums(probe: Probe) -> dict[str, Tensor]:
    """Sum over the samples of the signs of their gradients, by name of the parameter."""

    def compute() -> dict[str, Tensor]:
        totals: dict[str, Tensor] = {}

        def add(name: str, gradients: Tensor) -> None:
            # The sign, three times as fast as torch.sign: any number but zero overflows the clamp.
            large = torch.finfo(gradients.dtype).max
            signs = (gradients * large).mul_(large).clamp_(-1, 1).sum(0)
            totals[name] = totals[name] + signs if name in totals else signs

        probe.each_sample_gradient(add)
        return totals

    return probe.once("sign_sums", compute)
