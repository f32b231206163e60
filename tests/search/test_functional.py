"""Functional hashing: what is equal shares a hash, what is not does not, and what cannot be hashed is said."""

import collections

import numpy as np
import pytest
import torch
from torch import nn

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.search import FunctionalHash
from zcbench.search._functional import equality
from zcbench.spaces import FactorySpace, NASBench201Space, get_space

SMALL = NASBench201Space("small-201", channels=4, cells_per_stage=1, stages=1)
EDGES = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"


def cell(*operations):
    short = {"0": "none", "s": "skip_connect", "1": "nor_conv_1x1", "3": "nor_conv_3x3", "p": "avg_pool_3x3"}
    return SMALL.parse(EDGES.format(*(short[operation] for operation in operations)))


def test_classes_of_a_known_space():
    """At initialisation exactly the space's own classes, but for pooling of sums, of which the space does not know."""
    some = [architecture for architecture in SMALL if "avg_pool" not in architecture.key][::40]
    hashed = FunctionalHash(SMALL, gradients=False)
    classes, hashes = collections.defaultdict(set), collections.defaultdict(set)
    for architecture in some:
        classes[SMALL.functional_key(architecture)].add(hashed(architecture))
        hashes[hashed(architecture)].add(SMALL.functional_key(architecture))
    assert len(classes) < 0.8 * len(some)
    assert {len(found) for found in classes.values()} == {1}
    assert {len(found) for found in hashes.values()} == {1}


def test_pooling_a_sum_is_a_sum_of_pools():
    sum_of_pools, pool_of_sum = cell("1", "0", "0", "p", "p", "0"), cell("1", "s", "s", "0", "0", "p")
    hashed = FunctionalHash(SMALL)
    assert SMALL.functional_key(sum_of_pools) != SMALL.functional_key(pool_of_sum)
    assert hashed(sum_of_pools) == hashed(pool_of_sum)


def test_one_layer_used_twice_trains_otherwise_than_two():
    once, two = cell("3", "0", "s", "0", "s", "s"), cell("3", "3", "0", "0", "s", "s")
    assert FunctionalHash(SMALL, gradients=False)(once) == FunctionalHash(SMALL, gradients=False)(two)
    assert FunctionalHash(SMALL)(once) != FunctionalHash(SMALL)(two)


def test_nodes_may_be_renamed_and_dead_parts_count_nothing():
    hashed = FunctionalHash(SMALL)
    assert hashed(cell("3", "1", "0", "0", "s", "3")) == hashed(cell("1", "3", "0", "0", "3", "s"))
    assert hashed(cell("3", "0", "0", "1", "0", "0")) == hashed(cell("0", "0", "0", "1", "0", "0"))


def test_it_changes_nothing_global():
    before = torch.random.get_rng_state()
    FunctionalHash(SMALL)(cell("3", "1", "0", "0", "s", "3"))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.slow
def test_text_networks_are_hashed():
    space = get_space("flexibert")
    a, b = (space.sample(np.random.default_rng(seed)) for seed in (0, 1))
    hashed = FunctionalHash(space)
    assert hashed(a) == FunctionalHash(space)(a) != hashed(b)
    assert not hashed.notes()


def test_what_cannot_be_hashed_is_told_apart_by_its_name():
    def build(name):
        if name == "broken":
            raise RuntimeError("no such network")
        if name == "nan":
            return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2), nn.LogSoftmax(1), nn.Threshold(0, float("nan")))
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))

    space = FactorySpace("own", build, ("convolutional",), (3, 8, 8))
    space.build = lambda architecture, num_classes=10: build(architecture.key)
    hashed = FunctionalHash(space)
    assert hashed(space.parse("a")) == hashed(space.parse("b"))
    assert len({hashed(space.parse(name)) for name in ("broken", "nan", "a")}) == 3
    (note,) = hashed.notes()
    assert note.startswith("2 networks could not be hashed")
    assert "RuntimeError: no such network" in note


def test_spaces_without_networks_are_refused():
    with pytest.raises(InvalidInputError, match="functional hashing needs networks, but the space nds builds none"):
        equality("functional", get_space("nds"))
    with pytest.raises(InvalidInputError, match="unknown kind of equality"):
        equality("same", SMALL)


def test_a_search_evaluates_equal_networks_once():
    calls = []

    def evaluate(architecture):
        calls.append(architecture)
        return float(len(calls))

    found = zcbench.search(SMALL, evaluate, searcher="random", budget=40, equal="functional")
    hashed = FunctionalHash(SMALL)
    assert len({hashed(one) for one in calls}) == len(calls) == 40
    assert found.head["equal"] == "functional"
    assert found.spent["comparing"] > 0


def test_a_function_that_compares_networks_gives_a_text():
    space = zcbench.get_space("nasbench201")
    architecture = space.sample(np.random.default_rng(0))
    assert equality(lambda a: a.key[:3], space)(architecture) == architecture.key[:3]
    with pytest.raises(InvalidInputError, match=r"equal has no text for \|.*: ZeroDivisionError: division by zero"):
        equality(lambda a: 1 / 0, space)(architecture)
    with pytest.raises(InvalidInputError, match=r"equal returned 3 for \|.*: return a text"):
        equality(lambda a: 3, space)(architecture)
