"""Encodings against slow, obvious computations."""

import copy
import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import registry_as_it_was

import zcbench
from zcbench.encodings import ColumnEncoding, CurveEncoding, ProxyEncoding, get_encoding
from zcbench.encodings.graphs import (
    IDENTITY,
    ZERO,
    has_weights,
    is_pooling,
    living,
    path,
    stats,
    without_identities,
    wl,
)
from zcbench.errors import InvalidArchitectureError, InvalidInputError, UnknownNameError
from zcbench.types import Architecture, Graph

SPACE = zcbench.get_space("digits-201")
KEY = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"


class Drawn:
    """A space whose only architecture is a graph."""

    name = "drawn"

    def __init__(self, graph):
        self._graph = graph

    def graph(self, architecture):
        return self._graph


@st.composite
def graphs(draw):
    """Directed acyclic graphs of up to seven operations, the first the input, the last the output."""
    n = draw(st.integers(0, 6))
    labels = [
        draw(st.sampled_from(["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]))
        for _ in range(n)
    ]
    pairs = list(itertools.combinations(range(n + 2), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=12))
    return Graph(("input", *labels, "output"), tuple(sorted(edges)))


def all_paths(graph):
    """Every path from the first node to the last, as tuples of nodes, that passes no zero operation."""
    targets = {}
    for source, target in graph.edges:
        targets.setdefault(source, []).append(target)

    def onward(node):
        if graph.nodes[node] in ZERO:
            return
        if node == len(graph.nodes) - 1:
            yield (node,)
        for target in targets.get(node, []):
            for rest in onward(target):
                yield (node, *rest)

    return list(onward(0))


@given(graphs())
def test_living_nodes_are_those_on_a_path(graph):
    alive = {node for nodes in all_paths(graph) for node in nodes} | {0, len(graph.nodes) - 1}
    found = living(graph)
    assert list(found.nodes) == [graph.nodes[i] for i in sorted(alive)]
    assert sorted(map(len, all_paths(found))) == sorted(map(len, all_paths(graph)))


@given(graphs())
def test_paths(graph):
    wanted = Counter(
        ">".join(graph.nodes[i] for i in nodes if graph.nodes[i] not in IDENTITY) for nodes in all_paths(graph)
    )
    assert path(Drawn(graph), None) == wanted


@given(graphs())
def test_stats(graph):
    found = stats(Drawn(graph), None)
    paths = all_paths(graph)
    kinds = {
        "weighted": has_weights,
        "pooling": is_pooling,
        **{label: lambda other, label=label: other == label for label in set(living(graph).nodes) - IDENTITY},
    }
    for name, matches in kinds.items():
        on_paths = [sum(matches(graph.nodes[i]) for i in nodes) for nodes in paths] or [0]
        assert found[f"most {name}"] == max(on_paths)
        assert found[f"least {name}"] == min(on_paths)
        assert found[f"mean {name}"] == pytest.approx(np.mean(on_paths))
        assert found[f"count {name}"] == sum(map(matches, living(graph).nodes))
    free = sum(not any(has_weights(graph.nodes[i]) for i in nodes) for nodes in paths)
    idle = sum(all(graph.nodes[i] in IDENTITY for i in nodes) for nodes in paths)
    assert [found[name] for name in ("paths", "paths free", "paths idle")] == pytest.approx(
        np.log2(1 + np.array([len(paths), free, idle]))
    )


@given(graphs(), st.randoms())
def test_neighbourhoods_do_not_depend_on_the_numbering(graph, random):
    n = len(graph.nodes)
    rank = list(range(1, n - 1))
    random.shuffle(rank)
    order = [0, *rank, n - 1]
    if any(order.index(a) > order.index(b) for a, b in graph.edges):
        return
    new = {old: i for i, old in enumerate(order)}
    other = Graph(tuple(graph.nodes[i] for i in order), tuple(sorted((new[a], new[b]) for a, b in graph.edges)))
    assert wl(Drawn(graph), None) == wl(Drawn(other), None)


@given(graphs())
def test_without_identities_the_paths_are_the_same(graph):
    live = living(graph)
    short = without_identities(live)
    assert not set(short.nodes[1:-1]) & IDENTITY
    assert path(Drawn(short), None) == path(Drawn(live), None)


def test_onehot_and_adjacency():
    architecture = SPACE.parse(KEY)
    assert get_encoding("onehot").rows([architecture])[0].tolist() == SPACE.encode(architecture).tolist()
    named = get_encoding("adjacency").rows([architecture])[0]
    graph = SPACE.graph(architecture)
    assert {name for name in named if ">" in name} == {f"{a}>{b}" for a, b in graph.edges}
    assert {name for name in named if "=" in name} == {f"{i}={label}" for i, label in enumerate(graph.nodes)}


def test_columns_are_those_of_the_training_set():
    first, second = SPACE.parse(KEY), SPACE.parse(KEY.replace("avg_pool_3x3", "none"))
    encoder = get_encoding("path+onehot").fit([first])
    assert [name for name in encoder.names if name.startswith("path")] == [
        "path[]",
        "path[nor_conv_3x3>avg_pool_3x3]",
        "path[nor_conv_3x3>nor_conv_1x1]",
    ]
    assert encoder.groups.tolist() == [0] * 3 + [1] * 30
    matrix = encoder.transform([first, second])
    assert matrix.shape == (2, 33)
    assert matrix[:, :3].tolist() == [[1, 1, 1], [1, 0, 1]]
    assert encoder.transform([]).shape == (0, 33)


def test_names():
    assert get_encoding("onehot") is get_encoding("onehot")
    assert get_encoding("onehot + stats").name == "onehot+stats"
    given = get_encoding("stats")
    assert get_encoding(given) is given
    for text, message in (
        ("onehot+", "unknown encoding ''"),
        ("onehott", "did you mean 'onehot'"),
        ("stats(a)", "brackets are for proxies"),
        ("curve(valid_nll)", "brackets are for proxies"),
        ("proxies(params", "brackets do not match"),
        ("onehot+graph", "graph gives no vectors"),
        ("proxies(nothing)", "unknown proxy 'nothing'"),
    ):
        with pytest.raises((UnknownNameError, InvalidInputError), match=message.replace("(", r"\(")):
            get_encoding(text)


@pytest.mark.parametrize("epochs", ["²", "٣", "-1", "1e3", " 3", "", "9" * 12])
def test_epochs_of_curves_are_plain_numbers(epochs):
    with pytest.raises(InvalidInputError, match="brackets are for"):
        get_encoding(f"curve(valid_nll/{epochs})")


@pytest.mark.parametrize(
    ("declared", "function", "message"),
    [
        ({"version": 1.5}, lambda space, architecture: [1], "version must be a positive integer"),
        ({"version": "1"}, lambda space, architecture: [1], "version must be a positive integer"),
        ({"kind": None}, lambda space, architecture: [1], "unknown kind None"),
        ({"reference": ()}, lambda space, architecture: [1], "reference must be text"),
        ({"override": 0}, lambda space, architecture: [1], "override must be True or False"),
        ({}, lambda architecture: [1], "is called with 2 arguments"),
        ({}, "onehot", "function must be a function"),
    ],
)
def test_declarations_out_of_range(declared, function, message):
    before = zcbench.list_encodings()
    with pytest.raises(InvalidInputError, match=message):
        zcbench.register_encoding("t-x", **declared)(function)
    assert zcbench.list_encodings() == before


def test_an_encoding_of_ones_own():
    with registry_as_it_was():

        @zcbench.register_encoding("t-length")
        def length(space, architecture):
            """How long the string is."""
            return [len(architecture.key)]

        assert get_encoding("t-length").rows([SPACE.parse(KEY)])[0].tolist() == [len(KEY)]
        with pytest.raises(InvalidInputError, match="unknown kind 'table'"):
            zcbench.register_encoding("t-other", kind="table")


def test_rows_are_remembered_shared_and_left_out_of_pickles(monkeypatch):
    calls = []
    encoding = zcbench.Encoding("counting", lambda space, architecture: calls.append(1) or [1.0])
    architectures = [a for a, _ in zip(SPACE, range(5), strict=False)]
    for _ in range(3):
        encoding.rows(architectures)
    assert len(calls) == 5
    assert copy.deepcopy(encoding) is encoding
    monkeypatch.setattr("zcbench.encodings._base.REMEMBERED", 3)
    encoding.rows([a for a, _ in zip(SPACE, range(9), strict=False)])
    assert len(encoding._known) <= 3
    stats = get_encoding("stats")
    stats.rows(architectures)
    assert not pickle.loads(pickle.dumps(stats))._known


def test_vectors_of_different_lengths_are_of_different_spaces():
    other = zcbench.get_space("nasbenchmacro").sample(np.random.default_rng(0))
    encoder = get_encoding("onehot").fit([SPACE.parse(KEY)])
    with pytest.raises(InvalidInputError, match="fits one search space only"):
        encoder.transform([other])
    mixed = get_encoding("stats").fit([SPACE.parse(KEY), other])
    assert mixed.transform([SPACE.parse(KEY), other]).shape[0] == 2


def test_names_of_a_table_cannot_be_encoded():
    with pytest.raises(InvalidArchitectureError, match="only a name"):
        get_encoding("onehot").rows([Architecture("table", "mobilenet")])


def test_proxies_are_those_of_score():
    from zcbench._process import stable_seed
    from zcbench.encodings.proxies import stand_in

    architecture = SPACE.parse(KEY)
    row = get_encoding("proxies(params+synflow+naswot)").rows([architecture])[0]
    batch = stand_in(SPACE)
    seed = stable_seed("network", "digits-201", KEY, 0)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = SPACE.build(architecture)
    scores = zcbench.score(network, batch.inputs, batch.targets, ["params", "synflow", "naswot"], seed=seed)
    assert row.tolist() == [float(score) for score in scores.values()]
    assert batch.inputs.shape == (32, 1, 32, 32)


def test_proxies_that_were_measured_elsewhere():
    encoding = ProxyEncoding(["params", "naswot"])
    architectures = [SPACE.parse(KEY)]
    encoding.remember(architectures, {"params": [7.0], "naswot": [np.nan], "more": [1.0]})
    assert np.array_equal(encoding.rows(architectures)[0], [7.0, np.nan], equal_nan=True)
    with pytest.raises(InvalidInputError, match="needs naswot too"):
        encoding.remember(architectures, {"params": [7.0]})
    with pytest.raises(InvalidInputError, match="one number of each column"):
        encoding.remember(architectures, {"params": [7.0, 8.0], "naswot": [1.0]})
    assert encoding.members == ("params", "naswot")
    assert get_encoding("onehot+proxies(params)+proxies(params+snip)").members == ("params", "snip")


def test_a_network_that_cannot_be_built_has_gaps():
    row = ProxyEncoding(["params"], space=zcbench.get_space("table")).rows([Architecture("table", "x")])[0]
    assert np.isnan(row).all()


def test_columns_of_a_table():
    encoding = ColumnEncoding(["a", "b"])
    known = Architecture("table", "one")
    encoding.remember([known], {"a": [1.0], "b": [2.0], "c": [3.0]})
    assert encoding.rows([known])[0].tolist() == [1.0, 2.0]
    assert pickle.loads(pickle.dumps(encoding)).rows([known])[0].tolist() == [1.0, 2.0]
    with pytest.raises(InvalidInputError, match="no row of two"):
        encoding.rows([Architecture("table", "two")])


def test_columns_of_a_benchmark():
    benchmark = zcbench.load_benchmark("digits-201")
    encoding = ColumnEncoding.of(benchmark)
    row = encoding.rows(benchmark.architectures[:1])[0]
    assert row.tolist() == [benchmark.facts[name][0] for name in sorted(benchmark.facts)]
    with pytest.raises(UnknownNameError, match="unknown column 'parms'"):
        ColumnEncoding.of(benchmark, ["parms"])
    with pytest.raises(InvalidInputError, match="say whose columns"):
        get_encoding("columns").rows(benchmark.architectures[:1])


def test_curves_and_their_differences():
    encoding = get_encoding("curve(valid_nll/3)")
    assert isinstance(encoding, CurveEncoding)
    known = Architecture("table", "one")
    encoding.remember([known], np.array([[4.0, 2.0, 1.5, 9.0]]))
    assert encoding.rows([known])[0].tolist() == [4.0, 2.0, 1.5, -2.0, -0.5, 1.5]
    assert encoding.beginnings([known]).tolist() == [[4.0, 2.0, 1.5]]
    assert get_encoding("curve(valid_nll/3)") is not encoding  # what one table knows another does not
    for curves, message in ((np.zeros((1, 2)), "only 2 epochs"), (np.zeros((2, 3)), "of shape")):
        with pytest.raises(InvalidInputError, match=message):
            encoding.remember([known], curves)
    with pytest.raises(InvalidInputError, match="no learning curve of two"):
        encoding.rows([Architecture("table", "two")])
    with pytest.raises(InvalidInputError, match="at least one epoch"):
        get_encoding("curve(valid_nll/0)")


def test_layers():
    row = get_encoding("layers").rows([SPACE.parse(KEY)])[0]
    with torch.device("cpu"):
        network = SPACE.build(SPACE.parse(KEY))
    sizes = {name: p.numel() for name, p in network.named_parameters() if p.dim() > 1}
    assert dict(zip(row.names, 10 ** row.values[:, 0], strict=True)) == pytest.approx(sizes)
    assert row.values.shape == (len(sizes), 6)
    assert (row.values[:, 3] >= row.values[:, 4] - 1e-9).all()  # |sum| is at most the sum of |.|
    assert row.values[-1, 2] > -12  # the classifier has a gradient
