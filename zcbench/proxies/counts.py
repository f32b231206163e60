"""Sizes: what can be read off a network without asking what it does. The baselines that a proxy must beat.

Published tables differ in what they count: NAS-Bench-201 prints multiply-accumulate operations of convolutions and
the classifier as "FLOPs" (half of :func:`flops` here), tools differ on batch norm and pooling, and zero-cost-nas counts
operations that the cell does not use. These count the network that is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from zcbench.probe import Probe
from zcbench.proxies import register_proxy


@register_proxy("params", cost="static", reference="baseline")
def params(probe: Probe) -> float:
    """Number of trainable parameters; a parameter that is used twice counts once."""
    return float(sum(parameter.numel() for parameter in probe.parameters.values()))


@register_proxy(
    "flops",
    cost="forward",
    batch_norm="eval",
    reference="baseline; counted by torch.utils.flop_counter",
)
def flops(probe: Probe) -> float:
    """Floating-point operations of one sample's forward pass, two per multiply-accumulate.

    Convolutions, matrix products and attention count; batch norm, activations and pooling count nothing.
    """
    return probe.once("flops", lambda: _flops(probe))


def _flops(probe: Probe) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    few = probe.batch[:2]  # two samples, for layers that cannot take one in train mode
    fused = {torch.ops.aten.mkldnn_rnn_layer: _fused_rnn_flops}  # a whole LSTM layer as one operation
    with torch.no_grad(), probe.forward_pass("eval"), FlopCounterMode(display=False, custom_mapping=fused) as counter:
        probe.call(few.inputs)
    return float(counter.get_total_flops()) / len(few)


def _fused_rnn_flops(inputs: Sequence[int], *shapes: Sequence[int], out_shape: object = None, **_: object) -> int:
    (length, batch, _width), (weight_ih, weight_hh) = inputs, shapes[:2]
    return int(2 * length * batch * (math.prod(weight_ih) + math.prod(weight_hh)))


@register_proxy("num_layers", cost="static", reference="Tybl and Neumann, CVPR 2025, arXiv:2502.04975, table 1")
def num_layers(probe: Probe) -> float:
    """Number of modules that own a trainable convolutional, linear or recurrent weight.

    Batch norm and embeddings do not count. On cell benchmarks this ranks better than most of the literature.
    """
    return float(len({name.rpartition(".")[0] for name in probe.weights}))


@register_proxy("l2_norm", cost="static", reference="Abdelfattah et al., ICLR 2021, arXiv:2101.08134, code")
def l2_norm(probe: Probe) -> float:
    """Sum over layers of the Euclidean norm of the weights (the sum of norms, not the norm of all).

    At PyTorch's default initialisation it is a count of weights in disguise.
    """
    return float(sum(weight.detach().norm() for weight in probe.weights.values()))
