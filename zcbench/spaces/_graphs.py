"""One form for all drawings of a small labelled directed graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

Edge = tuple[int, int, str]


def canonical_order(labels: Sequence[str], edges: Sequence[Edge]) -> list[int]:
    """The nodes in an order that depends on the graph alone, not on how its nodes were numbered.

    Colours of nodes are refined by those of their neighbours; where that leaves nodes alike, each in turn is set
    apart, and the order that gives the smallest list of labels and edges wins (B. D. McKay, "Practical graph
    isomorphism", 1981). Nodes that can change places without changing any edge are tried once.

    Args:
        labels: of each node.
        edges: source, target, label.

    Returns:
        Numbers of nodes; two graphs are isomorphic exactly if labels and edges agree when written in this order.
    """
    into: list[list[tuple[str, int]]] = [[] for _ in labels]
    out: list[list[tuple[str, int]]] = [[] for _ in labels]
    for source, target, label in edges:
        into[target].append((label, source))
        out[source].append((label, target))
    first = _ranks(list(labels))
    return min(_orders(first, into, out), key=lambda order: certificate(labels, edges, order))


def after_sources(order: Iterable[int], sources: Callable[[int], Iterable[int]], known: Iterable[int]) -> list[int]:
    """The nodes in that order as far as possible: each as soon as all that it takes its inputs from stand before it.

    Args:
        order: of the nodes of a graph without cycles.
        sources: of a node.
        known: nodes that stand before all others.
    """
    before, waiting, placed = set(known), list(order), []
    while waiting:
        node = next(node for node in waiting if before.issuperset(sources(node)))
        waiting.remove(node)
        before.add(node)
        placed.append(node)
    return placed


def certificate(labels: Sequence[str], edges: Sequence[Edge], order: Sequence[int]) -> tuple[object, ...]:
    """Labels and edges of a graph whose nodes are numbered by their place in ``order``."""
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
        # Twins: the same edges to the same nodes. One stands for all.
        if not any(sorted(into[node]) == sorted(into[t]) and sorted(out[node]) == sorted(out[t]) for t in tried):
            tried.append(node)
    return [
        order
        for node in tried
        for order in _orders([2 * color - (i == node) for i, color in enumerate(colors)], into, out)
    ]
