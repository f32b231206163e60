"""NASWOT: does the untrained network tell the samples of a batch apart by which of its ReLUs are on?"""

from __future__ import annotations

import torch

from zcbench.probe import Probe
from zcbench.proxies import register_proxy


@register_proxy(
    "naswot",
    cost="forward",
    signals=("relu_codes",),
    domains=("convolutional",),
    reference="Mellor et al., 'Neural Architecture Search without Training', ICML 2021, arXiv:2006.04647, equation 2",
)
def naswot(probe: Probe) -> float:
    """Log |det K|, with K[i, j] the number of ReLUs whose state (on or off) samples i and j share.

    Every ReLU unit counts once. The authors' code selects modules with "ReLU" in their class name, so on NAS-Bench-201
    it counts each twice (once for the wrapper ReLUConvBN), which adds B log 2 to the score, and it counts only ReLUs
    that a backward pass reaches. Two samples with equal codes make K singular: non-finite. Batch norm in train mode.
    """
    batch = len(probe.batch)
    kernel = torch.zeros(batch, batch, dtype=torch.float64)
    for code in probe.relu_codes:
        on = code.float()
        # The counts of one ReLU are integers far below 2^24: exact in float32.
        shared = on @ on.T
        alone = on.sum(1)
        kernel += (code.shape[1] - alone[:, None] - alone[None, :] + 2 * shared).double().cpu()
    return float(torch.linalg.slogdet(kernel).logabsdet)
