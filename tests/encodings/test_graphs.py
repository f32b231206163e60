"""Graphs of recurrent cells, which have several inputs and outputs, and of pairs of cells."""

import numpy as np

import zcbench
from zcbench.encodings import get_encoding
from zcbench.encodings.graphs import has_weights, joined, living
from zcbench.types import Graph


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
    cells = zcbench.load_benchmark("chars-rnn").architectures
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
