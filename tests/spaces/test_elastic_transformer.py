"""Strings and neighbours of the small encoders."""

import itertools

import numpy as np
import pytest

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space

SPACE = get_space("elastic-transformer")


def test_size_and_ends():
    assert SPACE.size == 3 * (9 + 81 + 729) == 2457 == len({one.key for one in SPACE})
    assert SPACE.smallest.key == "16|h1f16"
    assert SPACE.largest.key == "32|h4f64,h4f64,h4f64"
    assert SPACE.parts(SPACE.parse("24|h2f64,h4f32")) == (24, [(2, 64), (4, 32)])


def test_what_is_read():
    text = "24|h2f64,h4f32"
    assert SPACE.parse([24, [[2, 64], [4, 32]]]).key == SPACE.parse("24 | h2f64, h4f32").key == text
    for wrong in (
        "24",
        "24|",
        "20|h2f64",
        "24|h3f64",
        "24|h2f48",
        "24|h2f64,",
        "24|h2f64,x",
        "|h2f64",
        "24|" + "h1f16," * 4,
    ):
        with pytest.raises(InvalidArchitectureError):
            SPACE.parse(wrong)
    for wrong in ([24, [[2, 64, 1]]], [24, []], [24], [24, 3], [[24], [[2, 64]]]):
        with pytest.raises(InvalidArchitectureError):
            SPACE.parse(wrong)


def test_neighbours_are_one_change_away():
    everything = [SPACE.parts(one) for one in SPACE]

    def near(a, b):
        (width, layers), (other, others) = a, b
        if len(layers) == len(others):
            changes = [x != y for one, two in zip(layers, others, strict=True) for x, y in zip(one, two, strict=True)]
            return sum(changes) + (width != other) == 1
        shorter, longer = sorted((layers, others), key=len)
        dropped = width == other and longer[: len(shorter)] == shorter and len(longer) == len(shorter) + 1
        return dropped and (longer is layers or longer[-1] == shorter[-1])

    for one in list(SPACE)[::350]:
        wanted = {SPACE.of(*other) for other in everything if near(SPACE.parts(one), other)}
        assert set(SPACE.neighbors(one)) == wanted


def test_codes_and_graphs_tell_networks_apart():
    assert len({SPACE.encode(one).tobytes() for one in SPACE}) == SPACE.size
    assert SPACE.graph(SPACE.parse("24|h2f64,h4f32")).nodes == ("input", "w24h2f64", "w24h4f32", "output")


def test_children_take_layers_of_either_parent():
    rng = np.random.default_rng(0)
    a, b = SPACE.parse("16|h1f16,h1f16,h1f16"), SPACE.parse("32|h4f64")
    children = {SPACE.crossover(a, b, rng).key for _ in range(200)}
    layers = ("h1f16", "h4f64")
    wanted = {f"{w}|{one}{rest}" for w, one, rest in itertools.product((16, 32), layers, ("", ",h1f16,h1f16"))}
    assert children == wanted


def test_samples_are_uniform_over_depths_and_widths():
    rng = np.random.default_rng(0)
    found = [SPACE.parts(SPACE.sample(rng)) for _ in range(900)]
    assert all(abs(sum(width == one for width, _ in found) - 300) < 5 * 14.2 for one in (16, 24, 32))
    assert all(abs(sum(len(layers) == depth for _, layers in found) - 300) < 5 * 14.2 for depth in (1, 2, 3))
