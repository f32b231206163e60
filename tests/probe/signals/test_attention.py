"""Attention is found however it is written."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


class Attends(nn.Module):
    """Attention of two heads, by a function of probabilities and values ``(batch, heads, length, …)``."""

    def __init__(self, product):
        super().__init__()
        self.layer, self.product = nn.Linear(8, 24), product

    def forward(self, x):
        q, k, v = self.layer(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return self.product(q @ k.mT / 2, v).transpose(1, 2).flatten(1)


def in_other_layout(scores, v):
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v.transpose(1, 2)).transpose(1, 2)


@pytest.mark.parametrize(
    "product",
    [
        lambda scores, v: scores.softmax(-1, torch.float32).to(v.dtype) @ v,
        lambda scores, v: torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v),
        lambda scores, v: torch.einsum("b h q k, b h k d -> b h q d", [scores.softmax(-1), v]),
        lambda scores, v: torch.einsum("bhkd,bhqk->bhqd", v, scores.softmax(-1)),
        in_other_layout,
        lambda scores, v: (v.mT @ scores.softmax(-1).mT).mT,
        lambda scores, v: torch.matmul(v.transpose(-2, -1), F.softmax(scores, -1).transpose(-2, -1)).mT,
        lambda scores, v: F.dropout(F.softmax(scores, -1), 0.5, training=False) @ v,
        lambda scores, v: (scores.softmax(-1) * v.new_ones(6, 6)) @ v,
        lambda scores, v: scores.softmax(-1).masked_fill(torch.zeros(6, 6, dtype=torch.bool), 0.0).matmul(v),
        lambda scores, v: torch.bmm(scores.softmax(-1).flatten(0, 1), v.flatten(0, 1)).unflatten(0, (-1, 2)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_is_seen_however_it_is_written(product, dtype):
    torch.manual_seed(0)
    plain = Attends(lambda scores, v: scores.softmax(-1) @ v).to(dtype)
    other = Attends(product).to(dtype)
    other.load_state_dict(plain.state_dict())
    x = torch.randn(3, 6, 8).to(dtype)
    with Probe(plain, Batch(x)) as one, Probe(other, Batch(x)) as two:
        (expected,), (found,) = one.attention, two.attention
    assert found.probabilities.shape == (3, 2, 6, 6)
    torch.testing.assert_close(found.probabilities.float(), expected.probabilities.float(), rtol=0.02, atol=0.01)
    torch.testing.assert_close(found.heads.float(), expected.heads.float(), rtol=0.02, atol=0.02)


class Blocks(nn.Module):
    """Attention inside of two windows of three positions, which have an axis of their own, as in NesT and Hiera."""

    def __init__(self, heads_first):
        super().__init__()
        self.layer, self.heads_first = nn.Linear(8, 24), heads_first

    def forward(self, x):
        q, k, v = self.layer(x).unflatten(1, (2, 3)).unflatten(-1, (3, 2, 4)).permute(3, 0, 4, 1, 2, 5)
        if not self.heads_first:
            q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        return ((q @ k.mT).softmax(-1) @ v).flatten(1)


@pytest.mark.parametrize("heads_first", [True, False])
def test_windows_with_an_axis_of_their_own_count_as_heads(heads_first):
    torch.manual_seed(0)
    model, x = Blocks(heads_first), torch.randn(5, 6, 8)
    with Probe(model, Batch(x)) as probe:
        (found,) = probe.attention
    q, k, _ = model.layer(x).unflatten(1, (2, 3)).unflatten(-1, (3, 2, 4)).permute(3, 0, 4, 1, 2, 5)
    expected = (q @ k.mT).softmax(-1)  # (batch, heads, windows, 3, 3)
    expected = (expected if heads_first else expected.transpose(1, 2)).flatten(1, 2)
    torch.testing.assert_close(found.probabilities, expected)
    assert found.heads.shape == (5, 4, 3, 4)


@pytest.mark.parametrize("weights", [lambda x: x.softmax(1), lambda x: x.softmax(-1)])
def test_weights_of_channels_are_no_attention(weights):
    """As in split attention: a softmax whose result multiplies, and is not taken in a product of matrices."""

    class Selects(nn.Linear):
        def forward(self, x):
            return (weights(super().forward(x)) * x).sum(1)

    with Probe(Selects(8, 8), Batch(torch.randn(4, 6, 8))) as probe, pytest.raises(UnsupportedModelError):
        _ = probe.attention


def test_a_state_space_has_no_attention():
    """As EfficientViM's: a softmax over positions, times the input gates, sums positions up into states."""

    class Mixes(nn.Module):
        def __init__(self):
            super().__init__()
            self.gates = nn.Linear(8, 12)

        def forward(self, x):
            b, c, steps = self.gates(x).mT.chunk(3, 1)
            states = x.mT @ (steps.softmax(-1) * b).transpose(-2, -1)
            return (states @ c).mT

    with Probe(Mixes(), Batch(torch.randn(4, 6, 8))) as probe, pytest.raises(UnsupportedModelError):
        _ = probe.attention
