"""Networks of the spaces against what the benchmarks' own tables say of them, and against arithmetic by hand."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.spaces import get_space
from zcbench.spaces._autoformer_network import Attention
from zcbench.spaces._nasbench101_network import vertex_channels
from zcbench.spaces.autoformer import AutoFormerSpace


def rows(path, every):
    pq = pytest.importorskip("pyarrow.parquet")
    return pq.read_table(path).to_pylist()[::every]


def count(network):
    return sum(p.numel() for p in network.parameters())


def macs(network, x):
    """Products of convolutions and linear maps, as fvcore and the tables count them."""
    total, hooks = [0], []

    def conv(module, _, out):
        total[0] += out[0].numel() * module.weight[0].numel()

    def linear(module, _, out):
        total[0] += out[0].numel() * module.in_features

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(conv))
        elif isinstance(module, nn.Linear):
            hooks.append(module.register_forward_hook(linear))
    with torch.no_grad():
        network.eval()(x)
    for hook in hooks:
        hook.remove()
    return total[0]


# -- parameters and operations as published ----------------------------------------------------


def test_nas_bench_101(data_folder):
    space = get_space("nasbench101")
    apart = []
    for row in rows(data_folder / "nasbench101" / "nb101_sample_20001.parquet", 500):
        cell = space.parse(f"{row['adj_upper']}:{row['ops']}")
        assert space.hash(cell) == space.hash(space.canonical(cell)) == row["module_hash"]
        found = count(space.build(cell))
        vertices = space.cell(cell).vertices
        feeding = [a for a, b in space.cell(cell).edges if b == vertices - 1 and a]
        if not feeding or 128 % len(feeding) == 0:
            assert found == row["trainable_parameters"]
        else:  # channels left over go to the first vertices, and the table forgets which those were
            apart.append(found / row["trainable_parameters"] - 1)
    assert all(abs(difference) < 0.015 for difference in apart)


def test_naslib_s_strings_of_nas_bench_101(data_folder):
    space = get_space("nasbench101")
    for row in rows(data_folder / "nasbench101" / "zc_nasbench101_500_with_hash.parquet", 25):
        assert space.hash(space.parse(row["arch"])) == row["module_hash"]


@pytest.mark.parametrize(
    ("text", "classes", "params", "flops"),
    [
        ("8:8:8:8:8", 10, 11_714, 4.481114),
        ("8:8:8:16:32", 100, 52_172, 6.84362),
        ("8:8:40:32:40", 10, 144_834, 21.827994),
    ],
)
def test_nats_size(text, classes, params, flops):
    """As the authors' records (nats_fixtures) give them; their FLOPs count the classifier's biases too."""
    space = get_space("nats-size")
    network = space.build(space.parse(text), num_classes=classes)
    assert count(network) == params
    assert macs(network, torch.zeros(1, 3, 32, 32)) + classes == round(flops * 1e6)


def test_nas_bench_macro(data_folder):
    space = get_space("nasbenchmacro")
    for row in rows(data_folder / "nasbenchmacro" / "nasbenchmacro_cifar10.parquet", 600):
        network = space.build(space.parse(row["arch"]))
        assert count(network) == row["params"]
        assert macs(network, torch.zeros(1, 3, 32, 32)) == row["flops"]


@pytest.mark.parametrize("half", ["micro_711x7", "macro_725x7"])
def test_transnas_bench_101(data_folder, half):
    space = get_space(f"transnasbench101-{half[:5]}")
    classes = {"class_scene": 63, "class_object": 100, "room_layout": 9}  # of NASLib, which published the counts
    for row in rows(data_folder / "nbsuitezero" / f"zc_transbench101_{half}.parquet", 170):
        if row["dataset"] in classes and row["params"] is not None:
            network = space.build(space.parse(row["arch"]), num_classes=classes[row["dataset"]])
            assert count(network) == round(row["params"] * 1e6)


def test_nas_bench_301(data_folder):
    """NASLib's batch norms inside operations have no weights; DARTS evaluates networks whose batch norms have."""
    space = get_space("nasbench301")
    for row in rows(data_folder / "nbsuitezero" / "zc_nasbench301_725.parquet", 90):
        network = space.build(space.parse(row["arch"]))
        inside = sum(
            count(module)
            for cell in network.cells
            for module in cell.edges.modules()
            if isinstance(module, nn.BatchNorm2d)
        )
        assert count(network) - inside == round(row["params"] * 1e6)


def test_once_for_all(data_folder):
    space = get_space("ofa-mbv3")
    for row in rows(data_folder / "ofa_mbv3" / "dynas_mbv3_w10.parquet", 400):
        network = space.build(space.parse(row["Sub-network"]))
        assert count(network) == row["Model Parameters"]
        assert macs(network, torch.zeros(1, 3, 224, 224)) == row["MACs"]


def test_autoformer(data_folder):
    for row in rows(data_folder / "autoformer_vit" / "tanglenas_autoformer_cifar100.parquet", 1900):
        space = get_space(f"autoformer-{row['img_size']}")
        depth = row["layer_num"]
        blocks = list(zip(json.loads(row["num_heads"])[:depth], json.loads(row["mlp_ratio"])[:depth], strict=True))
        assert count(space.build(space.from_blocks(row["embed_dim"], blocks), num_classes=100)) == row["params"]


# -- by hand -----------------------------------------------------------------------------------


def test_channels_of_vertices_by_hand():
    # 1 and 2 feed the output, 3 feeds 2: half the channels each, and as many as 2 has.
    assert vertex_channels(64, 128, [(0, 1), (0, 2), (1, 3), (2, 3)], 4) == [64, 64, 64, 128]
    assert vertex_channels(64, 128, [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)], 5) == [64, 43, 43, 42, 128]
    assert vertex_channels(64, 128, [(0, 1), (1, 2), (2, 3)], 4) == [64, 128, 128, 128]


def test_a_cell_of_nas_bench_101_by_hand():
    space = get_space("nasbench101")
    torch.manual_seed(0)
    # input to 1 and to the output; 1 (3x3) to 2 (pooling) and to the output; 2 to the output
    cell = space.build(space.parse("101111:02")).body[0].eval()
    x = torch.randn(2, 128, 6, 6)
    one = cell.operations[0](cell.projections["1"](x))
    two = F.max_pool2d(one, 3, 1, 1)
    torch.testing.assert_close(cell(x), torch.cat([one, two], 1) + cell.projections["3"](x))


def test_attention_with_relative_positions_by_loops():
    torch.manual_seed(0)
    side, heads, head = 3, 2, 4
    attention = Attention(6, heads, heads * head, side)
    x = torch.randn(1, side * side + 1, 6)
    q, k, v = attention.qkv(x)[0].split(heads * head, 1)
    tables = {name: table.detach() for name, table in attention.tables.items()}

    def relative(kind, i, j):
        if i == 0 or j == 0:  # the class token
            return tables[f"{kind}_rows"][0] + tables[f"{kind}_columns"][0]
        down = (j - 1) // side - (i - 1) // side + 15
        right = (j - 1) % side - (i - 1) % side + 15
        return tables[f"{kind}_rows"][down] + tables[f"{kind}_columns"][right]

    expected = torch.zeros(side * side + 1, heads * head)
    for h in range(heads):
        part = slice(h * head, (h + 1) * head)
        for i in range(side * side + 1):
            scores = torch.stack([q[i, part] @ (k[j, part] + relative("key", i, j)) for j in range(side * side + 1)])
            weights = (scores / head**0.5).softmax(0)
            expected[i, part] = sum(w * (v[j, part] + relative("value", i, j)) for j, w in enumerate(weights))
    torch.testing.assert_close(attention(x)[0], attention.proj(expected))


def test_autoformer_has_64_per_head():
    space = AutoFormerSpace(image=32, patch=8)
    network = space.build(space.parse("192|" + "|".join(["3x3.5", "4x4.0"] * 6)), num_classes=3)
    assert [block.attention.qkv.out_features for block in network.blocks][:2] == [3 * 192, 3 * 256]
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 3)


def test_a_darts_cell_by_hand():
    space = get_space("nasbench301")
    edge = "skip_connect~0,avg_pool_3x3~1|max_pool_3x3~0,skip_connect~2"
    edge += "|skip_connect~1,skip_connect~3|max_pool_3x3~2,skip_connect~4"
    network = space.build(space.parse(f"{edge};{edge}")).eval()
    cell, x, y = network.cells[0], torch.randn(2, 96, 8, 8), torch.randn(2, 96, 8, 8)
    a, b = cell.before(x), cell.last(y)
    two = a + F.avg_pool2d(b, 3, 1, 1, count_include_pad=False)
    three = F.max_pool2d(a, 3, 1, 1) + two
    four = b + three
    five = F.max_pool2d(two, 3, 1, 1) + four
    torch.testing.assert_close(cell(x, y), torch.cat([two, three, four, five], 1))
    assert [cell.edges[0].__class__.__name__ for cell in network.cells] == [
        "Identity" if i not in (2, 5) else "FactorizedReduce" for i in range(8)
    ]


def test_subnets_read_from_settings_drop_what_lies_beyond_the_depth():
    space = get_space("ofa-mbv3")
    settings = {"ks": [3, 5, 7, 3] * 5, "e": [3, 4, 6, 3] * 5, "d": [2, 3, 4, 2, 2]}
    assert space.parse(str(settings)).key == "3x3,5x4|3x3,5x4,7x6|3x3,5x4,7x6,3x3|3x3,5x4|3x3,5x4"
    settings["ks"][2] = 5
    assert space.parse(str(settings)) == space.parse(str({**settings, "ks": [3, 5, 7, 3] * 5}))


def test_equal_networks_compute_the_same():
    """Weights carried over from the written to the canonical form give the same outputs."""
    macro = get_space("nasbenchmacro")
    a = macro.parse("10210201")
    b = macro.canonical(a)
    assert b.key == "10210210"
    networks = [macro.build(each).eval() for each in (a, b)]
    for source, target in zip(
        (m for m in networks[0].modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))),
        (m for m in networks[1].modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))),
        strict=True,
    ):
        target.load_state_dict(source.state_dict())
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(networks[0](x), networks[1](x))


def test_nodes_of_transnas_cells_may_change_places():
    space = get_space("transnasbench101-micro")
    a, b = space.parse("64-41414-3_20_123"), space.parse("64-41414-2_30_132")
    assert space.canonical(a) == space.canonical(b) == b
    assert space.canonical(space.parse("64-41414-3_21_123")).key == "64-41414-3_21_123"
    networks = [space.build(each, num_classes=3).eval() for each in (a, b)]
    swap = {"01": "02", "02": "01", "13": "23", "23": "13"}
    state = {
        ".".join(
            swap.get(part, part) if before == "edges" else part
            for before, part in zip(["", *parts], parts, strict=False)
        ): value
        for name, value in networks[0].state_dict().items()
        for parts in [name.split(".")]
    }
    networks[1].load_state_dict(state)
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(networks[0](x), networks[1](x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_darts_cells_in_any_order_have_one_form(seed):
    space, rng = get_space("nasbench301"), np.random.default_rng(seed)
    normal, reduce = space.cells_of(space.sample(rng))
    swapped = tuple(edge for i in range(0, 8, 2) for edge in (normal[i + 1], normal[i]))
    text = space.from_cells(swapped, reduce)
    assert space.canonical(text) == space.canonical(space.from_cells(normal, reduce))


def test_darts_nodes_that_do_not_need_each_other_may_change_places():
    space = get_space("nasbench301")
    rest = "|skip_connect~2,skip_connect~3|skip_connect~0,max_pool_3x3~1"
    one = f"sep_conv_3x3~0,skip_connect~1|max_pool_3x3~0,dil_conv_3x3~1{rest}"
    two = f"max_pool_3x3~0,dil_conv_3x3~1|sep_conv_3x3~0,skip_connect~1{rest}"
    other = f"max_pool_3x3~0,dil_conv_5x5~1|sep_conv_3x3~0,skip_connect~1{rest}"
    forms = [space.canonical(space.parse(f"{cell};{one}")) for cell in (one, two, other)]
    assert forms[0] == forms[1] != forms[2]
