"""Synaptic flow: how much signal passes through all positive paths of the network. No data, no labels.

R is the sum of the outputs for one input of ones and all parameters |w|, in float64. Batch norm is removed entirely:
with it the scores are nearly constant. Instance norm, and group norm with one group per channel, are removed as well:
they are batch norm of one sample, and they map a constant input, such as an input of ones, to zero. Norms over several
channels stay. If one of them, or a norm that the network writes out, reduces the flow to round-off, the flow is zero.
The values are products over depth: they span dozens of orders of magnitude, and only their ranking is meaningful.

The literature calls three different scores "logsynflow": here they are logsynflow, synflow_log and logsynflow_emq.

Deviations: implementations of synflow differ in batch norm. zero-cost-nas keeps it in NAS-Bench-201's reduction blocks;
NASLib and zcbench remove it everywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe.calling import arguments
from zcbench.probe.modes import BatchNorm, default_dtype
from zcbench.proxies import register_proxy

_DOMAINS = ("convolutional", "transformer")
_TANAKA = "Tanaka et al., NeurIPS 2020, arXiv:2006.05467, equation 3; summed as in arXiv:2101.08134, section 3.2"


@register_proxy(
    "synflow",
    version=2,
    domains=_DOMAINS,
    invariances=("sample-order", "data"),
    batch_norm="off",
    reference=_TANAKA,
)
def synflow(probe: Probe) -> float:
    """Sum |w dR/dw| over all weights.

    The score is non-finite above 1.8e308. synflow_log ranks the same and has no such limit.
    """
    flow = positive_flow(probe)
    return _total(flow.pairs) if flow.scale == 0 else math.inf


@register_proxy(
    "synflow_log",
    version=2,
    domains=_DOMAINS,
    invariances=("sample-order", "data"),
    batch_norm="off",
    reference=f"{_TANAKA}; logarithm of the sum as in NASLib",
)
def synflow_log(probe: Probe) -> float:
    """Compute the log of synflow, of any size.

    NASLib's tables contain it as "synflow", and it ranks exactly as synflow.

    Where synflow overflows, the flow is computed for scaled-down inputs and biases and the gradient of a scaled-down
    output. For networks whose flow is homogeneous (convolutions, pooling, ReLU) that is exact; for others the score is
    non-finite.
    """
    flow = positive_flow(probe)
    total = _total(flow.pairs)
    return math.log(total) + flow.scale if total > 0 else total - math.inf


@register_proxy(
    "logsynflow",
    version=2,
    domains=_DOMAINS,
    invariances=("sample-order", "data"),
    batch_norm="off",
    reference="Cavagnero et al., 'FreeREA', WACV 2023, arXiv:2207.05135, section 3.1",
)
def logsynflow(probe: Probe) -> float:
    """Sum |w| log(1 + |dR/dw|) over all weights: the logarithm reduces large gradients before the sum."""
    flow = positive_flow(probe)
    logs = ((w, g.abs().log() + flow.scale) for w, g in flow.pairs.values())
    return float(sum((w * torch.logaddexp(log, torch.zeros_like(log))).sum() for w, log in logs))


@register_proxy(
    "logsynflow_emq",
    version=2,
    domains=_DOMAINS,
    invariances=("sample-order", "data"),
    batch_norm="off",
    reference="Dong et al., 'EMQ', ICCV 2023, arXiv:2307.10554, code",
)
def logsynflow_emq(probe: Probe) -> float:
    """Sum |w| |log |dR/dw|| over all weights: the score that EMQ's code calls logsynflow.

    The logarithm has no offset, so a weight without flow makes the score infinite: non-finite.
    """
    flow = positive_flow(probe)
    return float(sum((w * (g.abs().log() + flow.scale).abs()).sum() for w, g in flow.pairs.values()))


class Flow(NamedTuple):
    """Weights with their gradients.

    Attributes:
        pairs: |w| and dR/dw times exp(-scale), by name of the weight.
        scale: 0 unless the flow overflows.
    """

    pairs: dict[str, tuple[Tensor, Tensor]]
    scale: float


def positive_flow(probe: Probe, batch_norm: BatchNorm = "off") -> Flow:
    """Compute the flow and its gradients.

    Raises:
        UnsupportedModelError: the inputs are integers.
    """

    def compute() -> Flow:
        pairs = _flow(probe, batch_norm, 0)
        total = _total(pairs)
        if 0 < total < _FAINT * sum(w.numel() for w, _ in pairs.values()):
            other = _flow(probe, batch_norm, 0, 1 + 2.0**-10)
            if _is_round_off(pairs, other):
                probe.note("the flow is zero: an input of ones is constant, and norms map constant inputs to zero.")
                return Flow({name: (w, torch.zeros_like(g)) for name, (w, g) in pairs.items()}, 0.0)
        if math.isfinite(total):
            return Flow(pairs, 0.0)
        # Computed with two factors: if the results disagree, the network's flow is not homogeneous.
        exponents = (980, 1000)
        found = [_flow(probe, batch_norm, exponent) for exponent in exponents]
        totals = [
            _total(pairs) * 2.0 ** (2 * (exponent - exponents[0]))
            for pairs, exponent in zip(found, exponents, strict=True)
        ]
        if not math.isclose(*totals, rel_tol=1e-6):
            return Flow(pairs, 0.0)
        return Flow(found[0], 2 * exponents[0] * math.log(2))

    return probe.once(f"positive_flow, {batch_norm}", compute)


def _total(pairs: dict[str, tuple[Tensor, Tensor]]) -> float:
    return float(sum((w * g).abs().sum() for w, g in pairs.values()))


#: Mean flow of a weight below which the flow is tested for round-off.
_FAINT = 1e-6


def _is_round_off(pairs: dict[str, tuple[Tensor, Tensor]], others: dict[str, tuple[Tensor, Tensor]]) -> bool:
    """Compare a flow with that of a slightly larger input; the two are similar unless the flow is round-off."""
    return float(sum((w * (g - others[name][1])).abs().sum() for name, (w, g) in pairs.items())) > 0.2 * _total(pairs)


def _flow(
    probe: Probe, batch_norm: BatchNorm, exponent: int, input_factor: float = 1.0
) -> dict[str, tuple[Tensor, Tensor]]:
    """Compute weights and gradients; inputs, biases and the output's gradient are scaled by 2 to the minus exponent."""
    factor = 2.0**-exponent

    def ones(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor  # edges of graphs
        return torch.full_like(tensor, factor * input_factor, dtype=torch.float64)

    if not all(tensor.is_floating_point() for tensor in probe.batch.tensors()):
        raise UnsupportedModelError("synflow uses an input of ones, but these inputs are integers.")
    inputs = probe.batch[:1].map_all(ones)
    weights = probe.weights
    state = {
        name: tensor.detach().double().abs() * (1.0 if name in weights else factor)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in (*probe.model.named_parameters(), *probe.model.named_buffers())
    }
    watched = {name: state[name].requires_grad_() for name in weights}
    positional, named = arguments(inputs)
    with probe.forward_pass(batch_norm), default_dtype(torch.float64):
        output = functional_call(probe.model, state, positional, named)
        flow = probe.tensor_of(output, inputs).sum() * factor
    found: tuple[Tensor | None, ...] = (None,) * len(watched)
    if flow.requires_grad:
        found = torch.autograd.grad(flow, list(watched.values()), allow_unused=True)
    return {
        name: (w.detach(), torch.zeros_like(w) if g is None else g)
        for (name, w), g in zip(watched.items(), found, strict=True)
    }
