"""NAS-Bench-201's cells and their networks."""

import functools
import json
import random
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import zcbench
from zcbench.datasets.own import own_benchmark
from zcbench.errors import InvalidArchitectureError, UnknownNameError
from zcbench.spaces import get_space
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


def naslib_string(numbers):
    """NASLib's six numbers as the benchmark's string, spelled out: edges 1-2, 1-3, 1-4, 2-3, 2-4, 3-4."""
    names = ["skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3"]
    e12, e13, e14, e23, e24, e34 = (names[number] for number in numbers)
    return f"|{e12}~0|+|{e13}~0|{e23}~1|+|{e14}~0|{e24}~1|{e34}~2|"


@given(st.tuples(*[st.integers(0, 4)] * 6))
def test_naslibs_numbers(numbers):
    space = get_space("nasbench201")
    for form in (numbers, list(numbers), np.array(numbers), torch.tensor(numbers), str(numbers), json.dumps(numbers)):
        assert space.parse(form).key == naslib_string(numbers)


def test_naslibs_numbers_have_the_accuracies_of_the_strings(data_folder):
    pq = pytest.importorskip("pyarrow.parquet")
    columns = ["arch_str", "encoding_naslib", "cifar10_valid_acc_200ep"]
    table = pq.read_table(data_folder / "nasbench201" / "nb201_accuracies.parquet", columns=columns)
    space, accuracy = get_space("nasbench201"), {}
    for text, numbers, value in zip(*table.to_pydict().values(), strict=True):
        accuracy[text] = value
        assert space.parse(numbers).key == text
    # The other way, over the accuracies that NASLib's authors published beside their numbers.
    zero = pq.read_table(data_folder / "nbsuitezero" / "zc_nasbench201_725x3.parquet")
    rows = [row for row in zero.select(["dataset", "arch", "val_accuracy"]).to_pylist() if row["dataset"] == "cifar10"]
    ours, theirs = np.array([(accuracy[space.parse(row["arch"]).key], row["val_accuracy"]) for row in rows]).T
    assert len(rows) == 725
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


def test_numbers_of_the_benchmarks_lists(data_folder):
    import gzip

    for name, file in (("nasbench201", "NATS-tss-v1_0-3ffb9"), ("nats-size", "NATS-sss-v1_0-50262")):
        path = data_folder / "nats_fixtures" / f"{file}-simple__meta_archs.json.gz"
        content = json.loads(gzip.decompress(path.read_bytes()))
        cells = content["meta_archs"] if isinstance(content, dict) else content
        space = get_space(name)
        for number in (*range(0, len(cells), 97), len(cells) - 1):
            assert space.parse(number).key == space.parse(str(number)).key == cells[number]
        for number in (-1, len(cells)):
            with pytest.raises(InvalidArchitectureError, match=f"are numbered from 0 to {len(cells) - 1}"):
                space.parse(number)


def test_the_best_known_numbers():
    # Stated in the packages' own documentation and checks: index 0, and 284 as the example.
    space = get_space("nasbench201")
    first = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    assert space.parse(0).key == space.parse(np.int64(0)).key == first
    assert sorted(space.parse(i).key for i in range(space.size)) == sorted(a.key for a in space)
    assert get_space("nats-size").parse(284).key == "8:8:40:32:40"


def test_other_forms_of_a_cell():
    space = get_space("nasbench201")
    operations = ("nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3")
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    a, b, c, d, e, f = operations
    nodes = (((a, 0),), ((b, 0), (c, 1)), ((d, 0), (e, 1), (f, 2)))
    edges = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    by_edge = {f"{source}_{target}": o for (source, target), o in zip(edges, operations, strict=True)}
    arrows = {f"{target}<-{source}": o for (source, target), o in zip(edges, operations, strict=True)}
    pairs = dict(zip(edges, operations, strict=True))
    for form in (operations, nodes, by_edge, arrows, pairs, {"arch_str": text, "C": 16}):
        assert space.parse(form).key == space.parse(str(form)).key == text
    for wrong, reason in (
        ({"0_1": "nor_conv_3x3"}, "the mapping has no edge '0_2'"),
        ({**by_edge, "3_4": "none"}, "more than the six edges"),
        ({**by_edge, "0_1": "conv"}, "operations are none, skip_connect"),
        ((5, 0, 0, 0, 0, 0), "NASLib numbers operations from 0 to 4"),
        ((True, 0, 0, 0, 0, 0), "a list is given"),
        ((0, 0, 0, 0, 0), "5 choices are given, not 6"),
        (nodes[::-1], "node 1, 2 and 3 are lists"),
    ):
        with pytest.raises(InvalidArchitectureError, match=reason):
            space.parse(wrong)
    with pytest.raises(UnknownNameError, match="did you mean 'nor_conv_3x3'"):
        space.parse(text.replace("|nor_conv_3x3~0|+", "|nor_conv3x3~0|+"))


def test_forms_in_a_column_of_a_table(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text('cell,acc\n"(4, 0, 3, 1, 4, 3)",90\n"(0, 0, 0, 0, 0, 0)",80\n"[1, 2, 3, 4, 0, 1]",85\n')
    table = own_benchmark(path, "acc", arch="cell", space="nasbench201")
    wanted = [(4, 0, 3, 1, 4, 3), (0,) * 6, (1, 2, 3, 4, 0, 1)]
    assert [a.key for a in table.architectures] == [naslib_string(numbers) for numbers in wanted]
