"""Transformers: attention, feed-forward blocks, and scores from pruning applied to them.

Layers are identified by their function (``zcbench.probe.roles``), not by their names. "Gradient" is the gradient of the
sum of all outputs: no labels. "Normalized" divides by the number of layers or heads in the sum, which removes the
effect of depth; the literature reports both variants under one name.

Deviations from the code of Serianni and Kalita: it matches names and widths of modules (attention projections with at
least 128 outputs), uses the sequence axis as the head axis in both confidences, and uses only sample 0 for the
activation distance.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zcbench.errors import NonFiniteError, UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe.roles import Role
from zcbench.proxies import register_proxy
from zcbench.proxies._spectra import eigenvalues, gram, nuclear_norms
from zcbench.proxies.counts import params
from zcbench.proxies.synflow import positive_flow

_SERIANNI = "Serianni and Kalita, ACL 2023, arXiv:2306.00288, section 3"
_LANGUAGE = ("transformer",)


# -- principal components of the hidden activations ---------------------------------------------


@register_proxy(
    "v_pca",
    domains=_LANGUAGE,
    cost="forward",
    invariances=("sample-order",),
    signals=("feed_forward",),
    ranges={"eta": (0.0, 1.0)},
    reference="Wang et al., 'W-PCA Based Gradient-Free Proxy', ICLR 2025, arXiv:2504.15983, equation 4",
)
def v_pca(probe: Probe, *, eta: float = 0.99) -> float:
    """Count over feed-forward blocks the principal components that hold ``eta`` of the variance.

    They are those of the hidden activations before the non-linearity, over all samples and positions, padding included.

    Args:
        probe: the probe.
        eta: share of the variance. .99 in most of the authors' models, .9 in one.
    """
    spectra = probe.once("variances of principal components", lambda: _variances(probe))
    return float(sum(_components(spectrum, eta) for spectrum in spectra))


@register_proxy(
    "w_pca",
    domains=_LANGUAGE,
    cost="forward",
    invariances=("sample-order",),
    signals=("feed_forward",),
    ranges={"eta": (0.0, 1.0)},
    reference="Wang et al., 'W-PCA Based Gradient-Free Proxy', ICLR 2025, arXiv:2504.15983, equation 5",
)
def w_pca(probe: Probe, *, eta: float = 0.99) -> float:
    """Multiply the number of parameters by v_pca.

    Args:
        probe: the probe.
        eta: share of the variance.
    """
    return params(probe) * v_pca(probe, eta=eta)


def _variances(probe: Probe) -> list[list[float]]:
    """Compute the variances of the principal components of each block's hidden activations, largest first."""
    blocks = probe.feed_forward
    if not bool(torch.stack([hidden.isfinite().all() for hidden in blocks]).all()):
        raise NonFiniteError("the hidden activations are not finite.")
    return [spectrum.flip(0).clamp(min=0).tolist() for spectrum in eigenvalues([_scatter(one) for one in blocks])]


def _scatter(hidden: Tensor) -> Tensor:
    rows = hidden.flatten(0, -2).double()
    return gram(rows - rows.mean(0))


def _components(variances: list[float], eta: float) -> int:
    total, reached = sum(variances), 0.0
    if not total:
        return 0
    for number, variance in enumerate(variances, 1):
        reached += variance
        if reached / total >= eta:
            return number
    return len(variances)


# -- attention ---------------------------------------------------------------------------------


@register_proxy(
    "head_confidence",
    cost="forward",
    domains=_LANGUAGE,
    invariances=("sample-order",),
    signals=("attention",),
    reference=f"{_SERIANNI}, attention confidence; Voita et al., ACL 2019, arXiv:1905.09418",
)
def head_confidence(probe: Probe, *, normalized: bool = False) -> float:
    """Sum over heads the mean over samples of |largest entry of the head's output|.

    Args:
        probe: the probe.
        normalized: mean over heads instead.
    """
    return _confidence([one.heads for one in probe.attention], len(probe.batch), normalized)


@register_proxy(
    "softmax_confidence",
    cost="forward",
    domains=_LANGUAGE,
    invariances=("sample-order",),
    signals=("attention",),
    reference=f"{_SERIANNI}, softmax confidence",
)
def softmax_confidence(probe: Probe, *, normalized: bool = False) -> float:
    """Sum over heads the mean over samples of the largest attention probability.

    Args:
        probe: the probe.
        normalized: mean over heads instead.
    """
    return _confidence([one.probabilities for one in probe.attention], len(probe.batch), normalized)


def _confidence(applications: list[Tensor], batch: int, normalized: bool) -> float:
    total, heads = 0.0, 0
    for x in applications:
        # Windows that are folded into the batch belong to their sample.
        largest = x.flatten(2).amax(2).reshape(batch, -1, x.shape[1]).amax(1)  # (batch, heads)
        total += float(largest.abs().double().mean(0).sum())
        heads += x.shape[1]
    return total / heads if normalized else total


@register_proxy(
    "head_importance",
    domains=_LANGUAGE,
    invariances=("sample-order",),
    signals=("output_gradients", "roles"),
    reference=f"{_SERIANNI}, head importance; Michel et al., NeurIPS 2019, arXiv:1905.10650",
)
def head_importance(probe: Probe, *, normalized: bool = False) -> float:
    """Sum |w dR/dw| over the weights of attention, R the sum of all outputs.

    Args:
        probe: the probe.
        normalized: divide by the number of layers.
    """
    return _saliency(probe, normalized, Role.ATTENTION)


@register_proxy(
    "synaptic_saliency",
    domains=_LANGUAGE,
    invariances=("sample-order",),
    signals=("output_gradients", "roles"),
    reference=f"{_SERIANNI}, synaptic saliency; Tanaka et al., arXiv:2006.05467",
)
def synaptic_saliency(probe: Probe, *, normalized: bool = False) -> float:
    """Sum |w dR/dw| over the weights of the feed-forward blocks, R the sum of all outputs.

    Args:
        probe: the probe.
        normalized: divide by the number of layers.
    """
    return _saliency(probe, normalized, Role.FFN_IN, Role.FFN_OUT)


def _saliency(probe: Probe, normalized: bool, *roles: Role) -> float:
    gradients, weights = probe.output_gradients, probe.weights
    names = probe.weights_for(*roles)
    total = float(sum((weights[name].detach() * gradients[name]).abs().sum() for name in names))
    return total / len(names) if normalized else total


@register_proxy(
    "synaptic_diversity",
    domains=_LANGUAGE,
    invariances=("sample-order",),
    signals=("output_gradients", "roles"),
    reference=f"{_SERIANNI}, synaptic diversity; Zhou et al., 'TF-TAS', CVPR 2022, arXiv:2203.12217, equation 3",
)
def synaptic_diversity(probe: Probe, *, normalized: bool = False) -> float:
    """Sum ||dR/dw||_* ||w||_* (nuclear norms) over the weights of attention, R the sum of all outputs.

    Projections that a network stores in one matrix count as one.

    Args:
        probe: the probe.
        normalized: divide by the number of layers.
    """
    gradients, weights = probe.output_gradients, probe.weights
    names = probe.weights_for(Role.ATTENTION)
    total = _diversity([(weights[name].detach(), gradients[name]) for name in names])
    return total / len(names) if normalized else total


def _diversity(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Sum over pairs the product of their nuclear norms; an axis of heads is part of the matrix."""
    norms = nuclear_norms([array.flatten(1) for pair in pairs for array in pair])
    return sum(a * b for a, b in zip(norms[::2], norms[1::2], strict=True))


# -- activations -------------------------------------------------------------------------------


@register_proxy(
    "activation_distance",
    cost="forward",
    domains=_LANGUAGE,
    invariances=("sample-order",),
    signals=("feed_forward",),
    reference=f"{_SERIANNI}, activation distance; Mellor et al., ICML 2021, arXiv:2006.04647",
)
def activation_distance(probe: Probe, *, normalized: bool = False) -> float:
    """Sum over pairs of samples the number of feed-forward units with the same sign, before the non-linearity.

    This is the sum of the kernel of NASWOT, which takes the determinant instead.

    Args:
        probe: the probe.
        normalized: divide by the number of layers.
    """
    layers = probe.feed_forward
    total = 0.0
    for hidden in layers:
        signs = (hidden.flatten(1) > 0).float() * 2 - 1
        units, same = signs.shape[1], signs.double().sum(0)
        # Sum over pairs of (units + <s_i, s_j>) / 2.
        total += 0.5 * (len(signs) ** 2 * units + float(same @ same))
    return total / len(layers) if normalized else total


# -- Jacobians ---------------------------------------------------------------------------------


@register_proxy(
    "jacobian_cosine",
    domains=("transformer", "recurrent", "convolutional"),
    invariances=("sample-order",),
    signals=("input_gradients",),
    reference=f"{_SERIANNI}, Jacobian cosine; Celotti et al., 2020",
)
def jacobian_cosine(probe: Probe) -> float:
    """Compute 1 - mean over pairs of |cos - identity|^(1/20), with cos between the samples' input gradients.

    The sum runs over all entries and is divided by B^2 - B, as in the authors' formula.
    """
    rows, batch = probe.input_gradients.double(), len(probe.batch)
    if batch < 2:
        raise UnsupportedModelError("jacobian_cosine compares samples: the batch must hold at least two.")
    rows = rows / rows.norm(dim=1, keepdim=True)
    off = (rows @ rows.T).fill_diagonal_(1.0) - torch.eye(batch, dtype=torch.float64, device=rows.device)
    return 1 - float(off.abs().pow(1 / 20).sum()) / (batch**2 - batch)


# -- TF-TAS ------------------------------------------------------------------------------------


@register_proxy(
    "dss",
    domains=_LANGUAGE,
    invariances=("sample-order", "data"),
    signals=("roles",),
    reference="Zhou et al., 'TF-TAS', CVPR 2022, arXiv:2203.12217, equation 6",
)
def dss(probe: Probe) -> float:
    """Add the synaptic diversity of attention and the synaptic saliency of all other layers, for an input of ones.

    The weights are |w|. Attention: sum of ||dR/dw||_* ||w||_*; all other linear layers: sum of |w dR/dw|; R as in
    synflow, but norms stay. In float64. For inputs that are images.

    Deviations: the authors' code identifies layers by their shapes (a square one counts as attention, one with 1,000
    outputs as the head) and may count the head twice.
    """
    attention = set(probe.weights_for(Role.ATTENTION))
    flow = positive_flow(probe, "train")
    total = _diversity([pair for name, pair in flow.pairs.items() if name in attention])
    others = [w * g for name, (w, g) in flow.pairs.items() if name not in attention and w.dim() == 2]
    return total + float(sum(product.abs().sum() for product in others))
