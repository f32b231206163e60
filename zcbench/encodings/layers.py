"""Statistics of zero-cost proxies by layer: the terms of their sums."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from zcbench._process import stable_seed
from zcbench.encodings._register import register_encoding
from zcbench.encodings.proxies import stand_in
from zcbench.probe import Probe
from zcbench.types import Architecture, SearchSpace

#: the statistics of a layer, in the order of columns
STATISTICS = ("weights", "l2_norm", "grad_norm", "snip", "plain", "fisher")


class LayerStatistics(NamedTuple):
    """Statistics of each layer with weights, in the order of the network.

    Attributes:
        names: names of the weights.
        values: ``(layers, statistics)``, float64: log10 of the magnitude of each of :data:`STATISTICS`, not below -12.
    """

    names: tuple[str, ...]
    values: np.ndarray


@register_encoding(
    "layers",
    kind="layers",
    reference="P. Dong et al., 'ParZC: Parametric Zero-Cost Proxies for Efficient NAS', AAAI 2025, arXiv:2402.02105, "
    "section 3.1; statistics of arXiv:2101.08134, section 3.2",
)
def layers(space: SearchSpace, architecture: Architecture) -> LayerStatistics:
    """Measure per layer: number of weights, their norm, the gradient's norm, |w·g| summed, w·g summed, (w·g)² summed.

    The network is built and runs once, forward and backward, on 32 samples of noise with random labels (language
    models: Python's help texts).
    """
    batch = stand_in(space)
    first = stable_seed("network", architecture.space, architecture.key, 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(first)
        network = space.build(architecture)
        with Probe(network, batch, seed=first) as probe:
            rows = []
            for name, weight in probe.weights.items():
                w, g = weight.detach().double(), probe.gradients[name].double()
                product = w * g
                rows.append(
                    (w.numel(), w.norm(), g.norm(), product.abs().sum(), product.sum().abs(), product.square().sum())
                )
            names = tuple(probe.weights)
    values = np.array([[float(value) for value in row] for row in rows])
    return LayerStatistics(names, np.log10(np.maximum(values, 1e-12)))
