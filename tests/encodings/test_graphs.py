"""Encodings of graphs against slow, obvious computations; cells with several inputs and outputs, pairs of cells."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zcbench
from zcbench.encodings import get_encoding
from zcbench.encodings.graphs import (
    IDENTITY,
    ZERO,
    has_weights,
    is_pooling,
    joined,
    living,
    path,
    stats,
    without_identities,
    wl,
)
from zcbench.types import Graph


class Drawn:
    """A space whose only architecture is a graph."""

    name = "drawn"

    def __init__(self, graph):
        self._graph = graph

    def graph(self, architecture):
        return self._graph


@st.composite
def graphs(draw):
    """Directed acyclic graphs of up to seven operations, the first the input, the last the output."""
    n = draw(st.integers(0, 6))
    labels = [
        draw(st.sampled_from(["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]))
        for _ in range(n)
    ]
    pairs = list(itertools.combinations(range(n + 2), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=12))
    return Graph(("input", *labels, "output"), tuple(sorted(edges)))


def all_paths(graph):
    """Every path from the first node to the last, as tuples of nodes, that passes no zero operation."""
    targets = {}
    for source, target in graph.edges:
        targets.setdefault(source, []).append(target)

    def onward(node):
        if graph.nodes[node] in ZERO:
            return
        if node == len(graph.nodes) - 1:
            yield (node,)
        for target in targets.get(node, []):
            for rest in onward(target):
                yield (node, *rest)

    return list(onward(0))


@given(graphs())
def test_living_nodes_are_those_on_a_path(graph):
    alive = {node for nodes in all_paths(graph) for node in nodes} | {0, len(graph.nodes) - 1}
    found = living(graph)
    assert list(found.nodes) == [graph.nodes[i] for i in sorted(alive)]
    assert sorted(map(len, all_paths(found))) == sorted(map(len, all_paths(graph)))


@given(graphs())
def test_paths(graph):
    wanted = Counter(
        ">".join(graph.nodes[i] for i in nodes if graph.nodes[i] not in IDENTITY) for nodes in all_paths(graph)
    )
    assert path(Drawn(graph), None) == wanted


@given(graphs())
def test_stats(graph):
    found = stats(Drawn(graph), None)
    paths = all_paths(graph)
    kinds = {
        "weighted": has_weights,
        "pooling": is_pooling,
        **{label: lambda other, label=label: other == label for label in set(living(graph).nodes) - IDENTITY},
    }
    for name, matches in kinds.items():
        on_paths = [sum(matches(graph.nodes[i]) for i in nodes) for nodes in paths] or [0]
        assert found[f"most {name}"] == max(on_paths)
        assert found[f"least {name}"] == min(on_paths)
        assert found[f"mean {name}"] == pytest.approx(np.mean(on_paths))
        assert found[f"count {name}"] == sum(map(matches, living(graph).nodes))
    free = sum(not any(has_weights(graph.nodes[i]) for i in nodes) for nodes in paths)
    idle = sum(all(graph.nodes[i] in IDENTITY for i in nodes) for nodes in paths)
    assert [found[name] for name in ("paths", "paths free", "paths idle")] == pytest.approx(
        np.log2(1 + np.array([len(paths), free, idle]))
    )


@given(graphs(), st.randoms())
def test_neighbourhoods_do_not_depend_on_the_numbering(graph, random):
    n = len(graph.nodes)
    rank = list(range(1, n - 1))
    random.shuffle(rank)
    order = [0, *rank, n - 1]
    if any(order.index(a) > order.index(b) for a, b in graph.edges):
        return
    new = {old: i for i, old in enumerate(order)}
    other = Graph(tuple(graph.nodes[i] for i in order), tuple(sorted((new[a], new[b]) for a, b in graph.edges)))
    assert wl(Drawn(graph), None) == wl(Drawn(other), None)


@given(graphs())
def test_without_identities_the_paths_are_the_same(graph):
    live = living(graph)
    short = without_identities(live)
    assert not set(short.nodes[1:-1]) & IDENTITY
    assert path(Drawn(short), None) == path(Drawn(live), None)


def test_recurrent_cells_have_several_inputs_and_outputs():
    cell = Graph(
        ("input", "h_prev", "h_prev", "linear", "activation_tanh", "linear", "output", "h_new"),
        ((0, 3), (1, 3), (3, 4), (2, 5), (4, 6), (5, 7)),
    )
    whole = joined(cell)
    assert whole.nodes == ("input", *cell.nodes, "output")
    assert {edge for edge in whole.edges if 0 in edge} == {(0, 1), (0, 2), (0, 3)}
    assert {edge for edge in whole.edges if len(whole.nodes) - 1 in edge} == {(7, 9), (8, 9)}
    live = living(whole)
    assert sorted(live.nodes) == sorted(whole.nodes)  # nothing that leads to the next state is dead
    straight = Graph(("input", "conv", "output"), ((0, 1), (1, 2)))
    assert joined(straight) is straight


def test_recurrent_cells_are_told_apart():
    space = zcbench.get_space("chars-rnn")
    cells = zcbench.get_benchmark("chars-rnn").architectures
    rows = get_encoding("stats").rows(cells)
    assert len({tuple(sorted(row.items())) for row in rows}) == len(cells)
    counted = [sum(label == "linear" for label in space.graph(cell).nodes) for cell in cells]
    assert all(0 < row["count weighted"] <= count for row, count in zip(rows, counted, strict=True))
    assert not has_weights("activation_tanh")
    assert not has_weights("blend")


def test_reduction_cells_have_the_same_operations():
    assert not has_weights("skip_connect:reduce")
    assert not has_weights("output:reduce")
    assert not has_weights("avg_pool_3x3:reduce")
    assert has_weights("sep_conv_3x3:reduce")
    space = zcbench.get_space("nasbench301")
    cell = space.sample(np.random.default_rng(0))
    labels = space.graph(cell).nodes
    assert any(label == "skip_connect:reduce" for label in labels)
    assert not any("skip_connect" in label for label in get_encoding("flow-graph").rows([cell])[0].nodes)
    (row,) = get_encoding("stats").rows([cell])
    assert row["count weighted"] == sum("conv" in label for label in labels)
