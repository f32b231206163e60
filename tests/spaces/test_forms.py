"""The forms in which people give architectures: literals, NASLib's tuples, indices, matrices and mappings."""

import ast
import json
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zcbench.datasets.own import own_benchmark
from zcbench.errors import InvalidArchitectureError, UnknownNameError
from zcbench.spaces import get_space, list_spaces
from zcbench.spaces._forms import NotPlainError, literal, plain
from zcbench.types import Architecture

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=4)
    ),
    max_leaves=12,
)


# -- literals ----------------------------------------------------------------------------------


@given(VALUES)
def test_literals_of_python_and_of_json(value):
    assert literal(repr(value)) == value
    assert literal(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text", ["()", "(1,)", "(1, 2)", "[(0, 6), (1, 2)]", "(1)", "{(0, 1): 'a'}", " [1,\n2] ", "[1,]"]
)
def test_tuples_as_python_reads_them(text):
    assert literal(text) == ast.literal_eval(text.strip())


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "(",
            "[1",
            "(1, 2",
            "1 2",
            "[1 2]",
            "[,]",
            "{1}",
            "{1: }",
            "{'a': 1, 'a': 2}",
            "{[]: 1}",
            "{([],): 1}",
            "a",
        ),
        *("(1]", "1_0", "0x10", "--1", "1+2", "f(1)", "'a", "[1,,2]", "]", ",", "9" * 5000, "1.2.3", "nanx", "1e5e5"),
        *(
            "(" * 10**6,
            "[" * 10**6,
            "{" * 10**6,
            "-" * 10**6,
            "not " * 10**5,
            "[" * 100 + "]" * 100,
            "1," * 10**5 + ")",
        ),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_literal(text):
    with pytest.raises(NotPlainError):
        literal(text)


def test_a_literal_has_a_million_values_at_most():
    assert literal("[" + "[]," * 999_999 + "]")[-1] == []
    with pytest.raises(NotPlainError, match="more than 1,000,000 values"):
        literal("[" + "[]," * 1_000_000 + "]")


def test_objects_as_lists_and_mappings():
    Pair = namedtuple("Pair", "normal reduce")
    assert plain(Pair([("a", 0)], range(2))) == {"normal": [["a", 0]], "reduce": [0, 1]}
    assert plain((np.arange(2), np.float32(0.5), torch.ones(1, 2, dtype=torch.int8), np.str_("x"))) == [
        [0, 1], 0.5, [[1, 1]], "x",
    ]  # fmt: skip
    around: list = []
    around.append(around)
    for odd in (
        around,
        b"x",
        {1, 2},
        object(),
        [0] * 20_000,
        np.zeros(10**6),
        [[0] * 5000] * 5000,
        {1.5: 2},
        np.zeros(2, "V3"),
    ):
        with pytest.raises(NotPlainError):
            plain(odd)


# -- every space -------------------------------------------------------------------------------

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


# -- NAS-Bench-201 and NATS-Bench --------------------------------------------------------------

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


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


# -- the other spaces --------------------------------------------------------------------------


def test_darts():
    space = get_space("nasbench301")
    lists = "[(0,6),(1,2),(1,4),(0,6),(0,6),(1,3),(4,0),(3,6)]"
    expected = (
        "dil_conv_5x5~0,skip_connect~1|sep_conv_5x5~1,dil_conv_5x5~0|dil_conv_5x5~0,sep_conv_3x3~1"
        "|max_pool_3x3~4,dil_conv_5x5~3"
    )
    cell = [tuple(edge.split("~")) for node in expected.split("|") for edge in node.split(",")]
    named = [(operation, int(source)) for operation, source in cell]
    Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
    genotype = Genotype(named, range(2, 6), named, [2, 3, 4, 5])
    pairs = ast.literal_eval(lists)
    for form in (
        *(f"({lists},{lists})", f"[{lists},{lists}]", (pairs, pairs), np.array([pairs, pairs])),
        *(genotype, genotype._replace(normal_concat=[2, 3, 4, 5]), genotype._asdict()),
        f"Genotype(normal={named}, reduce={named})",
    ):
        assert space.parse(form).key == f"{expected};{expected}"
    assert space.parse(str(genotype._replace(normal_concat=[2, 3]))).key == f"{expected};{expected}"
    for wrong, reason in (
        (f"({lists},)", "."),
        (((0, 7),) * 8, "."),
        (([(0, 7)] * 8,) * 2, "NASLib numbers operations from 0 to 6"),
        (([(9, 0)] * 8,) * 2, "source 9"),
        (([(0, 1)] * 7,) * 2, "7 edges"),
        (([("conv", 1)] * 8,) * 2, "unknown operation 'conv'"),
        (([(True, 1)] * 8,) * 2, "edges are pairs"),
    ):
        with pytest.raises(InvalidArchitectureError, match=reason):
            space.parse(wrong)


MATRIX = [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
NAMES = ["input", "conv1x1-bn-relu", "maxpool3x3", "output"]


def test_matrix_and_operations_of_nasbench101():
    space = get_space("nasbench101")
    ModelSpec = namedtuple("ModelSpec", "matrix ops")
    forms = [
        *((MATRIX, NAMES), (np.array(MATRIX), NAMES), (np.array(MATRIX, bool), np.array(NAMES))),
        *((np.array(MATRIX, float), NAMES), [torch.tensor(MATRIX), tuple(NAMES)], ModelSpec(np.array(MATRIX), NAMES)),
        {"matrix": MATRIX, "ops": NAMES},
        {"module_adjacency": np.array(MATRIX), "module_operations": NAMES, "trainable_parameters": 3},
        *(json.dumps([MATRIX, NAMES]), str((MATRIX, NAMES)), json.dumps({"matrix": MATRIX, "ops": NAMES})),
        "(0,1,1,0, 0,0,1,1, 0,0,0,1, 0,0,0,0, 0,3,2,1)",
    ]
    assert [space.parse(form).key for form in forms] == ["110111:12"] * len(forms)
    lower = [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 0, 0]]
    for matrix, names, reason in (
        (MATRIX, NAMES[:3], "an operation for each vertex"),
        (MATRIX, NAMES[::-1], "'input' first and 'output' last"),
        (MATRIX, ["input", "conv", "maxpool3x3", "output"], "operations are conv3x3"),
        (MATRIX[:3], NAMES, "as many columns"),
        (lower, NAMES, "zero on and below its diagonal"),
        ([[0, 2], [0, 0]], ["input", "output"], "zeros and ones"),
        ([["0", "1"], ["0", "0"]], ["input", "output"], "zeros and ones"),
        ([[0, 0], [0, 0]], ["input", "output"], "no path"),
        (np.triu(np.ones((8, 8)), 1), ["input", *["maxpool3x3"] * 6, "output"], "two to 7 rows"),
        (np.triu(np.ones((7, 7)), 1), ["input", *["maxpool3x3"] * 5, "output"], "at most 9"),
        (None, NAMES, "a pair of a matrix and operations"),
    ):
        for form in ((matrix, names), {"matrix": matrix, "ops": names}):
            with pytest.raises(InvalidArchitectureError, match=reason):
                space.parse(form)


def test_lists_and_mappings_of_the_other_spaces():
    assert get_space("transnasbench101-micro").parse((1, 0, 2, 3, 3, 3)).key == "64-41414-1_02_333"
    assert get_space("transnasbench101-micro").parse("[1, 0, 2, 3, 3, 3]").key == "64-41414-1_02_333"
    assert get_space("transnasbench101-macro").parse((1, 2, 3, 4, 0, 0)).key == "64-1234-basic"
    assert get_space("nasbenchmacro").parse([0, 2, 0, 1, 2, 1, 0, 0]).key == "02012100"
    assert get_space("nats-size").parse((8, 16, 24, 32, 64)).key == "8:16:24:32:64"
    assert (
        get_space("nats-size").parse({"channels": "8:16:24:32:64", "name": "infer.shape.tiny"}).key == "8:16:24:32:64"
    )
    settings = {"wid": None, "ks": [3] * 20, "e": [6] * 20, "d": [2] * 5, "r": [224]}
    assert (
        get_space("ofa-mbv3").parse(settings).key
        == get_space("ofa-mbv3").parse(str(settings)).key
        == "|".join(["3x6,3x6"] * 5)
    )
    config = {"layer_num": 12, "embed_dim": [192] * 12, "num_heads": [3] * 12, "mlp_ratio": [3.5] * 11 + [4]}
    expected = "|".join(["192", *["3x3.5"] * 11, "3x4.0"])
    assert get_space("autoformer-tiny").parse(config).key == expected
    assert get_space("autoformer-tiny").parse({**config, "embed_dim": 192}).key == expected
    layer = {"operation_type": "SA", "operation_parameter": "WMA", "num_operation_heads": 4}
    layer |= {"feed_forward_dimension": 1024, "num_feed_forward": 3}
    overrides = {"hidden_size": 256, "nas_config": {"encoder_layers": [layer] * 2}}
    assert get_space("flexibert").parse(overrides).key == "256|SA-WMA-4-1024x3|SA-WMA-4-1024x3"
    recipe = {"h_new_0": {"op": "linear", "input": ["x", "h_prev_0"]}}
    assert get_space("nasbenchnlp").parse(recipe) == get_space("nasbenchnlp").parse(json.dumps(recipe))
    for name, wrong in (
        ("transnasbench101-micro", (1, 0, 2, 3, 3, 4)),
        ("transnasbench101-macro", (1, 1, 1, 1)),
        ("nasbenchmacro", [0, 2, 0, 1, 2, 1, 0, 3]),
        ("nasbenchmacro", 2012100),
        ("nats-size", (8, 16, 24, 32, 65)),
        ("ofa-mbv3", {**settings, "d": [5] * 5}),
        ("ofa-mbv3", {**settings, "ks": [3.0] * 20}),
        ("ofa-mbv3", {**settings, "e": [5] * 20}),
        ("autoformer-tiny", {**config, "layer_num": 13}),
        ("autoformer-tiny", {**config, "mlp_ratio": [3.96] * 12}),
        ("flexibert", {**overrides, "hidden_size": "256x"}),
        ("nasbenchnlp", {"h_new_0": {"op": "linear", "input": []}}),
    ):
        with pytest.raises(InvalidArchitectureError):
            get_space(name).parse(wrong)
