"""Recipes of NAS-Bench-NLP: which are one, and which are none."""

import json
import random

import pytest

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space
from zcbench.spaces.nasbenchnlp import NASBenchNLPSpace


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
        ({"b": {"op": "activation_tanh", "input": ["x"]}}, "is allowed in linear nodes only"),
        ({"a": {"op": "linear", "input": ["h_new_0"]}}, "form a cycle"),
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


def test_recipes_as_mappings_and_as_text():
    space = get_space("nasbenchnlp")
    recipe = {"h_new_0": {"op": "linear", "input": ["x", "h_prev_0"]}}
    assert space.parse(recipe) == space.parse(json.dumps(recipe))
    with pytest.raises(InvalidArchitectureError):
        space.parse({"h_new_0": {"op": "linear", "input": []}})
