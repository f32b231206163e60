"""MeCo: how little redundancy the channels of every layer's map have, measured on a single sample."""

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
    """Sum over layers the smallest eigenvalue of the correlation of the channels, on the batch's first sample.

    A layer is every module without children that returns maps. Constant channels have no correlation; their entries
    count as zero, as in the authors' code. Batch norm in train mode, with the statistics of the whole batch.

    A layer with at least as many channels as positions counts zero. Centred channels lie in a space whose dimension is
    one less than the number of positions, so such a correlation does not have full rank, and none of its eigenvalues is
    negative.

    Deviations: the authors' code also counts modules that contain others, so a map counts once for each module that
    returns it; one of its two versions feeds a random image of 64 x 64 instead of the batch.
    """
    maps = probe.sample_maps
    if not bool(torch.stack([channels.isfinite().all() for channels in maps]).all()):
        return float("nan")
    # The smallest eigenvalue of the other layers is zero; computed, it would be round-off.
    of_full_rank = [channels for channels in maps if 0 < channels.shape[0] < channels.shape[1]]
    smallest = [torch.linalg.eigvalsh(_correlations(group))[:, 0].sum() for _, group in stacked(of_full_rank)]
    return float(torch.stack(smallest).sum()) if smallest else 0.0


def _correlations(maps: Tensor) -> Tensor:
    """Compute ``torch.corrcoef`` of each map in float64; zero for entries without a correlation."""
    rows = maps.double()
    rows = rows - rows.mean(2, keepdim=True)
    covariance = rows @ rows.transpose(1, 2)
    deviation = covariance.diagonal(dim1=1, dim2=2).sqrt()
    correlation = (covariance / deviation[:, :, None] / deviation[:, None, :]).clamp(-1, 1)
    return torch.where(correlation.isfinite(), correlation, 0.0)
