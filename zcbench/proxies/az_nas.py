"""The four components of AZ-NAS. The ensemble ``az_nas`` combines them, which requires a set of candidates.

Features are the input of the first block of the network and the output of every block (stem and cells on
NAS-Bench-201); ``zcbench.probe.signals.blocks`` defines blocks. Batch norm in train mode, no labels.

A spectrum is degenerate where a feature is constant (all eigenvalues are zero, so shares of their sum do not exist), or
where a block passes gradients on unchanged. The authors score candidates with a degenerate spectrum as minus infinity;
they are "non-finite" here. Single eigenvalues of zero are allowed: they add nothing to an entropy.

Deviations: the authors reinitialise the weights (Kaiming, fan-in); these proxies measure the given network.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe.signals.blocks import Feature
from zcbench.proxies import register_proxy
from zcbench.proxies._spectra import eigenvalues, gram, largest_singular_values
from zcbench.proxies.counts import flops

_DOMAINS = ("convolutional", "transformer")
_LEE = "Lee and Ham, 'AZ-NAS', CVPR 2024, arXiv:2403.19232"


@register_proxy(
    "az_expressivity",
    version=2,
    cost="forward",
    domains=_DOMAINS,
    invariances=("sample-order",),
    signals=("blocks",),
    reference=f"{_LEE}, equation 3",
)
def az_expressivity(probe: Probe) -> float:
    """Sum over features the entropy of the normalised eigenvalues of the covariance of their channels.

    The score is high if features use the directions that their channels span evenly.
    """
    return sum(_entropies(probe))


@register_proxy(
    "az_progressivity",
    version=2,
    cost="forward",
    domains=_DOMAINS,
    invariances=("sample-order",),
    signals=("blocks",),
    reference=f"{_LEE}, equation 4",
)
def az_progressivity(probe: Probe) -> float:
    """Return the smallest increase of the entropy in az_expressivity from one feature to the next."""
    entropies = _entropies(probe)
    if any(math.isnan(entropy) for entropy in entropies):
        return math.nan
    return min(b - a for a, b in itertools.pairwise(entropies))


@register_proxy(
    "az_trainability",
    version=3,
    stochastic=True,
    domains=_DOMAINS,
    signals=("blocks_in_graph",),
    reference=f"{_LEE}, equation 7",
)
def az_trainability(probe: Probe) -> float:
    """Average over blocks 2 - s - 1 / (s + 1e-6), with s the largest singular value of the block's backward map.

    The map is estimated from a random gradient of signs at the block's output and the resulting gradient at its input.
    The best value is s = 1, where gradients neither grow nor shrink. A block that passes gradients on unchanged is
    degenerate: the score is non-finite.
    """
    generator = probe.generator("az_trainability")
    maps, unchanged = [], []
    features = probe.blocks_in_graph
    for before, after in zip(features[-2::-1], features[:0:-1], strict=True):
        if before.edge is None or after.edge is None:
            continue
        signs = torch.randint(0, 2, after.values.shape, generator=generator).to(after.values) * 2 - 1
        (pulled,) = torch.autograd.grad(
            outputs=[after.edge],
            inputs=[before.edge],
            grad_outputs=[after.as_returned(signs)],
            retain_graph=True,
            allow_unused=True,
        )
        if pulled is None:
            continue
        pulled = before.in_order(pulled)
        if pulled.shape == signs.shape:
            unchanged.append((pulled == signs).all())
        maps.append(_backward_map(pulled, signs))
    if not maps:
        raise UnsupportedModelError("no gradient flows from block to block.")
    if unchanged and bool(torch.stack(unchanged).any()):
        return float("-inf")
    scores = [2 - s - 1 / (s + 1e-6) for s in largest_singular_values(maps)]
    return sum(scores) / len(scores)


@register_proxy(
    "az_complexity",
    version=2,
    cost="forward",
    batch_norm="eval",
    domains=_DOMAINS,
    reference=f"{_LEE}, section 3.2",
)
def az_complexity(probe: Probe) -> float:
    """Count floating-point operations: the same as flops, under the name in AZ-NAS."""
    return flops(probe)


def _entropies(probe: Probe) -> list[float]:
    def compute() -> list[float]:
        spectra = eigenvalues([_covariance(feature) for feature in probe.blocks])
        shares = [one / one.sum() for one in spectra]
        return torch.stack([-(share * (share.clamp(min=0) + 1e-8).log()).sum() for share in shares]).tolist()

    return probe.once("spectra", compute)


def _covariance(feature: Feature) -> Tensor:
    """Return a matrix with the eigenvalues of the covariance of the channels, except for zeros."""
    rows = _positions(feature.values)
    return gram(rows - rows.mean(0)).double() / len(rows)


def _positions(x: Tensor) -> Tensor:
    """Reshape to ``(batch * positions, channels)``."""
    return x.movedim(1, -1).flatten(0, -2) if x.dim() == 4 else x.flatten(0, -2)


def _backward_map(pulled: Tensor, signs: Tensor) -> Tensor:
    """Return a matrix with the singular values of the estimated backward map of a block, except for zeros."""
    if pulled.dim() == 4 and pulled.shape[2:] != signs.shape[2:]:
        stride = round(pulled.shape[2] / signs.shape[2])
        if stride < 1:
            raise UnsupportedModelError("a block enlarges its feature maps, and the paper defines no measure for that.")
        pulled = F.pixel_unshuffle(pulled, stride)
    rows, columns = _positions(pulled), _positions(signs)
    if len(rows) != len(columns):
        raise UnsupportedModelError("a block changes the number of positions by a factor that is not whole.")
    if len(rows) < min(rows.shape[1], columns.shape[1]):
        # With few positions, the space that the signs span is rotated into equally few columns.
        columns = torch.linalg.qr(columns.T.double(), mode="r").R.T.to(rows)
    return (rows.T @ columns).double() / len(rows)
