"""Which rule a layer gets: one of its class, of its parent's, of a stranger's, or the general one."""

import pytest
import torch
from samples import check
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.probe.per_sample import rules
from zcbench.probe.per_sample.rules import rule_of
from zcbench.probe.per_sample.rules._register import _RULES, replayed


class Named(nn.Linear):
    """Keeps what a linear layer computes."""

    def extra_repr(self):
        return "mine"


class Halved(nn.Linear):
    def forward(self, x):
        return super().forward(x) / 2


class Standardised(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean((1, 2, 3), keepdim=True), bias)


class RMSNorm(nn.Module):
    """As in the decoders of the LLaMA family."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 2, width))

    def forward(self, x):
        wide = x.to(torch.float32)
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * wide.to(x.dtype)


class Transposed(nn.Module):
    """A linear layer that keeps its weight the other way round and unpacks shapes, as GPT-2's does."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(inputs, outputs)), nn.Parameter(torch.randn(outputs))

    def forward(self, x):
        shape = (*x.size()[:-1], self.bias.shape[0])
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(shape)


class Decoder(nn.Module):
    """One block of a LLaMA-like decoder, rotations left out."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.norms = nn.Embedding(11, 8), nn.ModuleList(RMSNorm(8) for _ in range(3))
        self.q, self.k, self.v, self.o = (nn.Linear(8, 8, bias=False) for _ in range(4))
        self.gate, self.up, self.down = nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(12, 8)
        self.head = nn.Linear(8, 5, bias=False)

    def forward(self, tokens):
        x = self.embed(tokens)
        h = self.norms[0](x)
        q, k, v = (layer(h).unflatten(-1, (2, 4)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        x = x + self.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        h = self.norms[1](x)
        x = x + self.down(F.silu(self.gate(h)) * self.up(h))
        return self.head(self.norms[2](x).mean(1))


def tokens(batch=6):
    return torch.randint(11, (batch, 7), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layer", [Named(8, 5), Halved(8, 5), RMSNorm(8), Transposed(8, 5), nn.PReLU(7)], ids=repr)
def test_layers_of_strangers(layer):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Embedding(11, 8), layer, nn.Tanh(), nn.Flatten(), nn.LazyLinear(5))
    model(tokens())
    check(model, tokens(), torch.arange(6) % 5, by_hooks=True)


def test_which_rule():
    assert rule_of(Named(3, 3)) is rules.linear.linear
    assert rule_of(Halved(3, 3)) is replayed
    assert rule_of(Standardised(3, 3, 3)) is replayed
    assert rule_of(nn.LSTM(3, 3)) is None
    assert rule_of(nn.MultiheadAttention(4, 2)) is None, "its parts have parameters"


def test_convolutions_that_exchange_what_they_compute():
    model = nn.Sequential(Standardised(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    check(model, torch.randn(6, 3, 8, 8), torch.arange(6) % 5, by_hooks=True)


def test_a_decoder_like_llama():
    check(Decoder(), tokens(), torch.arange(6) % 5, by_hooks=True)


@pytest.fixture
def rule_book():
    before = dict(_RULES)
    yield
    _RULES.clear()
    _RULES.update(before)


@pytest.mark.parametrize("right", [True, False])
def test_rules_of_strangers_are_checked(right, rule_book):
    """A wrong rule costs time and no correctness: the sums over samples are not autograd's."""
    calls = []

    @zcbench.per_sample_rule(RMSNorm)
    def norm(layer, x, gradient):
        calls.append(len(x))
        normal = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        yield "weight", (gradient * normal).sum(1) * (1 if right else 1.05)

    model = nn.Sequential(nn.Embedding(11, 8), RMSNorm(8), nn.Tanh(), nn.Flatten(), nn.Linear(56, 5))
    check(model, tokens(), torch.arange(6) % 5, by_hooks=right)
    assert calls == ([2, 6] if right else [2])


def test_a_rule_that_forgets_a_parameter_is_noticed(rule_book):
    zcbench.per_sample_rule(Transposed)(lambda layer, x, gradient: iter([("bias", gradient.sum(1))]))
    model = nn.Sequential(nn.Embedding(11, 8), Transposed(8, 5), nn.Tanh(), nn.Flatten(), nn.Linear(35, 5))
    check(model, tokens(), torch.arange(6) % 5, by_hooks=False)


@pytest.mark.parametrize(("layers", "named", "message"), [
    ((), {}, "needs the class of its layers"),
    ((nn.Linear(2, 2),), {}, "for classes of torch.nn.Module"),
    ((int,), {}, "for classes of torch.nn.Module"),
    ((RMSNorm,), {"batch_norm": "train"}, "choose per-sample or eval"),
])  # fmt: skip
def test_what_no_rule_can_be_for(layers, named, message):
    with pytest.raises(InvalidInputError, match=message):
        zcbench.per_sample_rule(*layers, **named)
