"""Which ReLUs are on: how well the untrained network tells the samples of a batch apart, or carves up their space.

A ReLU network is linear wherever the same units are on, so the codes of on and off count its linear regions. All four
scores look at codes alone, at no size of any activation; batch norm in train mode; no labels.

The papers measure networks of ReLUs. ``activation`` says whose codes are taken in others, where a unit is on if what
enters its activation is positive: the name of one ("gelu", "silu", …), or "all" for all that rectify. Networks with
other activations are not linear anywhere, so the scores count signs there, not linear regions.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from zcbench._arguments import shown
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe.signals.activation_codes import ACTIVATIONS, RECTIFIERS
from zcbench.proxies import register_proxy
from zcbench.proxies.counts import params


def _codes(probe: Probe, activation: str) -> list[Tensor]:
    """Codes of the activations of that name, in the order in which they ran."""
    if activation == "relu":
        return probe.relu_codes
    if activation != "all" and activation not in ACTIVATIONS:
        raise InvalidInputError(f"activation={shown(activation)}: choose all, {', '.join(ACTIVATIONS)}.")
    found = probe.activation_codes
    codes = [code for name, code in found if name == activation or (activation == "all" and name in RECTIFIERS)]
    if not codes:
        ran = ", ".join(dict.fromkeys(name for name, _ in found))
        what = "activation that rectifies" if activation == "all" else activation
        raise UnsupportedModelError(f"no {what} ran; the network's activations are {ran}.")
    return codes


@register_proxy(
    "naswot",
    cost="forward",
    signals=("relu_codes",),
    domains=("convolutional",),
    invariances=("sample-order", "weight-scale"),
    reference="Mellor et al., 'Neural Architecture Search without Training', ICML 2021, arXiv:2006.04647, equation 2",
)
def naswot(probe: Probe, *, activation: str = "relu") -> float:
    """Log |det K|, with K[i, j] the number of ReLUs whose state (on or off) samples i and j share.

    Every ReLU unit counts once. The authors' code selects modules with "ReLU" in their class name, so on NAS-Bench-201
    it counts each twice (once for the wrapper ReLUConvBN), which adds B log 2 to the score, and it counts only ReLUs
    that a backward pass reaches. Two samples with equal codes make K singular: non-finite.

    Args:
        probe: the probe.
        activation: whose codes: "relu" as in the paper, another one's name, or "all".
    """
    batch = len(probe.batch)
    kernel = torch.zeros(batch, batch, dtype=torch.float64)
    for code in _codes(probe, activation):
        on = code.float()
        # The counts of one ReLU are integers far below 2^24: exact in float32.
        shared = on @ on.T
        alone = on.sum(1)
        kernel += (code.shape[1] - alone[:, None] - alone[None, :] + 2 * shared).double().cpu()
    return float(torch.linalg.slogdet(kernel).logabsdet)


@register_proxy(
    "swap",
    cost="forward",
    signals=("relu_codes",),
    domains=("convolutional",),
    invariances=("sample-order", "weight-scale"),
    reference="Peng et al., 'SWAP-NAS', ICLR 2024, arXiv:2403.04161, definition 3.3",
)
def swap(probe: Probe, *, activation: str = "relu") -> float:
    """Number of different patterns that units show over the batch: on for which samples, off for which.

    Sample-wise: a pattern belongs to a unit and has one bit per sample, so B samples allow 2^B. The paper's batch of 16
    is used up by the wide networks of NAS-Bench-201 (65,393 of 65,536); a batch of 64 never is. The authors draw the
    weights from N(0, 1) and average over 32 draws ("swap:repeats=32" averages over draws of the network's own).

    Args:
        probe: the probe.
        activation: whose codes: "relu" as in the paper, another one's name, or "all".
    """
    return probe.once(f"swap, {activation}", lambda: _different_patterns(_codes(probe, activation)))


def _different_patterns(codes: list[Tensor]) -> float:
    patterns = torch.cat([_patterns(code) for code in codes], dim=1)  # (words, units)
    words = patterns.cpu().numpy()
    order = np.lexsort(words) if len(words) > 1 else np.argsort(words[0])
    words = words[:, order]
    return 1.0 + float((words[:, 1:] != words[:, :-1]).any(0).sum())


def _patterns(code: Tensor) -> Tensor:
    """Bits of all samples for every unit: from bool ``(batch, units)`` to int64 ``(ceil(batch / 63), units)``."""
    words = []
    for part in torch.split(code, 63):
        word = torch.zeros(code.shape[1], dtype=torch.int64, device=code.device)
        for eight in torch.split(part, 8):
            byte = eight[0].to(torch.uint8)
            for row in eight[1:]:
                byte = byte << 1 | row
            word = word << 8 | byte
        words.append(word)
    return torch.stack(words)


@register_proxy(
    "reg_swap",
    cost="forward",
    signals=("relu_codes",),
    domains=("convolutional",),
    invariances=("sample-order", "weight-scale"),
    ranges={"sigma": (1e-9, 1e300)},
    reference="Peng et al., 'SWAP-NAS', ICLR 2024, arXiv:2403.04161, definition 3.4",
)
def reg_swap(probe: Probe, *, mu: float = 1000.0, sigma: float = 1e6, activation: str = "relu") -> float:
    """Swap times exp(-(P - mu)^2 / sigma), with P the number of parameters in thousands.

    Args:
        probe: the probe.
        mu: the size that is wanted, in thousands of parameters. The paper sets it by the search at hand; so do you.
        sigma: how strictly, in their square.
        activation: as for swap.
    """
    return swap(probe, activation=activation) * math.exp(-((params(probe) / 1e3 - mu) ** 2) / sigma)


@register_proxy(
    "linear_regions",
    cost="forward",
    signals=("relu_codes",),
    domains=("convolutional",),
    invariances=("sample-order", "weight-scale"),
    reference="Chen et al., 'TE-NAS', ICLR 2021, arXiv:2102.11535, section 3.1.2",
)
def linear_regions(probe: Probe, *, activation: str = "relu") -> float:
    """Number of different codes among the samples of the batch: linear regions that they fall into.

    Networks of useful size tell all samples of a batch apart, and the score is then the batch's size. TE-NAS measures
    a network thinned to one channel on 1,000 Gaussian images of 3 x 3: give it both, and this is its score.

    Args:
        probe: the probe.
        activation: whose codes: "relu" as in the paper, another one's name, or "all".
    """
    undecided = [list(range(len(probe.batch)))]  # groups of samples that no ReLU has told apart yet
    decided = 0
    for code in _codes(probe, activation):
        split: list[list[int]] = []
        for group in undecided:
            parts: dict[bytes, list[int]] = {}
            for sample in group:
                parts.setdefault(code[sample].cpu().numpy().tobytes(), []).append(sample)
            split += parts.values()
        undecided = [group for group in split if len(group) > 1]
        decided += len(split) - len(undecided)
        if not undecided:
            break
    return float(decided + len(undecided))
