"""Sizes of a network. These baselines read its structure only, and a useful proxy must outperform them.

Published tables count differently: NAS-Bench-201 reports multiply-accumulate operations of convolutions and the
classifier as "FLOPs" (half of :func:`flops` here), tools differ on batch norm and pooling, and zero-cost-nas counts
operations that the cell does not use. These proxies count the given network.
"""

from __future__ import annotations

import torch

from zcbench.probe import Probe
from zcbench.probe.modes import dispatched
from zcbench.proxies import register_proxy
from zcbench.proxies._flops import counted_operations


@register_proxy("params", cost="static", reference="baseline")
def params(probe: Probe) -> float:
    """Count the trainable parameters; a parameter that is used twice counts once."""
    return float(sum(parameter.numel() for parameter in probe.parameters.values()))


@register_proxy("flops", version=2, cost="forward", batch_norm="eval", reference="baseline")
def flops(probe: Probe) -> float:
    """Count the floating-point operations of one sample's forward pass, two per multiply-accumulate.

    Matrix products (of vectors too), convolutions, recurrent layers and attention count, fused or written out, on every
    device. Attention of n queries on m keys counts ``n m (d + d_v)`` multiply-accumulates per head of the query: the
    whole matrix of scores counts whatever the mask, and heads that share keys count as if each had its own. A recurrent
    layer counts every weight matrix at every position. Padding, zeros and low-bit weights count like other numbers, and
    a complex product counts as four real products. Elementwise operations, batch norm, activations, pooling,
    embeddings, distances, Fourier transforms and matrix decompositions do not count. Operations on weights alone count
    half, because two samples share the pass.

    Raises:
        UnsupportedModelError: the network runs a custom operation that was not registered with
            ``torch.utils.flop_counter.register_flop_formula``, or nested tensors without shapes.
    """
    return probe.once("flops", lambda: _flops(probe))


def _flops(probe: Probe) -> float:
    few = probe.batch[:2]  # two samples, for layers that cannot process one in train mode
    gpu = any(tensor.is_cuda for tensor in (*few.tensors(), *probe.model.parameters()))

    def count() -> int:
        with torch.no_grad(), probe.forward_pass("eval"), counted_operations(gpu=gpu) as counter:
            probe.call(few.inputs)
        return counter.flops

    return dispatched(count) / len(few)


@register_proxy("num_layers", cost="static", reference="Tybl and Neumann, CVPR 2025, arXiv:2502.04975, table 1")
def num_layers(probe: Probe) -> float:
    """Count the modules that own a trainable convolutional, linear or recurrent weight.

    Batch norm and embeddings do not count. On cell benchmarks this ranks better than most proxies in the literature.
    """
    return float(len({name.rpartition(".")[0] for name in probe.weights}))


@register_proxy("l2_norm", cost="static", reference="Abdelfattah et al., ICLR 2021, arXiv:2101.08134, code")
def l2_norm(probe: Probe) -> float:
    """Sum over layers the Euclidean norm of the weights (the sum of norms, not the norm of all weights).

    At PyTorch's default initialisation the score is close to a count of weights.
    """
    return float(sum(weight.detach().norm() for weight in probe.weights.values()))
