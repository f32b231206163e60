"""Networks of AutoFormer against the published counts and by loops."""

import json

import torch
from published import count, rows

from zcbench.spaces import get_space
from zcbench.spaces._autoformer_network import Attention
from zcbench.spaces.autoformer import AutoFormerSpace


def test_autoformer(data_folder):
    for row in rows(data_folder / "autoformer_vit" / "tanglenas_autoformer_cifar100.parquet", 1900):
        space = get_space(f"autoformer-{row['img_size']}")
        depth = row["layer_num"]
        blocks = list(zip(json.loads(row["num_heads"])[:depth], json.loads(row["mlp_ratio"])[:depth], strict=True))
        assert count(space.build(space.from_blocks(row["embed_dim"], blocks), num_classes=100)) == row["params"]


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
