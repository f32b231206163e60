"""Strings and neighbours of the small MobileNets."""

import itertools

import numpy as np
import pytest

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space
from zcbench.types import Architecture

SPACE = get_space("elastic-mobilenet")


def test_size_and_ends():
    assert SPACE.size == (3 * 3 * 2 * 2) ** 2 == len({one.key for one in SPACE})
    assert SPACE.smallest.key == "d1w4k3e1|d1w8k3e1"
    assert SPACE.largest.key == "d3w12k5e3|d3w24k5e3"
    assert SPACE.stages(SPACE.largest) == [(3, 12, 5, 3), (3, 24, 5, 3)]


def test_what_is_read():
    text = "d2w8k3e3|d1w24k5e1"
    assert SPACE.parse(["d2w8k3e3", "d1w24k5e1"]).key == SPACE.parse(f" {text} ").key == text
    for wrong in (
        "d2w8k3e3",
        "d2w24k3e3|d1w24k5e1",
        "d4w8k3e3|d1w24k5e1",
        "d2w8k7e3|d1w24k5e1",
        f"{text}|{text}",
        "d2w8k3|",
    ):
        with pytest.raises(InvalidArchitectureError):
            SPACE.parse(wrong)
    with pytest.raises(InvalidArchitectureError):
        SPACE.stages(Architecture("elastic-transformer", text))


def test_neighbours_differ_in_one_number():
    everything = list(SPACE)

    def numbers(one):
        return list(itertools.chain(*SPACE.stages(one)))

    for one in everything[::400]:
        wanted = {b for b in everything if sum(x != y for x, y in zip(numbers(one), numbers(b), strict=True)) == 1}
        assert set(SPACE.neighbors(one)) == wanted
        assert len(wanted) == 2 * (2 + 2 + 1 + 1)


def test_codes_and_graphs_tell_networks_apart():
    assert len({SPACE.encode(one).tobytes() for one in SPACE}) == SPACE.size
    graph = SPACE.graph(SPACE.parse("d2w8k3e3|d1w24k5e1"))
    assert graph.nodes == ("input", "w8k3e3", "w8k3e3", "w24k5e1", "output")


def test_codes_have_what_stages_have_in_common():
    """Two networks that differ in one number differ in two columns, wherever they are."""
    one = SPACE.parse("d2w8k3e3|d1w24k5e1")
    code = SPACE.encode(one)
    assert code.shape == (20,) and code.sum() == 8
    assert all(np.abs(SPACE.encode(other) - code).sum() == 2 for other in SPACE.neighbors(one))


def test_children_take_each_number_from_either_parent():
    rng = np.random.default_rng(0)
    children = {SPACE.crossover(SPACE.smallest, SPACE.largest, rng).key for _ in range(3_000)}
    ends = itertools.product(*[(1, 3), (4, 12), (3, 5), (1, 3), (1, 3), (8, 24), (3, 5), (1, 3)])
    assert children == {"d{}w{}k{}e{}|d{}w{}k{}e{}".format(*one) for one in ends}


def test_samples_are_uniform_over_stages():
    rng = np.random.default_rng(0)
    depths = [SPACE.stages(SPACE.sample(rng))[0][0] for _ in range(900)]
    # a depth of three: 300 expected, standard deviation sqrt(900 x 1/3 x 2/3) = 14
    assert all(abs(depths.count(depth) - 300) < 5 * 14.2 for depth in (1, 2, 3))
