"""GradSign: do the samples agree on the direction in which each weight should move?"""

from __future__ import annotations

import torch
from torch import Tensor

from zcbench.probe import Probe
from zcbench.proxies import register_proxy


@register_proxy(
    "gradsign",
    cost="per-sample",
    needs_labels=True,
    reference="Zhang and Jia, 'GradSign', ICLR 2022, arXiv:2110.08616, algorithm 1",
)
def gradsign(probe: Probe) -> float:
    """Sum over parameters k of |sum over samples i of sign(dl_i/dw_k)|.

    If the optima of single samples lie close together, gradients at a random point agree in sign, and the paper bounds
    both training and population loss by that distance. The sum runs over all trainable parameters, as in the paper; the
    authors' code leaves out biases and batch norm, and one of its two versions takes a mean instead, which parameters
    that the network never uses dilute. Each sample goes alone through the network, so batch norm uses its own
    statistics (a batch of one in train mode). A gradient that is exactly zero has sign zero; one that is zero up to
    round-off (a convolution's mean direction before batch norm) has a random sign, so the last digits are noise.
    """
    totals: dict[str, Tensor] = {}

    def add(name: str, gradients: Tensor) -> None:
        signs = gradients.sign().sum(0)
        totals[name] = totals[name] + signs if name in totals else signs

    probe.each_sample_gradient(add)
    return float(sum(total.abs().sum(dtype=torch.float64) for total in totals.values()))
