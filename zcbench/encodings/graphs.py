"""Encodings of the architecture's graph: the graph itself, its paths, and their statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from zcbench.encodings._register import register_encoding
from zcbench.types import Architecture, Graph, SearchSpace

#: Operations that return zero, by their names in the registered spaces.
ZERO = frozenset({"none", "zeroize"})
#: Operations without effect.
IDENTITY = frozenset({"skip_connect", "identity", "input", "output", "null"})
#: Further first and last nodes of a recurrent cell's graph.
_STARTS, _ENDS = frozenset({"input", "h_prev"}), frozenset({"output", "h_new"})
#: Beginnings of the names of operations that have no weights.
_FREE = ("activation_", "elementwise_", "blend", "h_prev", "h_new")
#: Maximum length and number of paths that are distinguished; beyond these, statistics are better.
_LONGEST, _MOST = 12, 256
_ROUNDS = 3


@register_encoding("graph", kind="graph", version=2)
def graph(space: SearchSpace, architecture: Architecture) -> Graph:
    """Return the graph of operations and their inputs (``space.graph``), from one input to one output."""
    return joined(space.graph(architecture))


@register_encoding("flow-graph", kind="graph", version=2)
def flow_graph(space: SearchSpace, architecture: Architecture) -> Graph:
    """Return the graph without operations that are dead or have no effect; parallel paths give parallel edges."""
    return without_identities(_living_graph(space, architecture))


@register_encoding(
    "path",
    version=2,
    reference="White et al., 'BANANAS', AAAI 2021, arXiv:1910.11858, section 3; skips and dead paths removed",
)
def path(space: SearchSpace, architecture: Architecture) -> Mapping[str, float]:
    """Count the paths from the input to the output by their sequence of operations."""
    live = _living_graph(space, architecture)
    targets: dict[int, list[int]] = {}
    for source, target in live.edges:
        targets.setdefault(source, []).append(target)
    last = len(live.nodes) - 1
    found: Counter[str] = Counter()
    stack: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while stack and sum(found.values()) < _MOST:
        node, so_far = stack.pop()
        label = live.nodes[node]
        if kind(label) not in IDENTITY:
            so_far = (*so_far, label)
        if node == last:
            found[">".join(so_far[:_LONGEST])] += 1
            continue
        stack.extend((target, so_far) for target in sorted(targets.get(node, ()), reverse=True))
    return {name: float(count) for name, count in found.items()}


@register_encoding("stats", version=2)
def stats(space: SearchSpace, architecture: Architecture) -> Mapping[str, float]:
    """Compute numbers that do not depend on the order of nodes: operations in all and along paths, depth, paths.

    The numbers describe the part of the graph on paths from the input to the output: nodes and edges; for each
    operation, for all with weights and for all pooling, their count, and the largest, the smallest and the mean number
    on a path; the number of paths, of paths without weights and of paths without any operation.
    """
    live = _living_graph(space, architecture)
    kinds = sorted({label for label in live.nodes if kind(label) not in IDENTITY})
    weights = np.array(
        [[label == known for known in kinds] + [has_weights(label), is_pooling(label)] for label in live.nodes], float
    )
    names = [*kinds, "weighted", "pooling"]
    found = {"nodes": float(len(live.nodes)), "edges": float(len(live.edges))}
    found.update({f"count {name}": float(total) for name, total in zip(names, weights.sum(0), strict=True)})
    sources = live.sources
    n = len(live.nodes)
    number = np.zeros(n)
    total, most, least = np.zeros((n, len(names))), np.zeros((n, len(names))), np.zeros((n, len(names)))
    free, idle = np.zeros(n), np.zeros(n)  # paths without weights, without any operation
    for node in range(n):
        before = sources[node]
        if node == 0:
            number[0] = free[0] = idle[0] = 1
        elif not before:
            continue
        else:
            number[node] = number[before].sum()
            total[node] = total[before].sum(0)
            most[node], least[node] = most[before].max(0), least[before].min(0)
            free[node] = 0.0 if has_weights(live.nodes[node]) else free[before].sum()
            idle[node] = idle[before].sum() if kind(live.nodes[node]) in IDENTITY else 0.0
        total[node] += number[node] * weights[node]
        most[node] += weights[node]
        least[node] += weights[node]
    end = n - 1
    found |= {"paths": _log(number[end]), "paths free": _log(free[end]), "paths idle": _log(idle[end])}
    for i, name in enumerate(names):
        found[f"most {name}"], found[f"least {name}"] = float(most[end, i]), float(least[end, i])
        found[f"mean {name}"] = float(total[end, i] / max(number[end], 1))
    return found


def _living_graph(space: SearchSpace, architecture: Architecture) -> Graph:
    return living(joined(space.graph(architecture)))


def _log(count: float) -> float:
    # The number of paths can be very large, so its logarithm is used.
    return float(np.log2(1 + count))


def kind(label: str) -> str:
    """Return the operation of a label; "skip_connect:reduce" is one of a reduction cell."""
    return label.partition(":")[0]


def joined(graph: Graph) -> Graph:
    """Return the graph with one input and one output; recurrent cells, which have several, get an additional node."""
    feeding = {source for source, _ in graph.edges}
    fed = {target for _, target in graph.edges}
    n = len(graph.nodes)
    starts = [i for i in range(n) if i == 0 or (i not in fed and graph.nodes[i] in _STARTS)]
    ends = [i for i in range(n) if i == n - 1 or (i not in feeding and kind(graph.nodes[i]) in _ENDS)]
    if len(starts) == len(ends) == 1:
        return graph
    return Graph(
        ("input", *graph.nodes, "output"),
        (
            *((0, i + 1) for i in starts),
            *((source + 1, target + 1) for source, target in graph.edges),
            *((i + 1, n + 1) for i in ends),
        ),
    )


def living(graph: Graph) -> Graph:
    """Return the nodes on paths from first to last node without zero operations; input and output always."""
    n = len(graph.nodes)
    passes = [kind(label) not in ZERO for label in graph.nodes]
    reached, needed = [False] * n, [False] * n
    reached[0] = needed[n - 1] = True
    edges = sorted(graph.edges)
    for source, target in edges:  # sources come before targets
        if reached[source] and passes[target]:
            reached[target] = True
    for source, target in sorted(edges, key=lambda edge: -edge[0]):
        if needed[target] and passes[source]:
            needed[source] = True
    kept = [i for i in range(n) if (reached[i] and needed[i]) or i in (0, n - 1)]
    number = {old: new for new, old in enumerate(kept)}
    alive = {i for i in kept if reached[i] and needed[i]}
    return Graph(
        tuple(graph.nodes[i] for i in kept),
        tuple((number[a], number[b]) for a, b in edges if a in alive and b in alive),
    )


def has_weights(label: str) -> bool:
    """Return whether an operation has weights, according to its label."""
    operation = kind(label)
    return not (operation in IDENTITY | ZERO or operation.startswith(_FREE) or is_pooling(operation))


def is_pooling(label: str) -> bool:
    """Return whether an operation is pooling, according to its label."""
    return "pool" in label


@register_encoding(
    "wl",
    version=2,
    reference="Ru et al., 'Interpretable NAS via Bayesian Optimisation with Weisfeiler-Lehman Kernels', ICLR 2021, "
    "arXiv:2006.07556, section 3.1; on living operations, skips removed",
)
def wl(space: SearchSpace, architecture: Architecture) -> Mapping[str, float]:
    """Count each neighbourhood: an operation, its inputs, and their inputs.

    Weisfeiler-Lehman labels of the living graph without identities, three rounds along the edges; those with equal
    inputs are equal. The output's label after three rounds distinguishes all small cells.
    """
    live = without_identities(_living_graph(space, architecture))
    sources = live.sources
    labels = list(live.nodes)
    found: Counter[str] = Counter(labels)
    for _ in range(_ROUNDS):
        fed = [f"{live.nodes[i]}({','.join(sorted(labels[j] for j in sources[i]))})" for i in range(len(labels))]
        if fed == labels:
            break
        labels = fed
        found.update(labels)
    return {name: float(count) for name, count in found.items()}


def without_identities(graph: Graph) -> Graph:
    """Return the graph without identities: their inputs are connected to their outputs, possibly by several edges."""
    n = len(graph.nodes)
    feeds: list[list[int]] = [[] for _ in range(n)]  # for each node, its inputs through identities
    sources = graph.sources
    ends = (0, n - 1)
    kept = [i for i in range(n) if i in ends or kind(graph.nodes[i]) not in IDENTITY]
    number = {old: new for new, old in enumerate(kept)}
    for node in range(n):
        for source in sources[node]:
            feeds[node] += [source] if source in number else feeds[source]
    edges = sorted((number[source], number[node]) for node in kept for source in feeds[node])
    return Graph(tuple(graph.nodes[i] for i in kept), tuple(edges))
