"""The language models of NAS-Bench-NLP: recurrent cells that run their recipes (arXiv:2006.07116).

A recipe names nodes. Each node applies an operation to the input ``x``, previous states ``h_prev_0`` … or other nodes.
``h_new_0`` … are the new states, and the first of them is the cell's output.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ELEMENTWISE: dict[str, Callable[..., Tensor]] = {
    "activation_tanh": torch.tanh,
    "activation_sigm": torch.sigmoid,
    "activation_leaky_relu": F.leaky_relu,
    "elementwise_sum": lambda *inputs: functools.reduce(torch.add, inputs),
    "elementwise_prod": lambda *inputs: functools.reduce(torch.mul, inputs),
    "blend": lambda gate, a, b: gate * a + (1 - gate) * b,
}


class Cell(nn.Module):
    """One recurrent cell.

    Args:
        recipe: from names of nodes to ``{"op": operation, "input": [names]}``.
        wide_in: width of the input.
        width: width of the states and of every node.
    """

    def __init__(self, recipe: Mapping[str, Mapping[str, Any]], wide_in: int, width: int) -> None:
        super().__init__()
        self.recipe, self.width = recipe, width
        self.states = sorted(
            {name for node in recipe.values() for name in node["input"] if name.startswith("h_prev_")}
            | {name.replace("new", "prev") for name in recipe if re.fullmatch(r"h_new_\d+", name)}
        )
        # One product over the concatenation of all inputs; the published counts have one bias per node.
        self.linear = nn.ModuleDict(
            {
                name: nn.Linear(sum(wide_in if source == "x" else width for source in node["input"]), width)
                for name, node in recipe.items()
                if node["op"] == "linear"
            }
        )
        self.order = self._order()

    def _order(self) -> list[str]:
        known, order = {"x", *self.states}, []
        waiting = dict(self.recipe)
        while waiting:
            ready = [name for name, node in waiting.items() if known.issuperset(node["input"])]
            if not ready:
                raise ValueError(f"the recipe has a cycle or an unknown input among {', '.join(sorted(waiting))}.")
            for name in ready:
                order.append(name)
                known.add(name)
                del waiting[name]
        return order

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Map the input ``(…, wide_in)`` and states ``(…, width)`` to the new states."""
        values = {"x": x, **dict(zip(self.states, states, strict=True))}
        for name in self.order:
            node = self.recipe[name]
            inputs = [values[source] for source in node["input"]]
            if node["op"] == "linear":
                values[name] = self.linear[name](torch.cat(inputs, -1))
            else:
                values[name] = _ELEMENTWISE[node["op"]](*inputs)
        return tuple(values.get(name.replace("prev", "new"), values[name]) for name in self.states)


class LanguageModel(nn.Module):
    """Embedding, layers of cells, and a decoder that shares the embedding's weights.

    Args:
        recipe: recipe of the cells.
        words: size of the vocabulary (10,000 on Penn Treebank, 33,278 on WikiText-2).
        width_in: width of the embedding and of the last layer.
        width: width of the layers before it.
        layers: number of layers.
    """

    def __init__(
        self,
        recipe: Mapping[str, Mapping[str, Any]],
        *,
        words: int = 10_000,
        width_in: int = 400,
        width: int = 600,
        layers: int = 3,
    ) -> None:
        super().__init__()
        self.encoder = nn.Embedding(words, width_in)
        widths = [width_in, *[width] * (layers - 1), width_in]
        self.cells = nn.ModuleList(Cell(recipe, a, b) for a, b in itertools.pairwise(widths))
        self.decoder = nn.Linear(width_in, words)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(…, length)`` to logits ``(…, length, words)``."""
        sequence = list(self.encoder(tokens).unbind(-2))
        for cell in self.cells:
            assert isinstance(cell, Cell)
            states = tuple(sequence[0].new_zeros(*tokens.shape[:-1], cell.width) for _ in cell.states)
            for step, x in enumerate(sequence):
                states = cell(x, *states)
                sequence[step] = states[0]
        logits: Tensor = self.decoder(torch.stack(sequence, -2))
        return logits
