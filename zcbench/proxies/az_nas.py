"""The four parts of AZ-NAS; ``az_nas`` among the ensembles puts them together, which takes a set of candidates.

Features are what enters the first block of the network and what leaves every block (stem and cells on NAS-Bench-201);
``zcbench.probe.signals.blocks`` says what a block is. Batch norm in train mode, no labels.

A spectrum is degenerate where a feature is constant (all eigenvalues are zero, and there are no shares of their sum),
or where a block passes gradients on unchanged. Candidates with one get minus infinity from the authors and are
"non-finite" here. Eigenvalues of zero beside others do no harm: they add nothing to an entropy.

Deviations: the authors draw the weights anew (Kaiming, fan-in); these measure the network that is given.
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
    """Sum over features of the entropy of the normalised eigenvalues of the covariance of their channels.

    How evenly a feature uses the directions that its channels span.
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
    """Smallest increase of that entropy from one feature to the next."""
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
    """Mean over blocks of 2 - s - 1 / (s + 1e-6), with s the largest singular value of the block's backward map.

    The map is estimated from a random gradient of signs at the block's output and what it becomes at the input; s = 1,
    which neither blows gradients up nor shrinks them, is best. A block that passes gradients on unchanged counts as
    degenerate: non-finite.
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
        raise UnsupportedModelError("no gradient passes from block to block.")
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
    """Floating-point operations: the same as flops, under the name that AZ-NAS gives it."""
    return flops(probe)


def _entropies(probe: Probe) -> list[float]:
    def compute() -> list[float]:
        spectra = eigenvalues([_covariance(feature) for feature in probe.blocks])
        shares = [one / one.sum() for one in spectra]
        return torch.stack([-(share * (share.clamp(min=0) + 1e-8).log()).sum() for share in shares]).tolist()

    return probe.once("spectra", compute)


def _covariance(feature: Feature) -> Tensor:
    """A matrix with the eigenvalues of the covariance of the channels, but for zeros."""
    rows = _positions(feature.values)
    return gram(rows - rows.mean(0)).double() / len(rows)


def _positions(x: Tensor) -> Tensor:
    """``(batch * positions, channels)``."""
    return x.movedim(1, -1).flatten(0, -2) if x.dim() == 4 else x.flatten(0, -2)


def _backward_map(pulled: Tensor, signs: Tensor) -> Tensor:
    """A matrix with the singular values of the estimate of a block's backward map, but for zeros."""
    if pulled.dim() == 4 and pulled.shape[2:] != signs.shape[2:]:
        stride = round(pulled.shape[2] / signs.shape[2])
        if stride < 1:
            raise UnsupportedModelError("a block enlarges its maps, for which the paper has no measure.")
        pulled = F.pixel_unshuffle(pulled, stride)
    rows, columns = _positions(pulled), _positions(signs)
    if len(rows) != len(columns):
        raise UnsupportedModelError("a block changes the number of positions by no whole factor.")
    if len(rows) < min(rows.shape[1], columns.shape[1]):
        # Few positions: what the signs span is turned into as few columns.
        columns = torch.linalg.qr(columns.T.double(), mode="r").R.T.to(rows)
    return (rows.T @ columns).double() / len(rows)
