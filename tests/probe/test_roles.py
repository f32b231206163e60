"""What each linear layer is for: attention, into or out of a feed-forward block."""

import pytest
import torch
from hugging_face import built
from networks import convnet, images, mlp
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.probe import Probe
from zcbench.probe.roles import Role
from zcbench.testing._zoo import Encoder, VisionTransformer
from zcbench.types import Batch

TOKENS = torch.randint(1, 17, (5, 6), generator=torch.Generator().manual_seed(0))


def make(**options):
    torch.manual_seed(0)
    return Encoder(**options)


def roles(model, inputs):
    with Probe(model, Batch(inputs)) as probe:
        return probe.roles


@pytest.mark.parametrize("fused", [True, False])
def test_roles_of_a_written_out_encoder(fused):
    expected = {}
    for i in range(2):
        for layer in ("query", "key", "value", "out"):
            expected[f"layers.{i}.attention.{layer}.weight"] = Role.ATTENTION
        expected[f"layers.{i}.up.weight"] = Role.FFN_IN
        expected[f"layers.{i}.down.weight"] = Role.FFN_OUT
    assert roles(make(fused=fused), TOKENS) == expected


def test_roles_of_torch_s_own_encoder():
    found = roles(VisionTransformer(), images()[0])
    for i in range(2):
        prefix = f"encoder.layers.{i}."
        assert found[prefix + "self_attn.in_proj_weight"] == Role.ATTENTION
        assert found[prefix + "self_attn.out_proj.weight"] == Role.ATTENTION
        assert found[prefix + "linear1.weight"] == Role.FFN_IN
        assert found[prefix + "linear2.weight"] == Role.FFN_OUT
    assert len(found) == 8


def test_a_classifier_is_no_feed_forward_block():
    (result,) = zcbench.score(mlp(), torch.randn(4, 4), proxies=["v_pca"]).values()
    assert (result.status, result.detail) == (
        "unsupported",
        "no linear layer feeds attention or a feed-forward block.",
    )
    assert all(s.status == "unsupported" for s in zcbench.score(convnet(), images()[0], proxies=["head_*"]).values())


class Gated(nn.Module):
    """A gated feed-forward block, as in LLaMA: both halves of it go in, one comes out."""

    def __init__(self):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(6, 10), nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, x):
        return x + self.down(F.silu(self.gate(x)) * self.up(x))


def test_a_gated_block():
    found = roles(nn.Sequential(Gated(), nn.LayerNorm(6), nn.Linear(6, 3)), torch.randn(4, 5, 6))
    assert found["0.gate.weight"] == Role.FFN_IN
    assert found["0.down.weight"] == Role.FFN_OUT


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "vit", "swin"])
def test_roles_of_hugging_face_models(name):
    model, inputs, _ = built(name)
    found = roles(model, inputs)
    linear = [key for key in found if found[key] == Role.ATTENTION]
    names = {"bert": ("attention",), "gpt2": ("attn",), "llama": ("self_attn",), "vit": ("attention",)}
    names["swin"] = ("attention",)
    assert linear
    assert all(any(part in key for part in names[name]) for key in linear), found
    blocks = {"bert": 2, "gpt2": 2, "llama": 2, "vit": 2, "swin": 2}[name]
    ins = [key for key, role in found.items() if role == Role.FFN_IN]
    outs = [key for key, role in found.items() if role == Role.FFN_OUT]
    assert len(outs) == blocks
    assert len(ins) in (blocks, 2 * blocks)  # gated blocks have two
    assert not any("attention.output" in key or "classifier" in key for key in ins + outs)
