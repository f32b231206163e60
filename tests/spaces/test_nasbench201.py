"""NAS-Bench-201's cells and their networks."""

import functools
import itertools
import random
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.errors import InvalidArchitectureError, UnknownNameError
from zcbench.spaces.nasbench201 import EDGES, OPERATIONS
from zcbench.types import Architecture

SPACE = zcbench.get_space("nasbench201")
CELLS = st.tuples(*[st.sampled_from(OPERATIONS)] * 6).map(SPACE.from_choices)


@functools.cache
def everything():
    return tuple(SPACE)


def some(number, seed=0):
    return random.Random(seed).sample(everything(), number)


# -- strings -----------------------------------------------------------------------------------


def test_there_are_15625_different_strings():
    assert SPACE.size == len(set(everything())) == 15_625
    assert all(architecture in SPACE for architecture in everything()[::1000])
    assert Architecture("digits-201", everything()[0].key) not in SPACE
    assert everything()[0].key not in SPACE


@given(st.tuples(*[st.sampled_from(OPERATIONS)] * 6))
def test_strings_are_read_back(operations):
    architecture = SPACE.from_choices(operations)
    assert SPACE.choices(architecture) == operations
    assert SPACE.parse(architecture.key) == SPACE.parse(f" {architecture}\n") == architecture


def test_the_string_names_each_edge_by_its_source():
    one, two, three, four, five = OPERATIONS
    cell = SPACE.parse(f"|{one}~0|+|{two}~0|{three}~1|+|{four}~0|{five}~1|{one}~2|")
    found = dict(zip(EDGES, SPACE.choices(cell), strict=True))
    assert found == {(0, 1): one, (0, 2): two, (1, 2): three, (0, 3): four, (1, 3): five, (2, 3): one}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nor_conv_3x3",
        "|none~0|+|none~0|none~1|+|none~0|none~1|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~1|",
        "|none~0|none~0|none~1|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|none~0|none~1|none~2|none~3|",
    ],
)
def test_malformed_strings(text):
    with pytest.raises(InvalidArchitectureError, match="is not a NAS-Bench-201 cell: write six edges such as"):
        SPACE.parse(text)
    with pytest.raises(InvalidArchitectureError):
        SPACE.choices(Architecture("nasbench201", text))


def test_unknown_operations_and_foreign_architectures():
    with pytest.raises(UnknownNameError, match="did you mean 'nor_conv_3x3'"):
        SPACE.parse("|nor_conv_3x4~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    foreign = zcbench.get_space("digits-201").parse(everything()[7].key)
    with pytest.raises(InvalidArchitectureError, match="belongs to the space 'digits-201', not to 'nasbench201'"):
        SPACE.choices(foreign)


# -- drawing and changing ----------------------------------------------------------------------


@given(CELLS)
def test_neighbours_are_all_cells_one_edge_away(cell):
    operations = SPACE.choices(cell)
    neighbours = SPACE.neighbors(cell)
    assert len(set(neighbours)) == len(neighbours) == 24
    for other in neighbours:
        assert sum(a != b for a, b in zip(operations, SPACE.choices(other), strict=True)) == 1


def test_mutation_draws_neighbours_evenly():
    rng, cell = np.random.default_rng(0), some(1)[0]
    drawn = Counter(SPACE.mutate(cell, rng) for _ in range(4800))
    assert set(drawn) == set(SPACE.neighbors(cell))
    assert max(drawn.values()) < 1.35 * 200
    assert min(drawn.values()) > 0.65 * 200


@given(CELLS, CELLS, st.integers(0, 2**32 - 1))
def test_children_take_every_edge_from_a_parent(a, b, seed):
    child = SPACE.crossover(a, b, np.random.default_rng(seed))
    edges = zip(*(SPACE.choices(cell) for cell in (a, b, child)), strict=True)
    assert all(z in (x, y) for x, y, z in edges)


def test_crossover_takes_edges_from_both():
    a, b = (SPACE.from_choices((operation,) * 6) for operation in OPERATIONS[:2])
    rng = np.random.default_rng(0)
    children = Counter(SPACE.crossover(a, b, rng) for _ in range(2000))
    assert len(children) == 64
    assert max(children.values()) < 60


def test_samples_are_uniform_and_follow_the_generator():
    draws = [[SPACE.sample(rng) for _ in range(3000)] for rng in (np.random.default_rng(1), np.random.default_rng(1))]
    assert draws[0] == draws[1]
    counts = Counter(op for cell in draws[0] for op in SPACE.choices(cell))
    assert all(abs(counts[operation] / 18_000 - 0.2) < 0.02 for operation in OPERATIONS)


def test_codes_are_one_hot():
    codes = np.stack([SPACE.encode(cell) for cell in everything()[::7]])
    assert codes.shape[1] == 30
    assert (codes.reshape(-1, 6, 5).sum(2) == 1).all()
    assert len(np.unique(codes, axis=0)) == len(codes)
    cell = everything()[1234]
    assert [OPERATIONS[i] for i in SPACE.encode(cell).reshape(6, 5).argmax(1)] == list(SPACE.choices(cell))


# -- equal cells -------------------------------------------------------------------------------


def test_published_counts_of_classes():
    assert len({SPACE.isomorphism_key(cell) for cell in everything()}) == 12_751
    assert len({SPACE.unique_key(cell) for cell in everything()}) == 6_466


def test_official_keys_are_those_of_the_package():
    structure = pytest.importorskip("nats_bench.genotype_utils").topology_str2structure
    for cell in some(300):
        official = structure(cell.key)
        assert SPACE.isomorphism_key(cell) == official.to_unique_str(consider_zero=False)
        assert SPACE.unique_key(cell) == official.to_unique_str(consider_zero=True)


def test_our_counts_of_classes():
    canonical = {SPACE.canonical(cell) for cell in everything()}
    assert len(canonical) == 11_640
    assert all(SPACE.canonical(cell) == cell for cell in canonical)
    functional = {}
    for cell in everything():
        functional.setdefault(SPACE.functional_key(cell), set()).add(SPACE.unique_key(cell))
    assert len(functional) == 4_930
    assert sum(len(unique) for unique in functional.values()) == 6_466  # each official class is in one of ours


def polynomial(operations):
    """The cell as a function over integers modulo a prime: each operation another non-linear function of its input."""
    prime = 2**61 - 1
    functions = {
        "nor_conv_1x1": lambda x: (3 * x**3 + 5 * x + 7) % prime,
        "nor_conv_3x3": lambda x: (11 * x**3 + 2 * x**2 + 13) % prime,
        "avg_pool_3x3": lambda x: (17 * x**3 + 19 * x) % prime,
        "skip_connect": lambda x: x,
    }
    values = []
    for start in (123_456_789, 987_654_321_987):
        nodes = {0: [start], 1: [], 2: [], 3: []}
        for (source, target), operation in zip(EDGES, operations, strict=True):
            if operation != "none" and nodes[source]:  # what comes from nothing is nothing
                nodes[target].append(functions[operation](sum(nodes[source]) % prime))
        values.append(sum(nodes[3]) % prime if nodes[3] else None)
    return tuple(values)


def test_functional_classes_are_equal_functions_and_no_others():
    by_key, by_value = {}, {}
    for cell in everything():
        key, value = SPACE.functional_key(cell), polynomial(SPACE.choices(cell))
        assert by_key.setdefault(key, value) == value
        assert by_value.setdefault(value, key) == key
    assert len(by_value) == 4_930


def test_cells_of_one_canonical_form_have_equal_networks():
    space = zcbench.get_space("digits-201")
    classes = {}
    for cell in space:
        classes.setdefault(space.canonical(cell), []).append(cell)
    pairs = [cells for cells in classes.values() if len(cells) > 1]
    inputs = torch.randn(4, 1, 8, 8)
    for cells in random.Random(1).sample(pairs, 25):
        spectra = set()
        for cell in cells:
            network = space.build(cell)
            with torch.no_grad():
                for parameter in network.parameters():  # all weights of one shape alike, so order cannot matter
                    torch.manual_seed(parameter.numel())
                    parameter.copy_(torch.randn_like(parameter) * 0.1)
                output = network.eval()(inputs)
            parameters = sum(p.numel() for p in network.parameters())
            spectra.add((parameters, round(float(output.double().norm()), 3)))
        assert len(spectra) == 1, cells


def test_a_shared_convolution_is_not_two_separate_ones():
    shared = SPACE.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|")
    separate = SPACE.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|")
    assert SPACE.functional_key(shared) == SPACE.functional_key(separate)
    assert SPACE.canonical(shared) != SPACE.canonical(separate)


# -- networks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [10, 100, 120])
def test_parameters_follow_the_published_formula(classes):
    for cell in some(200, seed=classes):
        operations = SPACE.choices(cell)
        convolutions = 9 * operations.count("nor_conv_3x3") + operations.count("nor_conv_1x1")
        normalised = operations.count("nor_conv_3x3") + operations.count("nor_conv_1x1")
        # Five cells in each of three stages of 16, 32 and 64 channels; batch norm has two numbers per channel.
        cells = sum(5 * (c * c * convolutions + 2 * c * normalised) for c in (16, 32, 64))
        stem = 3 * 16 * 9 + 2 * 16
        reductions = sum(c * 2 * c * 9 + 4 * c + 4 * c * c * 9 + 4 * c + c * 2 * c for c in (16, 32))
        head = 2 * 64 + 64 * classes + classes
        network = SPACE.build(cell, num_classes=classes)
        assert sum(p.numel() for p in network.parameters()) == cells + stem + reductions + head


def test_parameters_are_those_of_the_table(data_folder):
    table = zcbench.load_benchmark("nasbench201")
    for row in np.random.RandomState(0).choice(len(table), 60, replace=False):
        network = table.build(table.architectures[row], "cifar10")
        assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(
            table.facts["params_M"][row], abs=1e-6
        )


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
