"""Networks of the small encoders against counts and a forward by hand."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from zcbench.spaces import get_space
from zcbench.spaces._elastic_transformer_network import Attention

SPACE = get_space("elastic-transformer")


def by_hand(width, layers):
    total = 4 * width + width + 16 * width
    for heads, wide in layers:
        inner = 8 * heads
        total += 4 * width + 3 * (width * inner + inner) + inner * width + width
        total += width * wide + wide + wide * width + width
    return total + 2 * width + 10 * width + 10


def test_parameters():
    rng = np.random.default_rng(0)
    for one in [SPACE.smallest, SPACE.largest, *(SPACE.sample(rng) for _ in range(5))]:
        assert sum(p.numel() for p in SPACE.build(one).parameters()) == by_hand(*SPACE.parts(one))


def test_the_forward_pass():
    torch.manual_seed(0)
    network = SPACE.build(SPACE.parse("24|h2f64,h4f32"), num_classes=5).double()
    x, p = torch.randn(3, 1, 8, 8, dtype=torch.float64), dict(network.named_parameters())
    patches = torch.stack(
        [x[:, 0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].flatten(1) for i in range(4) for j in range(4)], 1
    )
    y = patches @ p["patches.weight"].flatten(1).T + p["patches.bias"] + p["places"]

    def linear(x, name):
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        return x * p[f"{name}.weight"] + p[f"{name}.bias"]

    for place, heads in enumerate((2, 4)):
        name = f"layers.{place}"
        z, seen = norm(y, f"{name}.before"), []
        query, key, value = (linear(z, f"{name}.attention.{one}") for one in ("query", "key", "value"))
        for head in range(heads):
            mine = slice(8 * head, 8 * head + 8)
            weights = (query[..., mine] @ key[..., mine].transpose(1, 2) / math.sqrt(8)).softmax(-1)
            seen.append(weights @ value[..., mine])
        y = y + linear(torch.cat(seen, -1), f"{name}.attention.out")
        y = y + linear(F.gelu(linear(norm(y, f"{name}.between"), f"{name}.widen")), f"{name}.narrow")
    y = linear(norm(y, "last").mean(1), "classifier")
    assert y.shape == (3, 5)
    assert torch.allclose(network(x), y, atol=1e-10)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_query_heads_of_a_group_share_keys_and_values(groups):
    torch.manual_seed(0)
    one, x = Attention(6, 4, 3, groups=groups).double(), torch.randn(2, 5, 6, dtype=torch.float64)
    query, key, value = one.query(x), one.key(x), one.value(x)
    seen = []
    for head in range(4):
        mine, group = slice(3 * head, 3 * head + 3), head // (4 // groups)
        theirs = slice(3 * group, 3 * group + 3)
        weights = (query[..., mine] @ key[..., theirs].transpose(1, 2) / math.sqrt(3)).softmax(-1)
        seen.append(weights @ value[..., theirs])
    assert torch.allclose(one(x), one.out(torch.cat(seen, -1)), atol=1e-10)


def test_modules_of_smaller_networks_have_names_of_the_largest():
    names = {name for name, _ in SPACE.build(SPACE.largest).named_parameters()}
    for one in (SPACE.smallest, SPACE.parse("24|h2f64,h4f32")):
        assert {name for name, _ in SPACE.build(one).named_parameters()} < names
