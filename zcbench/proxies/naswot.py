"""Codes of active ReLUs: how well the untrained network separates the samples of a batch or divides their space.

A ReLU network is linear wherever the same units are on, so the codes of on and off count its linear regions. All four
scores use only the codes and no activation sizes; batch norm in train mode; no labels.

The papers measure networks with ReLUs. For other networks, ``activation`` selects the activations whose codes are used:
the name of one ("gelu", "silu", …), or "all" for all that rectify. A unit is on if the input of its activation is
positive. Networks with other activations are not linear anywhere, so there the scores count signs, not linear regions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    """Return the codes of the activations with that name, in the order in which they ran."""
    if activation == "relu":
        return probe.relu_codes
    if activation != "all" and activation not in ACTIVATIONS:
        raise InvalidInputError(f"activation={shown(activation)}: choose all, {', '.join(ACTIVATIONS)}.")
    found = probe.activation_codes
    codes = [code for name, code in found if name == activation or (activation == "all" and name in RECTIFIERS)]
    if not codes:
        ran = ", ".join(dict.fromkeys(name for name, _ in found))
        what = "rectifying activation" if activation == "all" else activation
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
    """Compute log |det K|, with K[i, j] the number of ReLUs whose state (on or off) samples i and j share.

    Every ReLU unit counts once. The authors' code selects modules with "ReLU" in their class name, so on NAS-Bench-201
    it counts each twice (once for the wrapper ReLUConvBN), which adds B log 2 to the score, and it counts only ReLUs
    that a backward pass reaches. Two samples with equal codes make K singular: the score is non-finite.

    Args:
        probe: the probe.
        activation: the activations whose codes are used: "relu" as in the paper, another name, or "all".
    """
    kernel = sum(_shared(code) for code in _codes(probe, activation))
    return float(torch.linalg.slogdet(torch.as_tensor(kernel)).logabsdet)


def _shared(code: Tensor) -> Tensor:
    """Count the units of a code ``(batch, units)`` on which two samples agree: ``(batch, batch)``, float64."""
    on = code.float()
    both = (on @ on.T).double()  # integers far below 2^24: exact in float32
    alone = both.diagonal()
    return code.shape[1] - alone[:, None] - alone + 2 * both


@register_proxy(
    "swap",
    cost="forward",
    signals=("relu_codes",),
    domains=("convolutional",),
    invariances=("sample-order", "weight-scale"),
    reference="Peng et al., 'SWAP-NAS', ICLR 2024, arXiv:2403.04161, definition 3.3",
)
def swap(probe: Probe, *, activation: str = "relu") -> float:
    """Count the different patterns of units over the batch; a pattern is the set of samples for which a unit is on.

    The count is sample-wise: a pattern belongs to a unit and has one bit per sample, so B samples allow 2^B patterns.
    The paper's batch of 16 is saturated by the wide networks of NAS-Bench-201 (65,393 of 65,536); a batch of 64 never
    is. The authors draw the weights from N(0, 1) and average over 32 draws ("swap:repeats=32" averages over the
    network's own initialisation).

    Args:
        probe: the probe.
        activation: the activations whose codes are used: "relu" as in the paper, another name, or "all".
    """
    return probe.once(f"swap, {activation}", lambda: _different_patterns(_codes(probe, activation)))


def _different_patterns(codes: list[Tensor]) -> float:
    words = _patterns(codes)
    keys = words[0]
    for word in words[1:]:  # two numbers are equal where all words so far are equal
        values, second = torch.unique(word, return_inverse=True)
        keys = torch.unique(keys, return_inverse=True)[1] * len(values) + second
    # numpy sorts four times as fast
    ordered = torch.from_numpy(np.sort(keys.numpy())) if keys.device.type == "cpu" else keys.sort().values
    return 1.0 + float((ordered[1:] != ordered[:-1]).sum())


def _patterns(codes: Sequence[Tensor]) -> Tensor:
    """Pack the bits of all samples per unit: bools ``(batch, units)`` to int64 ``(ceil(batch / 64), all units)``."""
    bits = torch.cat(list(codes), dim=1).view(torch.uint8)
    powers = 1 << torch.arange(8, dtype=torch.uint8, device=bits.device)[:, None]
    octets = [(part * powers[: len(part)]).sum(0, dtype=torch.uint8) for part in torch.split(bits, 8)]
    octets += [torch.zeros_like(octets[0])] * (-len(octets) % 8)
    words = torch.stack(octets).reshape(-1, 8, bits.shape[1]).transpose(1, 2).contiguous()
    return words.view(torch.int64).squeeze(-1)


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
    """Multiply swap by exp(-(P - mu)^2 / sigma), with P the number of parameters in thousands.

    Args:
        probe: the probe.
        mu: the desired size, in thousands of parameters. The paper chooses it for each search; choose yours.
        sigma: the tolerance, in the square of thousands of parameters; small values are strict.
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
    """Count the different codes among the samples of the batch: the linear regions that contain them.

    Networks of practical size separate all samples of a batch, and the score is then the batch size. TE-NAS measures a
    network reduced to one channel on 1,000 Gaussian images of 3 x 3: with both, this is its score.

    Args:
        probe: the probe.
        activation: the activations whose codes are used: "relu" as in the paper, another name, or "all".
    """
    batch, codes = len(probe.batch), _codes(probe, activation)
    equal = torch.ones(batch, batch, dtype=torch.bool, device=codes[0].device)
    for code in codes:
        equal &= _shared(code) == code.shape[1]
        if int(equal.sum()) == batch:  # in networks of practical size, all codes differ after the first ReLU
            break
    # Each code is counted at the first sample that has it.
    return float((~equal.tril(-1).any(1)).sum())
