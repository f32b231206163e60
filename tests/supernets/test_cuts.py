"""Slices of every kind of layer against plain indices, and what is refused."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from zcbench.errors import InvalidInputError
from zcbench.spaces._elastic_transformer_network import Attention
from zcbench.supernets import cuts, register_cut, shared_weights


def numbered(module):
    """The same module, every entry of its parameters a number of its own."""
    start = 0
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.arange(start, start + value.numel()).view(value.shape))
            start += value.numel()
    return module


def picked(value, *rows):
    """Entries of a tensor at lists of places, an axis each: one loop over all places."""
    out = torch.empty([len(places) for places in rows])
    for spot in itertools.product(*(range(len(places)) for places in rows)):
        out[spot] = value[tuple(places[i] for places, i in zip(rows, spot, strict=True))]
    return out


def equal(larger, smaller, **expected):
    found = shared_weights(numbered(larger), smaller)
    assert set(found) == {name for name, _ in smaller.named_parameters(remove_duplicate=False)}
    for name, value in found.items():
        assert torch.equal(value, expected[name.replace(".", "__")]), name
    (sum(value.sum() for value in found.values())).backward()
    for name, value in larger.named_parameters():  # the gradient lies in the slices, once in each entry
        if value.grad is not None:
            chosen = set(found[name].flatten().tolist())
            here = torch.tensor([float(entry in chosen) for entry in value.flatten().tolist()]).view(value.shape)
            assert torch.equal(value.grad, here), name
    return found


# -- convolutions ------------------------------------------------------------------------------


@pytest.mark.parametrize("kernels", [(7, 3), (5, 5), (5, 1), (4, 2)])
def test_convolutions_share_first_channels_and_the_centre_of_the_kernel(kernels):
    had, has = kernels
    larger, smaller = nn.Conv2d(4, 6, had), nn.Conv2d(3, 5, has)
    centre = range((had - has) // 2, (had - has) // 2 + has)
    numbered(larger)
    equal(
        larger,
        smaller,
        weight=picked(larger.weight, range(5), range(3), centre, centre),
        bias=picked(larger.bias, range(5)),
    )


def test_convolutions_of_one_and_three_axes():
    larger = numbered(nn.Conv1d(3, 4, 5))
    equal(
        larger,
        nn.Conv1d(2, 3, 3),
        weight=picked(larger.weight, range(3), range(2), range(1, 4)),
        bias=picked(larger.bias, range(3)),
    )
    larger = numbered(nn.Conv3d(3, 4, (3, 5, 1)))
    equal(
        larger,
        nn.Conv3d(2, 3, (1, 3, 1), bias=False),
        weight=picked(larger.weight, range(3), range(2), range(1, 2), range(1, 4), range(1)),
    )


def test_depthwise_convolutions_share_the_first_channels():
    larger = numbered(nn.Conv2d(6, 12, 5, groups=6))  # two outputs of each input
    equal(
        larger,
        nn.Conv2d(4, 8, 3, groups=4),
        weight=picked(larger.weight, range(8), range(1), range(1, 4), range(1, 4)),
        bias=picked(larger.bias, range(8)),
    )


def test_grouped_convolutions_share_the_first_channels_of_each_group():
    larger = numbered(nn.Conv2d(6, 9, 1, groups=3))
    rows = [0, 1, 3, 4, 6, 7]
    equal(
        larger,
        nn.Conv2d(3, 6, 1, groups=3),
        weight=picked(larger.weight, rows, range(1), range(1), range(1)),
        bias=picked(larger.bias, rows),
    )


def test_transposed_convolutions():
    larger = numbered(nn.ConvTranspose2d(4, 6, 5))
    equal(
        larger,
        nn.ConvTranspose2d(3, 5, 3),
        weight=picked(larger.weight, range(3), range(5), range(1, 4), range(1, 4)),
        bias=picked(larger.bias, range(5)),
    )
    larger = numbered(nn.ConvTranspose1d(6, 9, 3, groups=3))  # weights (6, 3, 3)
    equal(
        larger,
        nn.ConvTranspose1d(3, 6, 3, groups=3),
        weight=picked(larger.weight, [0, 2, 4], range(2), range(3)),
        bias=picked(larger.bias, [0, 1, 3, 4, 6, 7]),
    )
    larger = numbered(nn.ConvTranspose1d(6, 12, 3, groups=6))
    equal(
        larger,
        nn.ConvTranspose1d(2, 4, 1, groups=2),
        weight=picked(larger.weight, range(2), range(2), range(1, 2)),
        bias=picked(larger.bias, range(4)),
    )


@pytest.mark.parametrize(
    ("larger", "smaller", "said"),
    [
        (nn.Conv2d(4, 4, 5), nn.Conv2d(4, 4, 4), "centre of one of 5"),
        (nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 5), "centre of one of 3"),
        (nn.Conv2d(4, 4, 3), nn.Conv2d(5, 4, 3), "fewer channels"),
        (nn.Conv2d(4, 4, 3), nn.Conv2d(4, 5, 3), "fewer channels"),
        (nn.Conv2d(8, 8, 3, groups=4), nn.Conv2d(8, 8, 3, groups=2), "each group must have the same size"),
        (nn.Conv2d(8, 8, 3, groups=2), nn.Conv2d(8, 8, 3, groups=4), "each group must have the same size"),
        (nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(4, 4, 3, groups=4), "fewer channels"),
        (nn.Conv2d(4, 4, 3, bias=False), nn.Conv2d(4, 4, 3), "has none"),
        (nn.ConvTranspose2d(4, 4, 3), nn.ConvTranspose2d(4, 5, 3), "fewer channels"),
        (nn.ConvTranspose2d(4, 4, 3), nn.Conv2d(4, 4, 3), "the same kind in all sizes"),
        (nn.Linear(4, 4), nn.Conv2d(4, 4, 1), "the same kind in all sizes"),
        (nn.Conv2d(4, 4, 1), nn.Linear(4, 4), "the same kind in all sizes"),
        (nn.Linear(4, 4), nn.Linear(5, 4), "is not part|does not contain"),
        (nn.Linear(4, 4, bias=False), nn.Linear(4, 4), "has a bias"),
        (nn.Identity(), nn.Linear(4, 4), "has a weight"),
        (nn.MultiheadAttention(8, 2), nn.MultiheadAttention(12, 3), "not part|does not contain"),
        (nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 1), "not part|does not contain"),
        (nn.MultiheadAttention(8, 2, kdim=4, vdim=4), nn.MultiheadAttention(4, 1, kdim=4, vdim=4), "kdim or vdim"),
        (nn.MultiheadAttention(8, 2, bias=False), nn.MultiheadAttention(4, 1), "register_cut"),
        (nn.LSTM(4, 4), nn.GRU(4, 4), "the same kind in all sizes"),
        (nn.LSTM(4, 4, proj_size=2), nn.LSTM(4, 4, proj_size=2), "projections"),
        (nn.LSTM(4, 4, bidirectional=True), nn.LSTM(4, 4), "directions"),
        (nn.LSTM(4, 4), nn.LSTM(4, 5), "not part|does not contain"),
        (nn.LSTM(4, 4), nn.LSTM(4, 4, 2), "has a weight_ih_l1"),
        (nn.LSTMCell(4, 4, bias=False), nn.LSTMCell(4, 4), "has a bias_ih"),
        (nn.LSTMCell(4, 4), nn.GRUCell(4, 4), "the same kind in all sizes"),
        (Attention(8, 2, 4), Attention(8, 3, 4), "not part|does not contain"),
        (Attention(8, 2, 4), Attention(9, 2, 4), "not part|does not contain"),
        (Attention(8, 4, 4, groups=2), Attention(8, 4, 4, groups=4), "not part|does not contain"),
        (nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), "no module 1"),
    ],
)
def test_what_is_no_part_is_refused_in_one_sentence(larger, smaller, said):
    with pytest.raises(InvalidInputError, match=said):
        shared_weights(larger, smaller)


# -- what has no rule --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        (nn.Linear(5, 6), nn.Linear(3, 4)),
        (nn.Linear(5, 6), nn.Linear(3, 4, bias=False)),
        (nn.BatchNorm2d(6), nn.BatchNorm2d(4)),
        (nn.GroupNorm(3, 6), nn.GroupNorm(2, 4)),  # channels of a group stay
        (nn.GroupNorm(2, 8), nn.GroupNorm(2, 4)),  # an affine entry belongs to its channel, in whichever group
        (nn.LayerNorm((3, 4)), nn.LayerNorm((3, 2))),
        (nn.RMSNorm(6), nn.RMSNorm(4)),
        (nn.InstanceNorm1d(6, affine=True), nn.InstanceNorm1d(3, affine=True)),
        (nn.Embedding(7, 6, padding_idx=0), nn.Embedding(7, 4, padding_idx=0)),
        (nn.Embedding(7, 6), nn.Embedding(5, 4)),
        (nn.EmbeddingBag(7, 6), nn.EmbeddingBag(7, 4)),
        (nn.Bilinear(3, 4, 5), nn.Bilinear(2, 3, 4)),
        (nn.PReLU(6), nn.PReLU(4)),
        (nn.PReLU(), nn.PReLU()),
    ],
)
def test_first_entries(larger, smaller):
    numbered(larger)
    equal(
        larger,
        smaller,
        **{
            name: picked(getattr(larger, name), *(range(size) for size in value.shape))
            for name, value in smaller.named_parameters()
        },
    )


class Bare(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.places = nn.Parameter(torch.zeros(3, width))
        self.scales = nn.ParameterList([nn.Parameter(torch.zeros(width)) for _ in range(2)])
        self.named = nn.ParameterDict({"a": nn.Parameter(torch.zeros(width))})
        self.nothing = None
        self.register_parameter("absent", None)


def test_bare_parameters_and_lists_of_them():
    larger = numbered(Bare(4))
    equal(
        larger,
        Bare(2),
        places=larger.places[:, :2],
        scales__0=larger.scales[0][:2],
        scales__1=larger.scales[1][:2],
        named__a=larger.named["a"][:2],
    )


def test_nested_containers():
    def make(width, depth):
        return nn.ModuleDict(
            {
                "stages": nn.ModuleList([nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(depth)]),
                "head": nn.ModuleDict({"one": nn.Linear(width, 2)}),
            }
        )

    larger, smaller = numbered(make(4, 3)), make(3, 2)
    found = shared_weights(larger, smaller)
    assert torch.equal(found["stages.1.0.weight"], larger["stages"][1][0].weight[:3, :3])
    assert torch.equal(found["head.one.weight"], larger["head"]["one"].weight[:, :3])
    assert "stages.2.0.weight" not in found


# -- heads and gates ---------------------------------------------------------------------------


@pytest.mark.parametrize(("heads", "width"), [(2, 3), (4, 2), (2, 2), (4, 3), (1, 1)])
@pytest.mark.parametrize("more", [{}, {"bias": False}, {"add_bias_kv": True}])
def test_multihead_attention_shares_heads_and_features_of_each(heads, width, more):
    larger, smaller = (
        numbered(nn.MultiheadAttention(12, 4, **more)),
        nn.MultiheadAttention(heads * width, heads, **more),
    )
    embed = range(heads * width)
    rows = [12 * part + 3 * head + i for part in range(3) for head in range(heads) for i in range(width)]
    columns = [3 * head + i for head in range(heads) for i in range(width)]
    expected = {
        "in_proj_weight": picked(larger.in_proj_weight, rows, embed),
        "out_proj__weight": picked(larger.out_proj.weight, embed, columns),
    }
    if larger.in_proj_bias is not None:
        expected["in_proj_bias"] = picked(larger.in_proj_bias, rows)
        expected["out_proj__bias"] = picked(larger.out_proj.bias, embed)
    if larger.bias_k is not None:
        expected["bias_k"] = picked(larger.bias_k, [0], [0], columns)
        expected["bias_v"] = picked(larger.bias_v, [0], [0], columns)
    equal(larger, smaller, **expected)


def test_the_first_heads_of_an_attention_compute_what_they_did():
    """With the features of all others zero, two heads of four give the sum of their own parts."""
    torch.manual_seed(0)
    larger, smaller = nn.MultiheadAttention(8, 4, batch_first=True), nn.MultiheadAttention(4, 2, batch_first=True)
    with torch.no_grad():
        for name, value in smaller.named_parameters():
            value.copy_(shared_weights(larger, smaller)[name])
        larger.in_proj_weight[:, 4:] = 0
        larger.out_proj.weight[:, 4:] = 0
    x = torch.randn(2, 5, 4)
    padded = torch.cat([x, torch.randn(2, 5, 4)], -1)
    out = larger(padded, padded, padded)[0][..., :4]
    assert torch.allclose(out, smaller(x, x, x)[0], atol=1e-6)


def test_grouped_queries():
    larger = numbered(Attention(12, 6, 3, groups=3))  # two query heads of each group
    for smaller in (Attention(8, 2, 2, groups=2), Attention(12, 4, 3, groups=2), Attention(12, 6, 3, groups=3)):
        groups, each, width = smaller.groups, smaller.heads // smaller.groups, smaller.head_width
        inputs = range(smaller.query.in_features)
        queries = [6 * g + 3 * h + i for g in range(groups) for h in range(each) for i in range(width)]
        keys = [3 * g + i for g in range(groups) for i in range(width)]
        equal(
            larger,
            smaller,
            query__weight=picked(larger.query.weight, queries, inputs),
            query__bias=picked(larger.query.bias, queries),
            key__weight=picked(larger.key.weight, keys, inputs),
            key__bias=picked(larger.key.bias, keys),
            value__weight=picked(larger.value.weight, keys, inputs),
            value__bias=picked(larger.value.bias, keys),
            out__weight=picked(larger.out.weight, inputs, queries),
            out__bias=picked(larger.out.bias, inputs),
        )
        larger.zero_grad()


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("ways", [False, True])
def test_recurrent_layers_share_features_of_each_gate_and_direction(kind, ways):
    larger, smaller = numbered(kind(5, 4, 2, bidirectional=ways)), kind(3, 2, 2, bidirectional=ways)
    gates = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}[kind]
    rows = [4 * gate + i for gate in range(gates) for i in range(2)]
    expected = {}
    for end in ("l0", "l1", "l0_reverse", "l1_reverse")[: 4 if ways else 2]:
        below = range(3) if "l0" in end else [4 * way + i for way in range(1 + ways) for i in range(2)]
        expected[f"weight_ih_{end}"] = picked(getattr(larger, f"weight_ih_{end}"), rows, below)
        expected[f"weight_hh_{end}"] = picked(getattr(larger, f"weight_hh_{end}"), rows, range(2))
        for bias in ("bias_ih", "bias_hh"):
            expected[f"{bias}_{end}"] = picked(getattr(larger, f"{bias}_{end}"), rows)
    equal(larger, smaller, **expected)


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNNCell, 1), (nn.GRUCell, 3), (nn.LSTMCell, 4)])
def test_recurrent_cells(kind, gates):
    larger, smaller = numbered(kind(5, 4)), kind(3, 2)
    rows = [4 * gate + i for gate in range(gates) for i in range(2)]
    equal(
        larger,
        smaller,
        weight_ih=picked(larger.weight_ih, rows, range(3)),
        weight_hh=picked(larger.weight_hh, rows, range(2)),
        bias_ih=picked(larger.bias_ih, rows),
        bias_hh=picked(larger.bias_hh, rows),
    )


def test_blocks_of_blocks():
    value = torch.arange(24.0)
    places = [6 * a + 3 * b + c for a in range(2) for b in range(1) for c in range(2)]
    assert torch.equal(cuts.first_of_blocks(value, 0, (4, 2, 3), (2, 1, 2)), picked(value, places))
    for had, has, said in (
        ((4, 5), (2, 2), "not consist of 4 x 5"),
        ((4, 6), (2,), "not consist of"),
        ((4, 6), (5, 6), "not part of 4 x 6"),
        ((4, 6), (0, 6), "not part of 4 x 6"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            cuts.first_of_blocks(value, 0, had, has)
    with pytest.raises(InvalidInputError, match="axis 1"):
        cuts.first_of_blocks(value, 1, (24,), (2,))


# -- modules and parameters with several names -------------------------------------------------


class Tied(nn.Module):
    def __init__(self, width, tied=True):
        super().__init__()
        self.into, self.out = nn.Embedding(7, width), nn.Linear(width, 7, bias=False)
        if tied:
            self.out.weight = self.into.weight


def test_tied_parameters_are_one_in_all_sizes():
    larger = numbered(Tied(4))
    found = shared_weights(larger, Tied(2))
    assert torch.equal(found["into.weight"], found["out.weight"])
    sum(value.sum() for value in found.values()).backward()
    assert larger.into.weight.grad.sum() == 2 * 7 * 2
    with pytest.raises(InvalidInputError, match=r"into\.weight and out\.weight are one parameter"):
        shared_weights(Tied(4, tied=False), Tied(2))


class Twice(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = self.first


def test_a_module_with_two_names():
    larger = numbered(Twice(4))
    found = shared_weights(larger, Twice(2))
    assert set(found) == {"first.weight", "first.bias", "second.weight", "second.bias"}
    assert torch.equal(found["second.weight"], larger.first.weight[:2, :2])


@pytest.mark.parametrize("layer", [lambda n: nn.Linear(n, n), lambda n: nn.Conv1d(n, n, 1)])
@pytest.mark.parametrize("make", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_parametrised_modules_are_refused(layer, make):
    with pytest.raises(InvalidInputError, match="0 is parametrised"):
        shared_weights(nn.Sequential(make(layer(4))), nn.Sequential(make(layer(2))))


def test_lazy_modules_are_refused_until_they_have_run():
    larger = nn.Sequential(nn.Linear(4, 4))
    lazy = nn.Sequential(nn.LazyLinear(2))
    with pytest.raises(InvalidInputError, match="0 is lazy"):
        shared_weights(larger, lazy)
    lazy(torch.zeros(1, 3))
    assert torch.equal(shared_weights(larger, lazy)["0.weight"], larger[0].weight[:2, :3])


# -- rules of one's own ------------------------------------------------------------------------


@pytest.fixture
def rules(monkeypatch):
    monkeypatch.setattr(cuts, "_CUTS", dict(cuts._CUTS))


class Mine(nn.Linear):
    pass


@pytest.mark.usefixtures("rules")
def test_a_rule_of_ones_own_holds_for_subclasses_and_may_compute():
    @register_cut(nn.Linear)
    def last(larger, smaller):
        return {"weight": 2 * larger.weight[-smaller.out_features :, : smaller.in_features], "bias": larger.bias[:2]}

    larger = numbered(Mine(4, 4))
    found = shared_weights(larger, nn.Linear(3, 2))
    assert torch.equal(found["weight"], 2 * larger.weight[2:, :3])
    found["weight"].sum().backward()
    assert larger.weight.grad.unique().tolist() == [0, 2]


@pytest.mark.usefixtures("rules")
def test_rules_that_are_wrong():
    for wrong in (3, int, nn.ReLU()):
        with pytest.raises(InvalidInputError, match="not a class of modules"):
            register_cut(wrong)
    register_cut(nn.Linear)(lambda larger, smaller: {"weight": larger.weight})
    with pytest.raises(InvalidInputError, match=r"weight of the subnet has the shape .* register_cut"):
        shared_weights(nn.Linear(4, 4), nn.Linear(2, 2))
    register_cut(nn.Linear)(lambda larger, smaller: {})
    with pytest.raises(InvalidInputError, match="the supernet has none for it"):
        shared_weights(nn.Linear(4, 4), nn.Linear(2, 2))
