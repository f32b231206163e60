"""Gradients by name: zero where there is none, dense where they are sparse, and none of nothing."""

import pytest
import torch
from torch import nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe._differentiate import gradients_of, rows_of


def test_gradients_by_name():
    a, b, unused = (torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(3))
    scalar = (a * a * b).sum()
    for _ in range(2):  # the graph is kept
        found = gradients_of(scalar, {"a": a, "b": b, "unused": unused})
    assert {name: g.tolist() for name, g in found.items()} == {"a": [2.0, 8.0], "b": [1.0, 4.0], "unused": [0.0, 0.0]}
    assert not any(g.requires_grad for g in found.values())


def test_of_what_has_no_gradient():
    assert gradients_of(torch.tensor(3.0), {0: torch.ones(2, requires_grad=True)})[0].tolist() == [0.0, 0.0]
    with pytest.raises(UnsupportedModelError, match="no trainable parameter"):
        gradients_of(torch.tensor(3.0), {})


def test_sparse_gradients_are_made_dense():
    layer = nn.Embedding(4, 2, sparse=True)
    found = gradients_of(layer(torch.tensor([1, 1])).sum(), {"weight": layer.weight})["weight"]
    assert not found.is_sparse
    assert found.tolist() == [[0.0, 0.0], [2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]


def test_rows():
    assert rows_of({0: torch.zeros(3, 2, 2), 1: torch.ones(3, 5)}).shape == (3, 9)
