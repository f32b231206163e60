"""One form for all drawings of a graph, against trying all orders."""

import itertools
import random

import pytest

from zcbench.spaces._graphs import canonical_order, certificate


def draw(rng, nodes, density=0.4):
    labels = [rng.choice("ab") for _ in range(nodes)]
    edges = [
        (a, b, rng.choice(["", "x"])) for a, b in itertools.permutations(range(nodes), 2) if rng.random() < density
    ]
    return labels, edges


def shuffled(rng, labels, edges):
    place = list(range(len(labels)))
    rng.shuffle(place)
    moved = [""] * len(labels)
    for node, label in enumerate(labels):
        moved[place[node]] = label
    turned = [(place[a], place[b], label) for a, b, label in edges]
    rng.shuffle(turned)
    return moved, turned


def smallest(labels, edges):
    """The same form for all isomorphic graphs, found by trying every order."""
    return min(certificate(labels, edges, order) for order in itertools.permutations(range(len(labels))))


@pytest.mark.parametrize("seed", range(20))
def test_isomorphic_exactly_if_the_forms_agree(seed):
    rng = random.Random(seed)
    graphs = [draw(rng, rng.choice([3, 4, 5]), density=0.3) for _ in range(12)]
    graphs += [shuffled(rng, *graph) for graph in graphs]
    ours = [certificate(*graph, canonical_order(*graph)) for graph in graphs]
    slow = [smallest(*graph) for graph in graphs]
    for i, j in itertools.combinations(range(len(graphs)), 2):
        assert (ours[i] == ours[j]) == (slow[i] == slow[j])


def test_symmetric_graphs_take_no_time():
    ring = [(i, (i + 1) % 12, "") for i in range(12)]
    star = [(0, i, "") for i in range(1, 20)]
    for labels, edges in ((["a"] * 12, ring), (["a"] * 20, star), (["a"] * 24, [])):
        rng = random.Random(0)
        forms = {str(certificate(*g, canonical_order(*g))) for g in [shuffled(rng, labels, edges) for _ in range(5)]}
        assert len(forms) == 1
