"""Sizes of the gradient at initialisation: all proxies share one forward and one backward pass.

Intuition: a network whose loss reacts strongly to its weights can be trained. The scores grow with depth and width and
ignore whether the gradients of different samples agree. Batch norm in train mode, one batch, over convolutional, linear
and recurrent weights; biases and batch-norm parameters are excluded, as in Abdelfattah et al.

Deviations: the reference code accumulates gradients of parts of the batch when memory is short, which changes its
values; these proxies never split the batch.
"""

from __future__ import annotations

import math

import torch

from zcbench.errors import UnsupportedModelError, first_line
from zcbench.probe import Probe
from zcbench.proxies import register_proxy

_ABDELFATTAH = "Abdelfattah et al., 'Zero-Cost Proxies for Lightweight NAS', ICLR 2021, arXiv:2101.08134, section 3.2"


@register_proxy(
    "grad_norm", needs_labels=True, invariances=("sample-order",), signals=("gradients",), reference=_ABDELFATTAH
)
def grad_norm(probe: Probe) -> float:
    """Sum over layers ||dL/dw||, the Euclidean norm.

    ZenNAS and AZ-NAS use this name for a different score: see grad_norm_all.
    """
    gradients = probe.gradients
    return float(sum(gradients[name].norm() for name in probe.weights))


@register_proxy(
    "grad_norm_all",
    needs_labels=True,
    invariances=("sample-order",),
    signals=("gradients",),
    reference="Lin et al., 'Zen-NAS', ICCV 2021, arXiv:2102.01063, code of the baseline",
)
def grad_norm_all(probe: Probe) -> float:
    """Compute the norm of the whole gradient, ||dL/dtheta|| over all parameters at once, with biases and batch norm.

    Its square is the trace that NASI (arXiv:2109.00817) approximates. The original code feeds Gaussian noise and random
    labels to a reinitialised network; this proxy measures the given network and batch.
    """
    return math.sqrt(float(sum(gradient.double().square().sum() for gradient in probe.gradients.values())))


@register_proxy(
    "snip",
    needs_labels=True,
    invariances=("sample-order", "weight-scale"),
    signals=("gradients",),
    reference="Lee et al., 'SNIP', ICLR 2019, arXiv:1810.02340, equation 6; summed as in arXiv:2101.08134, section 3.2",
)
def snip(probe: Probe) -> float:
    """Sum |w dL/dw| over all weights: to first order, the change of the loss when each weight is removed.

    It equals the gradient with respect to a mask of ones on the weights, which the authors compute.
    """
    gradients = probe.gradients
    return float(sum((gradients[name] * w.detach()).abs().sum() for name, w in probe.weights.items()))


@register_proxy(
    "plain", needs_labels=True, invariances=("sample-order",), signals=("gradients",), reference=_ABDELFATTAH
)
def plain(probe: Probe) -> float:
    """Sum w dL/dw over all weights, with their signs.

    The loss does not depend on the scale of a layer before batch norm, so the sum of such a layer is zero: only layers
    without batch norm after them contribute, and the rest is round-off. The sum is in float64 to keep round-off small.
    Published correlations are negative on NAS-Bench-201; the direction is the one declared in the reference code.
    """
    gradients = probe.gradients
    return float(sum((gradients[name] * w.detach()).double().sum() for name, w in probe.weights.items()))


@register_proxy(
    "fisher",
    needs_labels=True,
    invariances=("sample-order",),
    signals=("channel_products",),
    reference="Theis et al., arXiv:1801.05787, equation 9; Turner et al., ICLR 2020, arXiv:1906.04113, equation 2",
)
def fisher(probe: Probe, *, per_weight: bool = False) -> float:
    """Sum over channels c 1/2 mean over samples n of (sum over positions of a dl_n/da)^2, a the layer's output.

    To second order, with the Fisher information for the Hessian, this is the change of the loss when a channel is
    removed.

    Args:
        probe: the probe.
        per_weight: count a channel once for every weight that produces it (c_in k^2 times), as zero-cost-nas and NASLib
            do by broadcasting. Their values equal those with this setting, divided by the square of the batch size:
            they differentiate the mean loss, while the papers differentiate the loss of each sample.
    """
    products, weights = probe.channel_products, probe.weights
    if not products:
        raise UnsupportedModelError("no convolutional or linear layer was called as a module.")
    factors = dict.fromkeys(products, 1)
    if per_weight:
        factors = {name.rpartition(".")[0]: weight[0].numel() for name, weight in weights.items()}
    batch = len(probe.batch)
    total = sum(
        factors[name] * 0.5 * (batch * product.double()).square().mean(0).sum() for name, product in products.items()
    )
    return float(total)


@register_proxy(
    "grasp",
    needs_labels=True,
    invariances=("sample-order",),
    signals=("loss",),
    reference="Wang et al., 'GraSP', ICLR 2020, arXiv:2002.07376, equation 8; summed as in arXiv:2101.08134",
)
def grasp(probe: Probe) -> float:
    """Compute minus the sum over all weights of w (H g), with g the gradient and H the Hessian of the loss.

    To first order, this is how much removing the weights reduces the squared norm of the gradient. The sign is that of
    Abdelfattah et al.; GraSP itself removes the weights with the lowest value. H g is the gradient of the product of g
    and a constant copy of g. The reference code computes g twice on the same data; once is enough and gives identical
    values.
    """
    loss, weights = probe.twice_differentiable_loss(), probe.weights
    if not loss.requires_grad:
        return 0.0
    names = list(weights)
    first = torch.autograd.grad(loss, [weights[n] for n in names], create_graph=True, allow_unused=True)
    used = [(name, g) for name, g in zip(names, first, strict=True) if g is not None and g.requires_grad]
    if not used:
        return 0.0
    scalar = torch.stack([(g.detach() * g).sum() for _, g in used]).sum()
    # This is the graph of the main pass, which other proxies need afterwards.
    try:
        second = torch.autograd.grad(scalar, [weights[n] for n, _ in used], allow_unused=True, retain_graph=True)
    except RuntimeError as error:
        if "derivative for" not in str(error):
            raise
        raise UnsupportedModelError(
            f"an operation of the network has no second derivative in torch ({first_line(error)})."
        ) from None
    pairs = zip(used, second, strict=True)
    return -float(sum((weights[n].detach() * h).double().sum() for (n, _), h in pairs if h is not None))
