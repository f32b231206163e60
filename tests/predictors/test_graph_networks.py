"""Graph encoders against loops over nodes and edges."""

import numpy as np
import pytest
import torch

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.predictors._graph_batches import as_batch, vocabulary
from zcbench.predictors.graph_networks import GATES, GCN, DualFlow, Flow, GraphBlock, GraphTransformer, PairClassifier
from zcbench.testing import easy_table
from zcbench.types import Graph

DIAMOND = Graph(("input", "a", "b", "c", "output"), ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4)))
CHAIN = Graph(("input", "b", "output"), ((0, 1), (1, 2)))
KNOWN = vocabulary([DIAMOND, CHAIN])
NETWORKS = {
    "gcn": lambda: GCN(len(KNOWN) + 2, 8, 2),
    "pairs": lambda: PairClassifier(len(KNOWN) + 2, 8, 2),
    "gates": lambda: GATES(len(KNOWN) + 2, 8, 3),
    "flan": lambda: __import__("zcbench.predictors.graph_networks", fromlist=["FLAN"]).FLAN(len(KNOWN) + 2, 8, 2, 2),
    "transformer": lambda: GraphTransformer(len(KNOWN) + 2, 8, 2),
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_padding_does_not_matter(name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    with torch.no_grad():
        together = network(as_batch([DIAMOND, CHAIN], KNOWN))
        alone = torch.cat([network(as_batch([graph], KNOWN)) for graph in (DIAMOND, CHAIN)])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_numbering_of_nodes_does_not_matter(name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    other = Graph(("input", "b", "a", "c", "output"), ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4)))
    with torch.no_grad():
        assert torch.allclose(network(as_batch([DIAMOND], KNOWN)), network(as_batch([other], KNOWN)), atol=1e-5)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_operations_and_edges_matter(name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    swapped = Graph(("input", "a", "b", "a", "output"), DIAMOND.edges)
    rewired = Graph(DIAMOND.nodes, ((0, 1), (1, 2), (2, 3), (3, 4)))
    with torch.no_grad():
        values = [float(network(as_batch([graph], KNOWN))[0]) for graph in (DIAMOND, swapped, rewired)]
    assert len({round(value, 6) for value in values}) == 3


@pytest.mark.parametrize("skip", [False, True])
def test_flow_is_a_loop_over_edges(skip):
    torch.manual_seed(0)
    flow = Flow(4, 3, skip)
    batch = as_batch([DIAMOND], KNOWN)
    states, operations = torch.randn(1, 5, 4), torch.randn(1, 5, 3)
    found = flow(states, operations, batch.adjacency.transpose(1, 2))[0]
    for node in range(5):
        inflow = torch.zeros(4)
        for source, target in DIAMOND.edges:
            if target == node:
                inflow = inflow + flow.mix(states[0, source])
        wanted = torch.sigmoid(flow.gate(operations[0, node])) * inflow
        if skip:
            wanted = wanted + flow.mix(states[0, node])
        assert torch.allclose(found[node], wanted, atol=1e-6)


def test_dual_flow_attends_to_what_feeds_a_node_and_itself():
    torch.manual_seed(0)
    layer = DualFlow(4, 3)
    batch = as_batch([DIAMOND], KNOWN)
    states, operations = torch.randn(1, 5, 4), torch.randn(1, 5, 3)
    edges = batch.adjacency.transpose(1, 2)
    found = layer(states, operations, edges)[0]
    values = layer.attend(states[0])
    for node in range(5):
        heard = [node] + [source for source, target in DIAMOND.edges if target == node]
        scores = torch.stack(
            [torch.nn.functional.leaky_relu(layer.mine(values[node]) + layer.theirs(values[j]), 0.2)[0] for j in heard]
        )
        mixed = sum(w * values[j] for w, j in zip(scores.softmax(0), heard, strict=True))
        attention = torch.sigmoid(layer.gate(operations[0, node])) * mixed + values[node]
        flow = layer.flow(states, operations, edges)[0, node]
        wanted = (layer.norms[0](flow) + layer.norms[1](attention)) / 2
        assert torch.allclose(found[node], wanted, atol=1e-5)


def test_feed_forward_mixes_along_and_against_edges():
    torch.manual_seed(0)
    block = GraphBlock(8, 4, 0.0).eval()
    block.out.weight.data.zero_()
    block.out.bias.data.zero_()  # attention says nothing
    batch = as_batch([DIAMOND], KNOWN)
    states = torch.randn(1, 5, 8)
    masks = torch.eye(5, dtype=torch.bool).expand(1, 4, 5, 5)
    found = block(states, batch.adjacency, masks)[0]
    normed = block.norms[1](states[0])
    for node in range(5):
        fed = sum((block.fed(normed[s]) for s, t in DIAMOND.edges if t == node), torch.zeros(8))
        feeds = sum((block.feeds(normed[t]) for s, t in DIAMOND.edges if s == node), torch.zeros(8))
        wide = torch.nn.functional.gelu(torch.cat([fed, feeds]) + block.own(normed[node]))
        assert torch.allclose(found[node], states[0, node] + block.down(wide), atol=1e-5)


def test_the_binary_relation_sorts_by_pairs_won():
    table = easy_table()
    predictor = zcbench.get_predictor("brp_nas:epochs=20").fit(table.known, table.targets)
    rows = predictor._rows(list(table.unseen))
    with torch.no_grad():
        odds = predictor.network_.log_odds(rows)
    wins = (odds > 0).sum(1).numpy()
    predicted = predictor.predict(table.unseen)
    order = np.argsort(predicted)
    assert (np.diff(wins[order]) >= 0).all()
    assert len(set(wins.tolist())) > 10


def test_gates_are_shut_by_operations():
    """Where every gate is shut nothing reaches the output: all graphs look alike."""
    network = GATES(len(KNOWN) + 2, 8, 3).eval()
    for flow in network.flows:
        flow.gate.bias.data.fill_(-1e4)
    with torch.no_grad():
        first, second = network(as_batch([DIAMOND, CHAIN], KNOWN))
    assert float(first) == pytest.approx(float(second), rel=1e-5)


def test_wrong_encodings_are_refused():
    table = easy_table()
    with pytest.raises(InvalidInputError, match="takes encodings of the kind 'graph'"):
        zcbench.get_predictor("gcn:encoding=onehot").fit(table.known, table.targets)
    with pytest.raises(InvalidInputError, match="takes encodings of the kind 'vector'"):
        zcbench.get_predictor("gp:encoding=graph").fit(table.known, table.targets)
