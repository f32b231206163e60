"""The recurrent cells of NAS-Bench-NLP: graphs of operations.

A recipe names nodes. Each node applies an operation to the input ``x``, to the previous states ``h_prev_0`` … or to
other nodes. Nodes ``h_new_0`` … are the new states; the first is also the cell's output.

Source: N. Klyuchnikov et al., "NAS-Bench-NLP: Neural Architecture Search Benchmark for Natural Language Processing",
IEEE Access 10 (2022), arXiv:2006.07116, section 3 (operations; at most 24 nodes, three hidden states, three inputs of a
linear node).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import Space
from zcbench.spaces._graphs import Edge, after_sources, canonical_order
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

ACTIVATIONS = ("activation_tanh", "activation_sigm", "activation_leaky_relu")
#: smallest and largest number of inputs of each operation
ARITY = {
    "linear": (1, 3),
    **dict.fromkeys(ACTIVATIONS, (1, 1)),
    "elementwise_sum": (2, 2),
    "elementwise_prod": (2, 2),
    "blend": (3, 3),
}
OPERATIONS = tuple(ARITY)
MAX_NODES, MAX_STATES = 24, 3
_EXAMPLE = '{"a":{"op":"linear","input":["x","h_prev_0"]},"h_new_0":{"op":"activation_tanh","input":["a"]}}'


class Node(NamedTuple):
    """An operation and the positions of its inputs in the list ``x``, previous states, nodes."""

    operation: str
    inputs: tuple[int, ...]


class Cell(NamedTuple):
    """A recipe without names: nodes in the order of computation, and the node of each new state."""

    states: int
    nodes: tuple[Node, ...]
    new: tuple[int, ...]


class NASBenchNLPSpace(Space):
    """Recurrent cells, and language models that use them as layers.

    The string of an architecture is its recipe as compact JSON, the format of the benchmark's own logs.

    Args:
        name: name of the space; its architectures carry it.
        words: size of the vocabulary (10,000 on Penn Treebank, 33,278 on WikiText-2).
        width_in: width of the embedding and of the last layer.
        width: width of the layers before it.
        layers: number of layers.
    """

    domains: tuple[str, ...] = ("recurrent",)
    #: words of a text; networks accept any number
    input_shape: tuple[int, ...] = (64,)
    #: the benchmark does not limit the recipes
    size = None

    forms = f"a recipe, as a mapping or as JSON, e.g. {_EXAMPLE}"

    def __init__(
        self,
        name: str = "nasbenchnlp",
        *,
        words: int = 10_000,
        width_in: int = 400,
        width: int = 600,
        layers: int = 3,
    ) -> None:
        super().__init__(name)
        self.words = words
        self.width_in = width_in
        self.width = width
        self.layers = layers

    def __iter__(self) -> Iterator[Architecture]:
        """Yield samples without end, each canonical form once, always in the same order."""
        rng, seen = np.random.default_rng(0), set()
        while True:
            architecture = self.canonical(self.sample(rng))
            if architecture not in seen:
                seen.add(architecture)
                yield architecture

    # -- recipes -------------------------------------------------------------------------------

    def _from_text(self, text: str) -> Architecture:
        """Read a recipe in JSON, ``{"name": {"op": operation, "input": [names]}, …}``."""
        try:
            return self._from_form(json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            reason = "not JSON" if isinstance(error, (json.JSONDecodeError, RecursionError)) else str(error)[:300]
            raise InvalidArchitectureError(f"not a recipe of NAS-Bench-NLP ({reason}): write e.g. {_EXAMPLE}") from None

    def _from_form(self, form: Any) -> Architecture:
        _check(form)
        return Architecture(self.name, json.dumps(form, separators=(",", ":")))

    def recipe(self, architecture: Architecture) -> dict[str, dict[str, Any]]:
        """Return a mapping from names of nodes to ``{"op": operation, "input": [names]}``.

        Raises:
            InvalidArchitectureError: the architecture belongs to another space or is malformed.
        """
        recipe: dict[str, dict[str, Any]] = json.loads(self.parse(self.key(architecture)).key)
        return recipe

    def cell(self, architecture: Architecture) -> Cell:
        """Return the recipe without names."""
        return _unname(self.recipe(architecture))

    def from_cell(self, cell: Cell) -> Architecture:
        """Return the architecture of a cell; nodes are named n0, n1 and so on, new states h_new_0 and so on."""
        names = ["x", *(f"h_prev_{i}" for i in range(cell.states))]
        new = {node: i for i, node in enumerate(cell.new)}
        recipe = {}
        for node in cell.nodes:
            place = len(names)
            name = f"h_new_{new[place]}" if place in new else f"n{place - 1 - cell.states}"
            recipe[name] = {"op": node.operation, "input": [names[i] for i in node.inputs]}
            names.append(name)
        return Architecture(self.name, json.dumps(recipe, separators=(",", ":")))

    # -- drawing and changing ------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw a cell in which the input and every state are used and every node has an effect.

        One to three states; 3 to 15 nodes, whose operations are linear with probability .45, activations .35, sums,
        products and blends .2 (the published recipes: .48, .44, .08). Inputs are drawn from the existing values, unused
        ones first. Cells with an unused part are drawn again.
        """
        while True:
            cell = _draw(rng)
            if cell is not None and _whole(cell):
                return self.from_cell(cell)

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those in which one operation is replaced by another with as many inputs, or one input is replaced.

        Only complete cells are returned: input and states are used, and every node reaches a state.
        """
        cell = self.cell(architecture)
        found = []
        for place, node in enumerate(cell.nodes):
            others = [
                node._replace(operation=operation)
                for operation in OPERATIONS
                if operation != node.operation and ARITY[operation][0] <= len(node.inputs) <= ARITY[operation][1]
            ]
            for slot, source in itertools.product(range(len(node.inputs)), range(1 + cell.states + place)):
                if source not in node.inputs:
                    others.append(node._replace(inputs=(*node.inputs[:slot], source, *node.inputs[slot + 1 :])))
            found += [cell._replace(nodes=(*cell.nodes[:place], o, *cell.nodes[place + 1 :])) for o in others]
        return [self.from_cell(other) for other in found if _whole(other)]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Draw a neighbour uniformly; return the architecture itself if it has none."""
        options = self.neighbors(architecture) or [architecture]
        return options[int(rng.integers(len(options)))]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Join the first nodes of one parent and the following nodes of the other, if the result is a complete cell.

        Cuts are tried in random order. Without a valid cut (always if the parents differ in states or number of nodes),
        one of the parents is returned.
        """
        first, second = (self.cell(parent) for parent in ((a, b) if rng.integers(2) else (b, a)))
        if first.states == second.states and len(first.nodes) == len(second.nodes):
            for cut in rng.permutation(np.arange(1, len(first.nodes))):
                child = second._replace(nodes=(*first.nodes[:cut], *second.nodes[cut:]))
                if _whole(child):
                    return self.from_cell(child)
        return self.from_cell(first)

    # -- equal cells ---------------------------------------------------------------------------

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return one form for all recipes that denote the same network.

        Names, the order of nodes, the order of the inputs of sums, products and linear maps, and the order of the
        states after the first have no meaning. Equal nodes without weights are merged, and so are states that equal
        nodes compute. Linear nodes are never merged, because each has its own weights.
        """
        cell = _merge(self.cell(architecture))
        labels, edges = _graph(cell)
        return self.from_cell(_renumber(cell, canonical_order(labels, edges)))

    # -- numbers and networks ------------------------------------------------------------------

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return numbers that describe the cell.

        Float64 ``(38,)``: states; nodes by operation; for each operation how often its inputs are x, a state, or the
        result of each kind (linear, activation, elementwise); longest chain of nodes.
        """
        cell = self.cell(architecture)
        kinds = {"linear": 2, **dict.fromkeys(ACTIVATIONS, 3)}
        kind = [0, *[1] * cell.states, *(kinds.get(node.operation, 4) for node in cell.nodes)]
        depth = [0] * (1 + cell.states)
        counts, sources = np.zeros(len(OPERATIONS)), np.zeros((len(OPERATIONS), 5))
        for node in cell.nodes:
            row = OPERATIONS.index(node.operation)
            counts[row] += 1
            for source in node.inputs:
                sources[row, kind[source]] += 1
            depth.append(1 + max(depth[source] for source in node.inputs))
        # x is an input of linear nodes only, so one number of its column is enough.
        return np.concatenate([[cell.states], counts, sources[:1, 0], sources[:, 1:].ravel(), [max(depth)]]).astype(
            np.float64
        )

    def graph(self, architecture: Architecture) -> Graph:
        """Return the nodes of one step: the input, previous states, operations and new states."""
        cell = self.cell(architecture)
        labels = ("input", *("h_prev",) * cell.states, *(node.operation for node in cell.nodes))
        edges = [(a, b) for b, node in enumerate(cell.nodes, 1 + cell.states) for a in dict.fromkeys(node.inputs)]
        edges += [(node, len(labels) + i) for i, node in enumerate(cell.new)]
        return Graph((*labels, "output", *("h_new",) * (cell.states - 1)), tuple(edges))

    def build(self, architecture: Architecture, *, num_classes: int | None = None) -> nn.Module:
        """Build the language model whose layers are this cell; embedding and decoder share their weights.

        Args:
            architecture: the cell.
            num_classes: size of the vocabulary; None for the size of the space.

        Returns:
            A module from tokens ``(batch, length)`` to logits ``(batch, length, words)``.
        """
        from zcbench.spaces._nasbenchnlp_network import LanguageModel

        return LanguageModel(
            self.recipe(architecture),
            words=num_classes or self.words,
            width_in=self.width_in,
            width=self.width,
            layers=self.layers,
        )


def _check(recipe: Mapping[str, Mapping[str, Any]]) -> None:
    if not isinstance(recipe, dict) or not recipe:
        raise ValueError("it is not a mapping of nodes")
    sources = {"x", *recipe}
    for name, node in recipe.items():
        if not isinstance(name, str):
            raise ValueError("names of nodes must be texts")
        if not isinstance(node, dict) or set(node) != {"op", "input"} or node["op"] not in ARITY:
            raise ValueError(f"node {name} needs 'op', one of {', '.join(OPERATIONS)}, and 'input'")
        least, most = ARITY[node["op"]]
        if not isinstance(node["input"], list) or not least <= len(node["input"]) <= most:
            raise ValueError(f"node {name}: {node['op']} takes {least} to {most} inputs")
        for source in node["input"]:
            known = source in sources or re.fullmatch(r"h_prev_\d+", str(source))
            if not isinstance(source, str) or not known:
                raise ValueError(f"node {name} has the unknown input {source!r}")
            if source == "x" and node["op"] != "linear":
                raise ValueError(
                    f"node {name}: x has another width than the states and is allowed in linear nodes only"
                )
        if name == "x" or name.startswith("h_prev_"):
            raise ValueError(f"{name} is an input, not a node")
    if "h_new_0" not in recipe:
        raise ValueError("there is no h_new_0, the cell's output")
    new = {int(name[6:]) for name in recipe if re.fullmatch(r"h_new_\d+", name)}
    used = {int(s[7:]) for node in recipe.values() for s in node["input"] if s.startswith("h_prev_")}
    if new | used != set(range(len(new))):
        raise ValueError("h_new_0, h_new_1, … must exist for every h_prev that is used, without gaps")
    _unname(recipe)


def _unname(recipe: Mapping[str, Mapping[str, Any]]) -> Cell:
    states = sum(bool(re.fullmatch(r"h_new_\d+", name)) for name in recipe)
    place = {"x": 0, **{f"h_prev_{i}": i + 1 for i in range(states)}}
    waiting, nodes = dict(recipe), []
    while waiting:
        ready = [name for name, node in waiting.items() if all(source in place for source in node["input"])]
        if not ready:
            raise ValueError(f"nodes {', '.join(sorted(waiting))} form a cycle")
        for name in ready:
            node = waiting.pop(name)
            nodes.append(Node(node["op"], tuple(place[source] for source in node["input"])))
            place[name] = len(place)
    return Cell(states, tuple(nodes), tuple(place[f"h_new_{i}"] for i in range(states)))


def _merge(cell: Cell) -> Cell:
    """Merge equal nodes without weights, and the states that become equal: all states start at zero."""
    first = 1 + cell.states
    place = list(range(first))
    nodes: list[Node] = []
    known: dict[tuple[str, tuple[int, ...]], int] = {}
    for node in cell.nodes:
        inputs = tuple(place[source] for source in node.inputs)
        key = (node.operation, inputs if node.operation == "blend" else tuple(sorted(inputs)))
        twin = known.get(key) if node.operation != "linear" else None
        if twin is None:
            twin = known[key] = first + len(nodes)
            nodes.append(Node(node.operation, inputs))
        place.append(twin)
    new = [place[node] for node in cell.new]
    again = next((i for i, node in enumerate(new) if node in new[:i]), None)
    if again is None:
        return Cell(cell.states, tuple(nodes), tuple(new))

    def without(source: int) -> int:
        return 1 + new.index(new[again]) if source == 1 + again else source - (source > 1 + again)

    fewer = tuple(node._replace(inputs=tuple(map(without, node.inputs))) for node in nodes)
    return _merge(Cell(cell.states - 1, fewer, tuple(map(without, (*new[:again], *new[again + 1 :])))))


def _graph(cell: Cell) -> tuple[list[str], list[Edge]]:
    """Return labels and edges; a new state has an edge to the previous one."""
    labels = ["x", "h_prev_0", *["h_prev"] * (cell.states - 1), *(node.operation for node in cell.nodes)]
    edges = [
        (source, place, str(slot) if node.operation == "blend" else "")
        for place, node in enumerate(cell.nodes, 1 + cell.states)
        for slot, source in enumerate(node.inputs)
    ]
    return labels, [*edges, *((node, 1 + i, "next") for i, node in enumerate(cell.new))]


def _renumber(cell: Cell, order: Sequence[int]) -> Cell:
    """Return the cell with states and nodes in this order, as far as inputs come before the nodes that use them."""
    first = 1 + cell.states
    place = {0: 0, 1: 1}
    for old in order:
        if 1 < old < first:
            place[old] = len(place)
    nodes = []
    inner = [old for old in order if old >= first]
    for old in after_sources(inner, lambda old: cell.nodes[old - first].inputs, range(first)):
        node = cell.nodes[old - first]
        inputs = [place[source] for source in node.inputs]
        nodes.append(node._replace(inputs=tuple(inputs if node.operation == "blend" else sorted(inputs))))
        place[old] = len(place)
    new = {place[1 + i]: place[node] for i, node in enumerate(cell.new)}
    return Cell(cell.states, tuple(nodes), tuple(new[1 + i] for i in range(cell.states)))


def _whole(cell: Cell) -> bool:
    """Return whether a cell is complete.

    Input and states are used, inputs of a node differ, x is an input of linear nodes only, and the output depends on
    all nodes.
    """
    first = 1 + cell.states
    used = {source for node in cell.nodes for source in node.inputs} | set(cell.new)
    if used != set(range(first + len(cell.nodes))) or any(len(set(n.inputs)) < len(n.inputs) for n in cell.nodes):
        return False
    if any(0 in node.inputs and node.operation != "linear" for node in cell.nodes) or len(set(cell.new)) < cell.states:
        return False
    reached, stack = set(), [cell.new[0]]  # the output must depend on everything after enough steps
    while stack:
        place = stack.pop()
        if place not in reached:
            reached.add(place)
            if 1 <= place < first:
                stack.append(cell.new[place - 1])
            elif place >= first:
                stack.extend(cell.nodes[place - first].inputs)
    return len(reached) == first + len(cell.nodes)


def _draw(rng: np.random.Generator) -> Cell | None:
    states = int(rng.integers(1, MAX_STATES + 1))
    first = 1 + states
    nodes: list[Node] = []
    unused = list(range(first))
    for _ in range(int(rng.integers(3, 16))):
        kind = rng.random()
        if kind < 0.45:
            operation, count = "linear", int(rng.integers(2, 4))
        elif kind < 0.8:
            operation, count = ACTIVATIONS[int(rng.integers(3))], 1
        else:
            operation = ("elementwise_sum", "elementwise_prod", "blend")[int(rng.integers(3))]
            count = ARITY[operation][0]
        lowest = 0 if operation == "linear" else 1
        fresh = [place for place in unused if place >= lowest]
        rest = [place for place in range(lowest, first + len(nodes)) if place not in fresh]
        inputs: list[int] = []
        while len(inputs) < count and (fresh or rest):
            pool = fresh if fresh and (not rest or rng.random() < 0.5) else rest
            inputs.append(pool.pop(int(rng.integers(len(pool)))))
        if len(inputs) < count:
            return None
        unused = [place for place in unused if place not in inputs] + [first + len(nodes)]
        nodes.append(Node(operation, tuple(inputs)))
    ends = [place for place in unused if place >= first]
    others = [place for place in range(first, first + len(nodes)) if place not in ends]
    if len(ends) > states or len(ends) + len(others) < states:
        return None
    rng.shuffle(others)
    new = [*ends, *others[: states - len(ends)]]
    rng.shuffle(new)
    return Cell(states, tuple(nodes), tuple(new))


register_space(
    NASBenchNLPSpace(),
    NASBenchNLPSpace("chars-rnn", words=90, width_in=32, width=48, layers=2),
)
