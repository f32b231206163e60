"""Sizes of the gradient at initialisation: one forward and one backward pass, shared.

Intuition: a network whose loss reacts strongly to its weights can be trained. Both scores grow with depth and width
and ignore whether the gradients of different samples agree. Batch norm in train mode, one batch, over convolutional,
linear and recurrent weights; biases and batch-norm parameters are left out, as in Abdelfattah et al.

The reference code accumulates gradients of parts of the batch when memory is short, which changes its values; these
never split the batch.
"""

from __future__ import annotations

from zcbench.probe import Probe
from zcbench.proxies import register_proxy


@register_proxy(
    "grad_norm",
    needs_labels=True,
    signals=("gradients",),
    reference="Abdelfattah et al., 'Zero-Cost Proxies for Lightweight NAS', ICLR 2021, arXiv:2101.08134, section 3.2",
)
def grad_norm(probe: Probe) -> float:
    """Sum over layers of ||dL/dw||, Euclidean.

    ZenNAS and AZ-NAS mean something else by the name: the norm over all parameters at once, on random data.
    """
    gradients = probe.gradients
    return float(sum(gradients[name].norm() for name in probe.weights))


@register_proxy(
    "snip",
    needs_labels=True,
    signals=("gradients",),
    reference="Lee et al., 'SNIP', ICLR 2019, arXiv:1810.02340, equation 6; summed as in arXiv:2101.08134, section 3.2",
)
def snip(probe: Probe) -> float:
    """Sum over all weights of |w dL/dw|: to first order, how much the loss changes when each weight is removed.

    Equal to the gradient with respect to a mask of ones on the weights, which is how the authors compute it.
    """
    gradients = probe.gradients
    return float(sum((gradients[name] * w.detach()).abs().sum() for name, w in probe.weights.items()))
