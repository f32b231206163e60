"""The contract of search spaces, on every registered one."""

import itertools

import numpy as np
import pytest
import torch

import zcbench
from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space, list_spaces
from zcbench.spaces.table import TableSpace
from zcbench.types import Architecture, Graph

#: those with networks that can be built here
SPACES = [name for name in list_spaces() if not isinstance(get_space(name), TableSpace) and name != "timm"]
#: classes, and a small input where the usual one is large
SMALL = {"transnasbench101-micro": 64, "transnasbench101-macro": 64, "ofa-mbv3": 64, "ofa-mbv3-w1.2": 64}
TEXT = ("flexibert", "nasbenchnlp", "chars-rnn", "chars-bert")


def draws(space, count, seed=0):
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def inputs(space, samples=2):
    torch.manual_seed(1)
    if space.name in TEXT:
        return torch.randint(80, (samples, 12))
    channels, side = space.input_shape[0], SMALL.get(space.name, space.input_shape[-1])
    return torch.randn(samples, channels, side, side)


def build(space, architecture, classes=7, seed=3):
    torch.manual_seed(seed)
    return space.build(architecture, num_classes=90 if space.name in TEXT else classes)


@pytest.mark.parametrize("name", SPACES)
def test_strings(name):
    space = get_space(name)
    for architecture in draws(space, 20):
        assert architecture.space == name == space.name
        assert architecture in space
        assert "\n" not in architecture.key
        assert space.parse(architecture.key) == architecture
        assert space.parse(f"  {architecture.key}\n") == architecture
    assert Architecture("other", "x") not in space


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("text", ["", "nonsense", "1" * 5000, "[[[", "{}", "(0, 1)", "|~|", "é:ü", "__import__('os')"])
def test_strings_of_something_else(name, text):
    with pytest.raises((InvalidArchitectureError, LookupError)) as caught:
        get_space(name).parse(text)
    assert isinstance(caught.value, zcbench.errors.ZcbenchError)
    assert len(str(caught.value)) < 6000


@pytest.mark.parametrize("name", SPACES)
def test_architectures_of_other_spaces_are_refused(name):
    space, foreign = get_space(name), Architecture("elsewhere", draws(get_space(name), 1)[0].key)
    for use in (space.neighbors, space.canonical, space.encode, space.graph, space.build):
        with pytest.raises(InvalidArchitectureError, match="belongs to the space 'elsewhere'"):
            use(foreign)


@pytest.mark.parametrize("name", SPACES)
def test_samples_follow_from_the_seed_and_vary(name):
    space = get_space(name)
    assert draws(space, 10) == draws(space, 10)
    assert len(set(draws(space, 40))) > 25


@pytest.mark.parametrize("name", SPACES)
def test_neighbors_mutants_and_children_are_architectures(name):
    space, rng = get_space(name), np.random.default_rng(5)
    for a, b in itertools.pairwise(draws(space, 6)):
        near = space.neighbors(a)
        assert near
        assert a not in near
        assert len(set(near)) == len(near)
        for other in (*near[:: max(1, len(near) // 10)], space.mutate(a, rng), space.crossover(a, b, rng)):
            assert space.parse(other.key) == other
    a, b = draws(space, 2, seed=9)
    children = {space.crossover(a, b, rng) for _ in range(30)}
    assert space.crossover(a, a, rng) == a or space.canonical(space.crossover(a, a, rng)) == space.canonical(a)
    assert children


@pytest.mark.parametrize("name", SPACES)
def test_canonical_forms_stay(name):
    space = get_space(name)
    for architecture in draws(space, 30):
        once = space.canonical(architecture)
        assert space.canonical(once) == once
        assert space.parse(once.key) == once


@pytest.mark.parametrize("name", SPACES)
def test_a_canonical_form_is_the_same_network(name):
    """As far as sizes can tell: its weights stand in another order."""
    space = get_space(name)
    changed = [a for a in draws(space, 60, seed=2) if space.canonical(a) != a][:2]
    for architecture in changed:
        sizes = [
            sorted(p.numel() for p in build(space, each).parameters())
            for each in (architecture, space.canonical(architecture))
        ]
        assert sum(sizes[0]) == pytest.approx(sum(sizes[1]), rel=0.01)


@pytest.mark.parametrize("name", SPACES)
def test_enumeration_is_lazy_and_repeats_nothing(name):
    space = get_space(name)
    first = list(itertools.islice(space, 200))
    assert len(set(first)) == 200
    assert first == list(itertools.islice(space, 200))
    assert all(space.parse(architecture.key) == architecture for architecture in first[::40])


@pytest.mark.parametrize("name", [n for n in SPACES if get_space(n).size and get_space(n).size < 40_000])
def test_small_spaces_count_what_they_yield(name):
    space = get_space(name)
    everything = {architecture.key for architecture in space}
    assert len(everything) == space.size


@pytest.mark.parametrize("name", SPACES)
def test_codes_are_numbers_of_one_length(name):
    space = get_space(name)
    codes = [space.encode(architecture) for architecture in draws(space, 20)]
    assert {code.shape for code in codes} == {codes[0].shape}
    assert all(code.dtype == np.float64 and np.isfinite(code).all() for code in codes)
    assert len({code.tobytes() for code in codes}) > 10


@pytest.mark.parametrize("name", SPACES)
def test_graphs_have_no_cycles_and_one_way_in(name):
    space = get_space(name)
    for architecture in draws(space, 10):
        graph = space.graph(architecture)
        assert isinstance(graph, Graph)
        n = len(graph.nodes)
        assert all(0 <= a < n and 0 <= b < n for a, b in graph.edges)
        matrix = graph.adjacency()
        assert matrix.shape == (n, n)
        assert matrix.sum() == len(set(graph.edges))
        reach = np.linalg.matrix_power(np.eye(n) + matrix, n)
        assert (np.diag(reach) == 1).all()  # no way back to oneself
        assert graph.nodes.count("input") == 1
        assert any(label.startswith("output") for label in graph.nodes)


@pytest.mark.parametrize("name", SPACES)
def test_networks_run_and_learn(name):
    space = get_space(name)
    architecture = draws(space, 1, seed=4)[0]
    network, x = build(space, architecture), inputs(space)
    if name == "autoformer-32":
        x = x[:1]
    out = network(x)
    assert out.shape == ((*x.shape, 90) if name in TEXT else (len(x), 7))
    assert torch.isfinite(out).all()
    out.square().mean().backward()
    given = [p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in network.parameters()]
    assert np.mean(given) > 0.9
    again = build(space, architecture)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


DEEP = "[" * 5000 + "]" * 5000
WRONG = [
    *(None, True, 1.5, float("nan"), b"bytes", {}, [], (), set(), object(), len, [None] * 6, [[[]]], {1: 2}, -1),
    *(10**500, [1.5] * 6, ("x",) * 6, np.zeros(3), np.zeros((2, 2), bool), {"ks": None, "e": 1, "d": []}),
    *({"normal": 1, "reduce": [[1]]}, {"hidden_size": 1, "encoder_layers": [{}]}, {"layer_num": 12, "embed_dim": 192}),
    *("", "  ", "a\nb", "\ud800", "(" * 10**6, "[" * 10**6, "{" * 10**6, "-" * 10**6, "x" * 10**6, DEEP),
]


@pytest.mark.parametrize("name", list_spaces())
def test_what_is_no_architecture_of_a_space(name):
    space = get_space(name)
    for wrong in WRONG:
        if wrong is DEEP and not space.domains:
            continue  # a name may be any line of text
        with pytest.raises(InvalidArchitectureError) as caught:
            space.parse(wrong)
        assert len(str(caught.value)) < 2000
        if not isinstance(wrong, str):
            assert space.forms in str(caught.value)
            assert f"an architecture of {name}" in str(caught.value)


@pytest.mark.parametrize("name", list_spaces())
def test_an_architecture_and_its_string_are_taken_as_they_are(name):
    space = get_space(name)
    text = {"timm": "resnet18"}.get(name) or (
        "a name" if not space.domains else space.sample(np.random.default_rng(0)).key
    )
    architecture = space.parse(text)
    assert space.parse(architecture) == space.parse(np.str_(text)) == space.parse(f" {text}\n") == architecture
    with pytest.raises(InvalidArchitectureError, match="belongs to the space 'another'"):
        space.parse(Architecture("another", text))
