"""MeCo: how far from redundant the channels of every layer's map are, seen on a single sample."""

from __future__ import annotations

import torch

from zcbench.probe import Probe
from zcbench.proxies import register_proxy


@register_proxy(
    "meco",
    cost="forward",
    signals=("sample_maps",),
    domains=("convolutional",),
    reference="Jiang et al., 'MeCo: Zero-Shot NAS with One Data and Single Forward Pass', NeurIPS 2023",
)
def meco(probe: Probe) -> float:
    """Sum over layers of the smallest eigenvalue of the correlation of the channels, on the batch's first sample.

    A layer is every module without children that returns maps. Channels that are constant have no correlation; their
    entries count as zero, as in the authors' code. More channels than positions make the smallest eigenvalue zero.
    Batch norm in train mode, with the statistics of the whole batch.

    Deviations: the authors' code counts modules that contain others as well, so a map counts as often as modules return
    it; one of its two versions feeds a random image of 64 x 64 instead of the batch.
    """
    total = 0.0
    for channels in probe.sample_maps:
        if not channels.isfinite().all():
            return float("nan")
        if channels.shape[1] < 2:
            continue  # a single position: every channel is constant
        correlation = torch.corrcoef(channels.double()).reshape(len(channels), -1)
        total += float(torch.linalg.eigvalsh(torch.where(correlation.isfinite(), correlation, 0.0))[0])
    return total
