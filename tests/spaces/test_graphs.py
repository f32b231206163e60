"""One form for all drawings of a graph, against trying all orders."""

import itertools
import random

import pytest

from zcbench.spaces._graphs import canonical_order, certificate
from zcbench.spaces.nasbenchnlp import NASBenchNLPSpace


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


@pytest.mark.parametrize("seed", range(30))
def test_recipes_in_other_words_have_one_form(seed):
    import json

    import numpy as np

    space, rng = NASBenchNLPSpace(), random.Random(seed)
    architecture = space.sample(np.random.default_rng(seed))
    recipe, states = space.recipe(architecture), space.cell(architecture).states
    order = [0, *rng.sample(range(1, states), states - 1)]
    names = {name: f"q{i}" for i, name in enumerate(rng.sample(list(recipe), len(recipe)))}
    names |= {f"h_{t}_{i}": f"h_{t}_{order[i]}" for t in ("prev", "new") for i in range(states)} | {"x": "x"}
    other = {}
    for name in rng.sample(list(recipe), len(recipe)):
        inputs = [names[source] for source in recipe[name]["input"]]
        if recipe[name]["op"] != "blend":
            rng.shuffle(inputs)
        other[names[name]] = {"op": recipe[name]["op"], "input": inputs}
    assert space.canonical(space.parse(json.dumps(other))) == space.canonical(architecture)


def test_what_recipes_must_be():
    space = NASBenchNLPSpace()
    good = {"a": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["a"]}}
    import json

    from zcbench.errors import InvalidArchitectureError

    space.parse(json.dumps(good))
    for change, message in (
        ({"b": {"op": "relu", "input": ["a"]}}, "node b needs 'op', one of linear"),
        ({"b": {"op": "blend", "input": ["a"]}}, "blend takes 3 to 3 inputs"),
        ({"b": {"op": "activation_tanh", "input": ["c"]}}, "node b has the unknown input 'c'"),
        ({"b": {"op": "activation_tanh", "input": ["x"]}}, "enters linear nodes only"),
        ({"a": {"op": "linear", "input": ["h_new_0"]}}, "wait for each other"),
        ({"b": {"op": "activation_tanh", "input": ["h_prev_3"]}}, "without gaps"),
        ({"x": {"op": "activation_tanh", "input": ["a"]}}, "x is an input"),
    ):
        with pytest.raises(InvalidArchitectureError, match=message):
            space.parse(json.dumps({**good, **change}))
    with pytest.raises(InvalidArchitectureError, match="there is no h_new_0"):
        space.parse(json.dumps({"a": good["a"]}))


def test_states_that_are_always_equal_are_one():
    space = NASBenchNLPSpace()
    twice = {
        "a": {"op": "linear", "input": ["x", "h_prev_0", "h_prev_1"]},
        "h_new_0": {"op": "activation_tanh", "input": ["a"]},
        "h_new_1": {"op": "activation_tanh", "input": ["a"]},
    }
    import json

    found = space.cell(space.canonical(space.parse(json.dumps(twice))))
    assert found.states == 1
    assert [node.operation for node in found.nodes] == ["linear", "activation_tanh"]
    assert len(found.nodes[0].inputs) == 3  # the width of the linear map stays
