"""Synaptic flow: how much signal passes through all positive paths of the network. No data, no labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from zcbench._functions import default_dtype
from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe, as_tensor
from zcbench.proxies import register_proxy


@register_proxy(
    "synflow",
    domains=("convolutional", "transformer"),
    reference="Tanaka et al., NeurIPS 2020, arXiv:2006.05467, equation 3; summed as in arXiv:2101.08134, section 3.2",
)
def synflow(probe: Probe) -> float:
    """Sum over all weights of |w dR/dw|, with R = sum of the outputs for an input of ones and all parameters |w|.

    In float64, one sample. Batch norm is taken out entirely: with it the score is nearly constant. Copies differ here:
    zero-cost-nas leaves batch norm in NAS-Bench-201's reduction blocks, NASLib and we in none; NASLib's tables hold
    the logarithm of this value.

    The value is a product over depth: it spans dozens of orders of magnitude and only its rank means anything.
    """

    def ones(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            raise UnsupportedModelError("synflow feeds an input of ones, and the inputs here are integers.")
        return torch.ones_like(tensor, dtype=torch.float64)

    inputs = probe.batch[:1].map(ones)
    state = {
        name: tensor.detach().double().abs() if tensor.is_floating_point() else tensor
        for name, tensor in (*probe.model.named_parameters(), *probe.model.named_buffers())
    }
    weights = {name: state[name].requires_grad_() for name in probe.weights}
    arguments, keywords = ((), inputs) if isinstance(inputs, dict) else (inputs, None)
    with probe.forward_pass("off"), default_dtype(torch.float64):
        flow = as_tensor(functional_call(probe.model, state, arguments, keywords)).sum()
    if not flow.requires_grad:
        return 0.0  # the output does not depend on any weight
    found = torch.autograd.grad(flow, list(weights.values()), allow_unused=True)
    pairs = zip(weights.values(), found, strict=True)
    return float(sum((w.detach() * g).abs().sum() for w, g in pairs if g is not None))
