"""Encodings of the choices of an architecture."""

from __future__ import annotations

import numpy as np

from zcbench.encodings._register import register_encoding
from zcbench.types import Architecture, SearchSpace


@register_encoding(
    "onehot", reference="White et al., 'A Study on Encodings for NAS', NeurIPS 2020, arXiv:2007.04965, section 3"
)
def onehot(space: SearchSpace, architecture: Architecture) -> np.ndarray:
    """Return the space's own code: one-hot choices if it has choices (``space.encode``)."""
    return space.encode(architecture)


@register_encoding(
    "adjacency", reference="White et al., 'A Study on Encodings for NAS', NeurIPS 2020, arXiv:2007.04965, section 3.1"
)
def adjacency(space: SearchSpace, architecture: Architecture) -> dict[str, float]:
    """List edges and operations of the graph, node by node: "1>3" and "2=conv"."""
    graph = space.graph(architecture)
    named = {f"{source}>{target}": 1.0 for source, target in graph.edges}
    named.update({f"{i}={label}": 1.0 for i, label in enumerate(graph.nodes)})
    return named
