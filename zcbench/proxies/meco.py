"""MeCo: how far from redundant the channels of every layer's map are, seen on a single sample."""

from __future__ import annotations

import torch
from torch import Tensor

from zcbench.probe import Probe
from zcbench.proxies import register_proxy
from zcbench.proxies._spectra import stacked


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
    entries count as zero, as in the authors' code. Batch norm in train mode, with the statistics of the whole batch.

    A layer with as many channels as positions, or more, counts zero. Centred channels lie in a space of one dimension
    less than there are positions, so such a correlation has no full rank, and none of its eigenvalues is negative.

    Deviations: the authors' code counts modules that contain others as well, so a map counts as often as modules return
    it; one of its two versions feeds a random image of 64 x 64 instead of the batch.
    """
    maps = probe.sample_maps
    if not bool(torch.stack([channels.isfinite().all() for channels in maps]).all()):
        return float("nan")
    # The others' smallest eigenvalue is zero, and would be round-off.
    of_full_rank = [channels for channels in maps if 0 < channels.shape[0] < channels.shape[1]]
    smallest = [torch.linalg.eigvalsh(_correlations(group))[:, 0].sum() for _, group in stacked(of_full_rank)]
    return float(torch.stack(smallest).sum()) if smallest else 0.0


def _correlations(maps: Tensor) -> Tensor:
    """``torch.corrcoef`` of each map, float64; zero where it has none."""
    rows = maps.double()
    rows = rows - rows.mean(2, keepdim=True)
    covariance = rows @ rows.transpose(1, 2)
    deviation = covariance.diagonal(dim1=1, dim2=2).sqrt()
    correlation = (covariance / deviation[:, :, None] / deviation[:, None, :]).clamp(-1, 1)
    return torch.where(correlation.isfinite(), correlation, 0.0)
