"""Graphs of different sizes in one batch."""

import torch

from zcbench.predictors._graph_batches import as_batch, vocabulary
from zcbench.types import Graph

DIAMOND = Graph(("input", "a", "b", "c", "output"), ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4)))
CHAIN = Graph(("input", "b", "output"), ((0, 1), (1, 2)))
TWICE = Graph(("input", "a", "output"), ((0, 1), (0, 1), (1, 2)))
KNOWN = vocabulary([DIAMOND, CHAIN])


def test_batches():
    batch = as_batch([DIAMOND, CHAIN, TWICE], KNOWN)
    assert batch.labels.shape == (3, 5)
    assert batch.labels[1].tolist() == [KNOWN["input"], KNOWN["b"], KNOWN["output"], 0, 0]
    assert batch.real.sum(1).tolist() == [5, 3, 3]
    assert batch.last.tolist() == [4, 2, 2]
    assert batch.adjacency[0].sum() == 5
    assert batch.adjacency[2, 0, 1] == 2  # two ways between the same nodes
    assert as_batch([Graph(("input", "new", "output"), ())], KNOWN).labels[0, 1] == 1
    assert batch[torch.tensor([1])].labels.shape == (1, 5)
