"""Recurrent networks: whether different sequences produce different hidden states."""

from __future__ import annotations

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.proxies import register_proxy
from zcbench.proxies.jacov import correlation_score


@register_proxy(
    "hidden_covariance",
    cost="forward",
    domains=("recurrent",),
    invariances=("sample-order",),
    signals=("hidden_states",),
    ranges={"layer": (1, 10**6)},
    reference="Serianni and Kalita, ACL 2023, arXiv:2306.00288, section 3.1",
)
def hidden_covariance(probe: Probe, *, layer: int = 1) -> float:
    """Apply the formula of jacov to the hidden states of one layer: -sum of log(v + k) + 1 / (v + k), k = 1e-5.

    v are the eigenvalues of the correlation between samples of their hidden states at all positions. Samples that a
    layer separates have low correlations, which gives a high score.

    Deviations: the authors' code slices a list that every forward pass appends to, so its layer 3 is from a later pass
    than its layers 1 and 2.

    Args:
        probe: the probe.
        layer: number of the recurrent layer, from 1 in the order in which they run. The best in the paper is the first.
    """
    layers = probe.hidden_states
    if not 1 <= layer <= len(layers):
        raise UnsupportedModelError(f"the network has {len(layers)} recurrent layers, not a layer {layer}.")
    if len(probe.batch) < 2:
        raise UnsupportedModelError("hidden_covariance compares samples: the batch must hold at least two.")
    return correlation_score(layers[layer - 1].flatten(1))
