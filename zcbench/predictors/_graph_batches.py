"""Graphs of one batch as tensors, padded to the largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zcbench.types import Graph


@dataclass(frozen=True)
class GraphBatch:
    """``n`` graphs of at most ``m`` nodes; a selection of rows is also a batch.

    Attributes:
        labels: number of each node's operation ``(n, m)``; 0 for padding, 1 for operations unknown to the training.
        adjacency: number of edges from row to column ``(n, m, m)``, float32.
        real: 1 for nodes, 0 for padding ``(n, m)``, float32.
        last: number of the output node ``(n,)``.
    """

    labels: Tensor
    adjacency: Tensor
    real: Tensor
    last: Tensor

    def __getitem__(self, rows: Tensor) -> GraphBatch:
        return GraphBatch(self.labels[rows], self.adjacency[rows], self.real[rows], self.last[rows])

    def to(self, device: torch.device) -> GraphBatch:
        """Return the graphs on a device."""
        return GraphBatch(self.labels.to(device), self.adjacency.to(device), self.real.to(device), self.last.to(device))


def vocabulary(graphs: Sequence[Graph]) -> dict[str, int]:
    """Return the numbers of a training set's operations, from 2."""
    return {label: i for i, label in enumerate(sorted({label for g in graphs for label in g.nodes}), 2)}


def as_batch(graphs: Sequence[Graph], known: dict[str, int]) -> GraphBatch:
    """Pad graphs to the largest of them."""
    n, m = len(graphs), max((len(g.nodes) for g in graphs), default=0)
    labels = torch.zeros(n, m, dtype=torch.long)
    adjacency = torch.zeros(n, m, m)
    for i, graph in enumerate(graphs):
        labels[i, : len(graph.nodes)] = torch.tensor([known.get(label, 1) for label in graph.nodes])
        if graph.edges:
            source, target = torch.tensor(graph.edges).T
            adjacency[i].index_put_((source, target), torch.ones(len(source)), accumulate=True)
    last = torch.tensor([len(g.nodes) - 1 for g in graphs], dtype=torch.long)
    return GraphBatch(labels, adjacency, (labels > 0).float(), last)
