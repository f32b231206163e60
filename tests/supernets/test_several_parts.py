"""Layers that hold several parts are refused by their names, and cut rightly by a rule of a page."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import InvalidInputError
from zcbench.supernets import cuts, first_of_blocks, register_cut, shared_weights


@pytest.fixture(autouse=True)
def rules(monkeypatch):
    monkeypatch.setattr(cuts, "_CUTS", dict(cuts._CUTS))


class Fused(nn.Module):
    """Self-attention with one layer for queries, keys and values, heads of four."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * 4 * heads), nn.Linear(4 * heads, width)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, 4)).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Grouped(nn.Module):
    """Query heads in groups that share keys and values, heads of four."""

    def __init__(self, width, groups, queries):
        super().__init__()
        self.groups, self.queries = groups, queries
        self.q_proj, self.o_proj = nn.Linear(width, 4 * groups * queries), nn.Linear(4 * groups * queries, width)
        self.k_proj, self.v_proj = nn.Linear(width, 4 * groups), nn.Linear(width, 4 * groups)


class Column(nn.Module):
    """A layer whose weight is transposed, as GPT-2 has them."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(inputs, outputs)), nn.Parameter(torch.randn(outputs))


@pytest.mark.parametrize("name", ["qkv", "QKV", "c_attn", "kv", "query_key_value", "gate_up_proj"])
@pytest.mark.parametrize("layer", [nn.Linear, Column, lambda inputs, outputs: nn.Conv2d(inputs, outputs, 1)])
def test_names_tell_of_several_parts(name, layer):
    larger, smaller, wide = (
        nn.Sequential(nn.ModuleDict({name: layer(*sizes)})) for sizes in ((8, 24), (8, 12), (6, 24))
    )
    with pytest.raises(InvalidInputError, match=rf"0\.{name} computes .* the first 12 of its 24 outputs are not"):
        shared_weights(larger, smaller)
    assert set(shared_weights(larger, wide)) == {f"0.{name}.weight", f"0.{name}.bias"}  # as many outputs
    shared_weights(nn.ModuleDict({"into": layer(8, 24)}), nn.ModuleDict({"into": layer(8, 12)}))


def test_a_rule_of_the_module_around_it_is_taken():
    @register_cut(Fused)
    def fused(larger, smaller):
        had, has = ((3, one.heads, 4) for one in (larger, smaller))
        width = smaller.qkv.in_features
        return {
            "qkv.weight": first_of_blocks(larger.qkv.weight, 0, had, has)[:, :width],
            "qkv.bias": first_of_blocks(larger.qkv.bias, 0, had, has),
            "out.weight": larger.out.weight[:width, : 4 * smaller.heads],
            "out.bias": larger.out.bias[:width],
        }

    larger, smaller = Fused(16, 4), Fused(8, 2)
    found = shared_weights(larger, smaller)
    for part in range(3):
        assert torch.equal(found["qkv.weight"][8 * part :][:8], larger.qkv.weight[16 * part :][:8, :8])


def test_query_heads_that_would_meet_other_keys():
    larger = nn.Sequential(Grouped(16, 2, 2))
    with pytest.raises(InvalidInputError, match="0 has 16 queries to 8 keys in the supernet, and 8 to 8 in the subnet"):
        shared_weights(larger, nn.Sequential(Grouped(16, 2, 1)))
    found = shared_weights(larger, nn.Sequential(Grouped(16, 1, 2)))  # the first group, whole
    assert torch.equal(found["0.q_proj.weight"], larger[0].q_proj.weight[:8])

    @register_cut(Grouped)
    def grouped(larger, smaller):
        had, has = ((one.groups, one.queries, 4) for one in (larger, smaller))
        keys = 4 * smaller.groups
        weights = {
            "q_proj.weight": first_of_blocks(larger.q_proj.weight, 0, had, has),
            "q_proj.bias": first_of_blocks(larger.q_proj.bias, 0, had, has),
            "o_proj.weight": first_of_blocks(larger.o_proj.weight, 1, had, has),
            "o_proj.bias": larger.o_proj.bias,
        }
        for name in ("k_proj", "v_proj"):
            layer = getattr(larger, name)
            weights |= {f"{name}.weight": layer.weight[:keys], f"{name}.bias": layer.bias[:keys]}
        return weights

    found = shared_weights(larger, nn.Sequential(Grouped(16, 2, 1)))
    rows = larger[0].q_proj.weight
    assert torch.equal(found["0.q_proj.weight"], torch.cat([rows[:4], rows[8:12]]))  # the first query of each group
