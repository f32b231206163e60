"""A canonical form of small labelled directed graphs, independent of the numbering of their nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

Edge = tuple[int, int, str]


def canonical_order(labels: Sequence[str], edges: Sequence[Edge]) -> list[int]:
    """Return the nodes in an order that depends on the graph only, not on the numbering of its nodes.

    Colours of nodes are refined by those of their neighbours. Where nodes remain equal, each of them is individualised,
    one after the other, and the order with the smallest list of labels and edges is chosen (B. D. McKay, "Practical
    graph isomorphism", 1981). Nodes that can be exchanged without changing any edge are tried once.

    Args:
        labels: label of each node.
        edges: source, target, label.

    Returns:
        Numbers of nodes; two graphs are isomorphic if and only if labels and edges agree when written in this order.
    """
    into: list[list[tuple[str, int]]] = [[] for _ in labels]
    out: list[list[tuple[str, int]]] = [[] for _ in labels]
    for source, target, label in edges:
        into[target].append((label, source))
        out[source].append((label, target))
    first = _ranks(list(labels))
    return min(_orders(first, into, out), key=lambda order: certificate(labels, edges, order))


def after_sources(order: Iterable[int], sources: Callable[[int], Iterable[int]], known: Iterable[int]) -> list[int]:
    """Order nodes topologically, as close to ``order`` as possible: each node follows as soon as its inputs are placed.

    Args:
        order: an order of the nodes of a graph without cycles.
        sources: returns the sources of a node.
        known: nodes that are before all others.
    """
    before, waiting, placed = set(known), list(order), []
    while waiting:
        node = next(node for node in waiting if before.issuperset(sources(node)))
        waiting.remove(node)
        before.add(node)
        placed.append(node)
    return placed


def certificate(labels: Sequence[str], edges: Sequence[Edge], order: Sequence[int]) -> tuple[object, ...]:
    """Return labels and edges of a graph whose nodes are numbered by their position in ``order``."""
    place = {node: i for i, node in enumerate(order)}
    return tuple(labels[node] for node in order), tuple(sorted((place[a], place[b], label) for a, b, label in edges))


def _ranks(values: Sequence[object]) -> list[int]:
    number = {value: i for i, value in enumerate(sorted(set(values)))}  # type: ignore[type-var]
    return [number[value] for value in values]


def _refine(colors: list[int], into: list[list[tuple[str, int]]], out: list[list[tuple[str, int]]]) -> list[int]:
    count = 0
    while len(set(colors)) > count:
        count = len(set(colors))
        colors = _ranks(
            [
                (
                    colors[node],
                    tuple(sorted((label, colors[other]) for label, other in into[node])),
                    tuple(sorted((label, colors[other]) for label, other in out[node])),
                )
                for node in range(len(colors))
            ]
        )
    return colors


def _orders(colors: list[int], into: list[list[tuple[str, int]]], out: list[list[tuple[str, int]]]) -> list[list[int]]:
    colors = _refine(colors, into, out)
    cells: dict[int, list[int]] = defaultdict(list)
    for node, color in enumerate(colors):
        cells[color].append(node)
    alike = next((cells[color] for color in sorted(cells) if len(cells[color]) > 1), None)
    if alike is None:
        return [sorted(range(len(colors)), key=colors.__getitem__)]
    tried: list[int] = []
    for node in alike:
        # These nodes have the same edges to the same nodes, so one of them is enough.
        if not any(sorted(into[node]) == sorted(into[t]) and sorted(out[node]) == sorted(out[t]) for t in tried):
            tried.append(node)
    return [
        order
        for node in tried
        for order in _orders([2 * color - (i == node) for i, color in enumerate(colors)], into, out)
    ]
