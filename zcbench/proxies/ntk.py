"""The neural tangent kernel at initialisation or after some training: K[i, j] = <df(x_i)/dtheta, df(x_j)/dtheta>.

To first order, gradient descent trains a network like kernel regression with K. The spectrum of K determines the speed
of training, and its alignment with the labels determines the quality. f is the sum of a sample's outputs (one scalar,
as in TE-NAS's code; the true kernel has one block per pair of outputs), and theta are all trainable parameters
(TE-NAS's code excludes biases).

``batch_norm`` selects the kernel. "train": statistics of the batch, as in TE-NAS; every f depends on every sample, and
K takes one backward pass of the whole batch per sample, so use a part of it ("ntk_cond:samples=32"). "eval": running
statistics, which in an untrained network are those of the identity. "per-sample": statistics of each image alone. In
the last two modes, K takes one pass and the Jacobian is never built.

Mok et al. show that none of these scores is informative before training, and that label-gradient alignment is
informative after a little training: "lga:epochs=2".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.proxies import register_proxy

#: samples: number of samples of the batch, 0 for all
_RANGES = {"samples": (0, 10**9)}
_MOK = "Mok et al., 'Demystifying the Neural Tangent Kernel', CVPR 2022, arXiv:2203.14577"


@register_proxy(
    "ntk_cond",
    cost="per-sample",
    higher_is_better=False,
    invariances=("sample-order",),
    ranges=_RANGES,
    reference="Chen et al., 'TE-NAS', ICLR 2021, arXiv:2102.11535, equation 2",
)
def ntk_cond(probe: Probe, *, batch_norm: str = "train", samples: int = 0) -> float:
    """Compute the condition number, largest eigenvalue over smallest; small values indicate easy training.

    If the smallest eigenvalue is zero up to round-off (or negative), the condition number is undefined and the score is
    non-finite. The authors' code returns 100,000 or a negative number there. It also draws the weights three times and
    averages ("ntk_cond:repeats=3").

    With batch norm in train mode, half the samples take a quarter of the time. On 250 networks of digits-201 (batch 64,
    seed 1000), Kendall's tau was .27 with all 64 samples and with 32, .21 with 16, .18 with 8.

    Args:
        probe: the probe.
        batch_norm: train, eval or per-sample.
        samples: number of samples, from the first of the batch; 0 for all.
    """
    kernel = _kernel(probe, batch_norm, samples)
    if len(kernel) < 2:
        raise UnsupportedModelError("a condition number compares samples: the batch must hold at least two.")
    if not kernel.isfinite().all():
        return float("nan")
    eigenvalues = torch.linalg.eigvalsh(kernel)
    smallest, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    # Gradients are float32, so the error of eigenvalues is about 1e-7 of the largest.
    return largest / smallest if smallest > 1e-7 * largest else float("inf")


@register_proxy(
    "ntk_trace",
    version=2,
    cost="per-sample",
    invariances=("sample-order",),
    ranges=_RANGES,
    reference="Shu et al., 'Unifying and Boosting Gradient-Based Training-Free NAS', NeurIPS 2022, arXiv:2201.09785",
)
def ntk_trace(probe: Probe, *, batch_norm: str = "eval", samples: int = 0) -> float:
    """Compute the square root of trace / number of samples: the root mean square of the samples' gradient norms.

    The authors' code uses the output of the true class for f. With batch norm in train mode it splits the batch's
    gradient into parts, which are not the samples' gradients.

    Args:
        probe: the probe.
        batch_norm: train, eval or per-sample.
        samples: number of samples, from the first of the batch; 0 for all.
    """
    kernel = _kernel(probe, batch_norm, samples)
    return math.sqrt(float(kernel.trace()) / len(kernel))


@register_proxy(
    "ntk_norm",
    version=2,
    cost="per-sample",
    invariances=("sample-order",),
    ranges=_RANGES,
    reference=f"{_MOK}, section 3",
)
def ntk_norm(probe: Probe, *, batch_norm: str = "eval", samples: int = 0) -> float:
    """Compute the Frobenius norm of the kernel.

    Args:
        probe: the probe.
        batch_norm: train, eval or per-sample.
        samples: number of samples, from the first of the batch; 0 for all.
    """
    return float(_kernel(probe, batch_norm, samples).norm())


@register_proxy(
    "ntk_mean", signals=("output_gradients",), invariances=("sample-order",), reference=f"{_MOK}, section 3"
)
def ntk_mean(probe: Probe) -> float:
    """Average all entries of the kernel, batch norm in train mode.

    The mean equals the squared norm of the gradient of the sum of all outputs, divided by B^2, so one backward pass
    gives it exactly.
    """
    total = sum(gradient.double().square().sum() for gradient in probe.output_gradients.values())
    return float(total) / len(probe.batch) ** 2


@register_proxy(
    "lga",
    version=2,
    cost="per-sample",
    needs_labels=True,
    invariances=("sample-order", "class-names"),
    ranges=_RANGES,
    reference=f"{_MOK}, section 5",
)
def lga(probe: Probe, *, batch_norm: str = "eval", samples: int = 0) -> float:
    """Compute the label-gradient alignment: the cosine between K and L, both centred.

    L[i, j] = 1 for samples of one class and -1 otherwise. The score is high if gradients within a class are more
    similar than gradients of different classes. With only one class in the batch L is constant: the score is
    non-finite.

    Args:
        probe: the probe.
        batch_norm: train, eval or per-sample.
        samples: number of samples, from the first of the batch; 0 for all.
    """
    classes = probe.classes.cpu()
    kernel = _kernel(probe, batch_norm, samples)
    classes = classes[: len(kernel)]
    return alignment(kernel, classes[:, None] == classes)


@register_proxy(
    "lga_classes",
    needs_labels=True,
    signals=("class_kernel",),
    invariances=("sample-order", "class-names"),
    reference=f"{_MOK}, section 5, applied to the class means of the kernel: zcbench's own",
)
def lga_classes(probe: Probe) -> float:
    """Compute the label-gradient alignment of the kernel's means over pairs of classes, batch norm in train mode.

    These means take one backward pass per class instead of one per sample, and are exact. Pairs within a class include
    each sample with itself. This score is not in the paper: the alignment of means is not the mean alignment.
    """
    kernel = probe.class_kernel
    return alignment(kernel, torch.eye(len(kernel), dtype=torch.bool))


def alignment(kernel: Tensor, same: Tensor) -> float:
    """Compute the cosine of a kernel and +1 where ``same``, -1 elsewhere, both centred; nan if one is constant."""
    labels = same.double() * 2 - 1
    a, b = kernel - kernel.mean(), labels - labels.mean()
    norms = float(a.norm() * b.norm())
    return float((a * b).sum()) / norms if norms > 0 else float("nan")


def _kernel(probe: Probe, batch_norm: str, samples: int) -> Tensor:
    return probe.tangent_kernel(batch_norm, samples)  # type: ignore[arg-type]  # it checks
