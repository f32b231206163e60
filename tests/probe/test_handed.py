"""Whatever is done to something shared is told, in tensors, arrays, containers, objects and graphs alike."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from networks import mlp
from torch import Tensor, nn

from zcbench.probe._handed import Handed


@dataclass
class Thing:
    values: Tensor


class Pair(NamedTuple):
    table: dict[str, Tensor]
    scale: float


def made() -> dict[str, object]:
    """One value of every sort."""
    outputs = mlp()(torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))
    return {
        "tensor": torch.arange(6.0),
        "large": torch.randn(400, 300),
        "dictionary": {"a": torch.ones(3), "b": torch.zeros(2)},
        "pair": Pair({"a": torch.ones(3)}, 1.0),
        "objects": [Thing(torch.ones(3)), Thing(torch.ones(2))],
        "array": (np.arange(4.0), np.arange(8.0)[::-2]),
        "outputs": outputs,
        "edge": [(torch.autograd.graph.get_gradient_edge(outputs), 3)],
        "number": 2.5,
    }


CHANGES = {
    "tensor": [lambda v: v.data.mul_(2), lambda v: v.numpy().fill(3), lambda v: v.requires_grad_()],
    "large": [lambda v: v.numpy().sort(0), lambda v: v.data[399].zero_()],
    "dictionary": [
        lambda v: v.pop("b"),
        lambda v: v.update(c=1),
        lambda v: v.update(a=v["a"].clone()),
        lambda v: v["b"].data.add_(1),
    ],
    "pair": [lambda v: v.table.clear(), lambda v: v.table["a"].zero_()],
    "objects": [lambda v: v.pop(), lambda v: setattr(v[0], "values", 1), lambda v: v[1].values.data.zero_()],
    "array": [lambda v: v[0].fill(1), lambda v: v[1].fill(1)],
    "outputs": [
        lambda v: v.sum().backward(),
        lambda v: v.detach_(),
        lambda v: v.register_hook(lambda gradient: None),
        lambda v: v.data.zero_(),
    ],
    "edge": [lambda v: torch.autograd.grad([v[0][0]], [first_leaf(v[0][0].node)], grad_outputs=[torch.ones(5, 3)])],
}


def first_leaf(node) -> Tensor:
    while not hasattr(node, "variable"):
        node = next(after for after, _ in node.next_functions if after is not None)
    return node.variable


@pytest.mark.parametrize(
    ("sort", "number"), [(sort, n) for sort, changes in CHANGES.items() for n in range(len(changes))]
)
def test_a_change_is_told(sort, number):
    value = made()[sort]
    handed = Handed(value)
    assert handed.changed() == ""
    CHANGES[sort][number](value)
    assert handed.changed() != ""


@pytest.mark.parametrize("sort", made())
def test_looking_is_no_change(sort):
    value = made()[sort]
    handed = Handed(value)
    if isinstance(value, Tensor) and value.requires_grad:
        torch.autograd.grad(value.sum(), value.grad_fn.next_functions[0][0].variable, retain_graph=True)
    assert handed.changed() == ""


def test_checkpointed_networks_are_not_run_again():
    from torch.utils.checkpoint import checkpoint

    runs = []
    layer = nn.Linear(3, 3)

    def block(x: Tensor) -> Tensor:
        runs.append(1)
        return layer(x).relu()

    handed = Handed(checkpoint(block, torch.ones(2, 3, requires_grad=True), use_reentrant=False))
    assert handed.changed() == ""
    assert len(runs) == 1


class Doubled(torch.autograd.Function):
    """A function of Python, with something saved, or nothing."""

    @staticmethod
    def forward(ctx, x, saved):
        if saved:
            ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2, None


@pytest.mark.parametrize("saved", [True, False])
def test_functions_of_python_in_the_graph(saved):
    """What they have saved is watched, and so is what stands behind one that has saved nothing."""
    leaf = torch.ones(3, requires_grad=True)
    out = Doubled.apply(leaf.exp(), saved)
    handed = Handed([out, torch.autograd.graph.get_gradient_edge(out)])
    assert handed.changed() == ""
    torch.autograd.grad(out.sum(), leaf)
    assert "graph" in handed.changed()
