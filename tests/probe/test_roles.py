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


class Packed(nn.Module):
    """Gate and values in one projection, as in Phi-3 and GLM."""

    def __init__(self):
        super().__init__()
        self.both, self.down = nn.Linear(6, 20), nn.Linear(10, 6)

    def forward(self, x):
        gate, up = self.both(x).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Experts(nn.Module):
    """Stacked experts, each for the tokens that are sent to it; their matrices stand either way round."""

    def __init__(self, *, turned):
        super().__init__()
        self.turned, self.router = turned, nn.Linear(6, 2)
        self.both = nn.Parameter(torch.randn((2, 6, 20) if turned else (2, 20, 6)) * 0.1)
        self.down = nn.Parameter(torch.randn((2, 10, 6) if turned else (2, 6, 10)) * 0.1)

    def forward(self, x):
        flat, out = x.flatten(0, -2), torch.zeros_like(x.flatten(0, -2))
        choice, weight = self.router(flat).argmax(-1), self.router(flat).softmax(-1)
        for expert in range(2):
            rows = (choice == expert).nonzero()[:, 0]
            both, down = self.both[expert], self.down[expert]
            both, down = (both.T, down.T) if self.turned else (both, down)
            gate, up = F.linear(flat[rows], both).chunk(2, -1)
            found = F.linear(F.gelu(gate) * up, down) * weight[rows, expert, None]
            out = out.index_add(0, rows, found)
        return x + out.view_as(x)


class Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient


def two_sided(x):
    return torch.where(x > 0, 0.8 * x * x + 0.5 * x, (torch.expm1(x.clamp(max=-1e-6)) - x) * 0.8 + 0.5 * x)


def normed(x):
    x = F.relu(x).square()
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Between(nn.Module):
    """Two layers and something of one's own between them."""

    def __init__(self, between):
        super().__init__()
        self.up, self.between, self.down = nn.Linear(6, 10), between, nn.Linear(10, 6)

    def forward(self, x):
        return x + self.down(self.between(self.up(x)))


class Convolved(nn.Module):
    """The depthwise convolution over positions of SegFormer's Mix-FFN."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(10, 10, 3, padding=1, groups=10), nn.LayerNorm(10)

    def forward(self, x):
        return self.norm(F.gelu(self.conv(F.relu(x).transpose(1, 2)).transpose(1, 2)))


@pytest.mark.parametrize(("block", "names"), [
    (Packed, ["both.weight", "down.weight"]),
    (lambda: Experts(turned=False), ["both", "down"]),
    (lambda: Experts(turned=True), ["both", "down"]),
    (lambda: Between(Squared.apply), ["up.weight", "down.weight"]),
    (lambda: Between(two_sided), ["up.weight", "down.weight"]),
    (lambda: Between(normed), ["up.weight", "down.weight"]),
    (lambda: Between(Convolved()), ["up.weight", "down.weight"]),
    (lambda: Between(nn.ReLU(inplace=True)), ["up.weight", "down.weight"]),
], ids=["packed", "experts", "turned", "own function", "two-sided", "norm", "convolution", "in place"])  # fmt: skip
def test_feed_forward_blocks_however_they_are_written(block, names):
    torch.manual_seed(0)
    found = roles(nn.Sequential(block(), nn.LayerNorm(6), nn.Linear(6, 3)), torch.randn(4, 5, 6))
    assert found == {f"0.{names[0]}": Role.FFN_IN, f"0.{names[1]}": Role.FFN_OUT}


class StateSpace(nn.Module):
    """A block of Mamba, whose gate is no feed-forward block."""

    def __init__(self):
        super().__init__()
        self.both, self.conv = nn.Linear(6, 20, bias=False), nn.Conv1d(10, 10, 3, padding=2, groups=10)
        self.select, self.step, self.down = nn.Linear(10, 4), nn.Linear(2, 10), nn.Linear(10, 6, bias=False)
        self.decay = nn.Parameter(torch.rand(10, 1))

    def forward(self, x):
        hidden, gate = self.both(x).chunk(2, -1)
        hidden = F.silu(self.conv(hidden.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        b, c, step = self.select(hidden).split([1, 1, 2], -1)
        step = F.softplus(self.step(step))
        state, found = 0.0, []
        for t in range(x.shape[1]):
            state = (
                state * torch.exp(-step[:, t, :, None] * self.decay) + (step * hidden)[:, t, :, None] * b[:, t, None]
            )
            found.append((state * c[:, t, None]).sum(-1))
        return x + self.down(torch.stack(found, 1) * F.silu(gate))


def test_a_state_space_model_has_neither():
    torch.manual_seed(0)
    model, x = nn.Sequential(StateSpace(), StateSpace(), nn.Linear(6, 3)), torch.randn(4, 5, 6)
    for name in ("synaptic_saliency", "activation_distance", "head_importance", "softmax_confidence"):
        assert zcbench.score(model, x, None, [name])[name].status == "unsupported"
