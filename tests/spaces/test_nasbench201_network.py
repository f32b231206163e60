"""Networks of NAS-Bench-201: parameters as published, the paper's equations written out."""

import functools
import itertools
import random

import numpy as np
import pytest
import torch
from published import count, weightless
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.spaces.nasbench201 import EDGES

SPACE = zcbench.get_space("nasbench201")


@functools.cache
def everything():
    return tuple(SPACE)


def some(number, seed=0):
    return random.Random(seed).sample(everything(), number)


@pytest.mark.parametrize("classes", [10, 100, 120])
def test_parameters_follow_the_published_formula(classes):
    for cell in some(40, seed=classes):
        operations = SPACE.choices(cell)
        convolutions = 9 * operations.count("nor_conv_3x3") + operations.count("nor_conv_1x1")
        normalised = operations.count("nor_conv_3x3") + operations.count("nor_conv_1x1")
        # Five cells in each of three stages of 16, 32 and 64 channels; batch norm has two numbers per channel.
        cells = sum(5 * (c * c * convolutions + 2 * c * normalised) for c in (16, 32, 64))
        stem = 3 * 16 * 9 + 2 * 16
        reductions = sum(c * 2 * c * 9 + 4 * c + 4 * c * c * 9 + 4 * c + c * 2 * c for c in (16, 32))
        head = 2 * 64 + 64 * classes + classes
        with weightless():
            network = SPACE.build(cell, num_classes=classes)
        assert count(network) == cells + stem + reductions + head


def test_parameters_are_those_of_the_table(data_folder):
    table = zcbench.get_benchmark("nasbench201")
    for row in np.random.RandomState(0).choice(len(table), 60, replace=False):
        with weightless():
            network = table.build(table.architectures[row], "cifar10")
        assert count(network) / 1e6 == pytest.approx(table.facts["params_M"][row], abs=1e-6)


@pytest.mark.parametrize(("space", "shape"), [("nasbench201", (3, 32, 32)), ("digits-201", (1, 8, 8))])
@pytest.mark.parametrize("classes", [10, 120])
def test_every_network_maps_images_to_logits(space, shape, classes):
    space = zcbench.get_space(space)
    for cell in itertools.islice(space, 0, None, 2500):
        assert space.build(cell, num_classes=classes)(torch.randn(2, *shape)).shape == (2, classes)


def by_hand(network, operations, x, stages, cells):
    """The network's function from the paper's figure 1, on the state dict, one torch function at a time."""
    state = network.state_dict()
    names = iter(state)

    def take():
        return state[next(names)]

    def norm(x):
        weight, bias, mean, variance, _ = (take() for _ in range(5))
        return F.batch_norm(x, mean.clone(), variance.clone(), weight, bias, training=True)

    def block(x, stride, padding):
        return norm(F.conv2d(F.relu(x), take(), stride=stride, padding=padding))

    x = norm(F.conv2d(x, take(), padding=1))
    for stage in range(stages):
        if stage:
            main = block(block(x, 2, 1), 1, 1)
            x = F.conv2d(F.avg_pool2d(x, 2), take()) + main
        for _ in range(cells):
            nodes = [x, 0, 0, 0]
            for (source, target), operation in zip(EDGES, operations, strict=True):
                value = nodes[source] if torch.is_tensor(nodes[source]) else torch.zeros_like(x)
                if operation == "skip_connect":
                    nodes[target] = nodes[target] + value
                elif operation == "avg_pool_3x3":
                    nodes[target] = nodes[target] + F.avg_pool2d(value, 3, 1, 1, count_include_pad=False)
                elif operation != "none":
                    wide = operation == "nor_conv_3x3"
                    nodes[target] = nodes[target] + block(value, 1, 1 if wide else 0)
            x = nodes[3] if torch.is_tensor(nodes[3]) else torch.zeros_like(x)
    weight, bias, mean, variance, _ = (take() for _ in range(5))
    x = F.relu(F.batch_norm(x, mean.clone(), variance.clone(), weight, bias, training=True))
    logits = F.linear(x.mean((2, 3)), take(), take())
    assert next(names, None) is None
    return logits


@pytest.mark.parametrize("seed", range(6))
def test_the_network_is_the_papers(seed):
    space = zcbench.get_space("nasbench201")
    cell = some(6, seed=40)[seed]
    torch.manual_seed(seed)
    network = space.build(cell)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    x = torch.randn(3, 3, 16, 16)
    expected = by_hand(network, space.choices(cell), x, stages=3, cells=5)
    torch.testing.assert_close(network(x), expected, rtol=1e-3, atol=1e-4)


def test_the_digits_network_is_a_small_one_of_the_same():
    space = zcbench.get_space("digits-201")
    cell = space.parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|")
    torch.manual_seed(0)
    network, x = space.build(cell), torch.randn(5, 1, 8, 8)
    expected = by_hand(network, space.choices(cell), x, stages=2, cells=1)
    torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-5)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert all(conv.bias is None for conv in convolutions)
    assert all(m.affine for m in network.modules() if isinstance(m, nn.BatchNorm2d))


def test_weights_follow_torchs_seed_alone():
    space, networks = zcbench.get_space("digits-201"), []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        networks.append([p.detach() for p in space.build(space.parse(everything()[-1].key)).parameters()])
    same, other = (all(torch.equal(a, b) for a, b in zip(networks[0], networks[k], strict=True)) for k in (2, 1))
    assert same
    assert not other
