"""The network that extrapolates learning curves: a causal transformer over epochs, queried at later epochs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.curves._frames import FEATURES, FLOOR, LONGEST, Frames

#: number of features of a query
_QUERY = 6
#: largest size in a network
_LARGEST = 8_192


@dataclass(frozen=True)
class Shape:
    """Sizes of the network.

    Raises:
        ValueError: a size is not a number from 1 to 8,192, or the heads do not divide the width.
    """

    width: int = 128
    layers: int = 2
    heads: int = 4
    bins: int = 256
    priors: int = 3

    def __post_init__(self) -> None:
        for name, size in asdict(self).items():
            if type(size) is not int or not 1 <= size <= _LARGEST:
                raise ValueError(f"{name}={size!r} is not a number from 1 to {_LARGEST:,}")
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")


class _Block(nn.Module):
    mask: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.before, self.between = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.attention = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.wide, self.narrow = nn.Linear(shape.width, 2 * shape.width), nn.Linear(2 * shape.width, shape.width)
        self.register_buffer("mask", torch.full((LONGEST, LONGEST), -torch.inf).triu(1), persistent=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Compute all positions ``(curves, positions, width)``, or one of each curve ``(curves, 1, width)``."""
        n, length, width = x.shape
        split = self.attention(self.before(x)).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mask = self.mask[:length, :length]
        if chosen is not None:
            rows = torch.arange(n, device=x.device)
            x, query, mask = x[rows, chosen][:, None], query[rows, :, chosen][:, :, None], mask[chosen][:, None, None]
        if x.is_cuda and chosen is None:
            seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            # Written out because fused attention has a three times slower backward pass on a CPU for short sequences.
            scores = (query @ key.transpose(-2, -1)) * (query.shape[-1] ** -0.5) + mask
            seen = scores.softmax(-1) @ value
        x = x + self.out(seen.transpose(1, 2).reshape(n, -1, width))
        out: Tensor = x + self.narrow(F.gelu(self.wide(self.between(x))))
        return out


class CurveNetwork(nn.Module):
    """Distributions of later values, for every prefix of a curve at once.

    Each position of a causal transformer encodes a prefix. A head receives a later time and returns logits of bins in
    the frame of that prefix. One pass therefore trains on all lengths of context, while the published network (S.
    Adriaensen et al., arXiv:2310.20447) trains on one. :mod:`zcbench.curves._frames` computes the features of a prefix.
    """

    edges: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.read = nn.Linear(FEATURES, shape.width)
        self.prior = nn.Embedding(shape.priors, shape.width)
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.layers))
        self.last = nn.LayerNorm(shape.width)
        self.asked = nn.Linear(_QUERY + FEATURES, 2 * shape.width)
        self.joined = nn.Linear(shape.width, 2 * shape.width, bias=False)
        self.thought = nn.Linear(2 * shape.width, 2 * shape.width)
        self.answer = nn.Linear(2 * shape.width, shape.bins)
        nn.init.zeros_(self.answer.weight)
        # z = sinh(a): equal steps of a are fine near the centre and a constant share of the distance far from it.
        far = math.asinh(2 / FLOOR)
        self.register_buffer("edges", torch.sinh(torch.linspace(-far, far, shape.bins + 1)), persistent=False)

    def config(self) -> dict[str, int]:
        """Return the arguments of :class:`Shape`."""
        return asdict(self.shape)

    def encode(self, seen: Tensor, prior: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Encode curves.

        Args:
            seen: tokens ``(curves, epochs + 1, FEATURES)``.
            prior: number of each curve's prior ``(curves,)``.
            chosen: one prefix of each curve ``(curves,)``, if no other is needed.

        Returns:
            Encodings of each prefix ``(curves, epochs + 1, width)``, or of the chosen ones ``(curves, 1, width)``.
        """
        x = self.read(seen) + self.prior(prior)[:, None]
        for block in self.blocks[:-1]:
            x = block(x)
        understood: Tensor = self.last(self.blocks[-1](x, chosen))
        return understood

    def ask(self, understood: Tensor, seen: Tensor, last: Tensor, asked: Tensor, ends: Tensor) -> Tensor:
        """Return logits of bins.

        Args:
            understood: encodings of prefixes ``(curves, prefixes, width)``.
            seen: their tokens.
            last: their last times ``(curves, prefixes)``, 0 for the empty prefix.
            asked: requested times ``(curves, prefixes, queries)``.
            ends: last epochs of the trainings ``(curves,)``.

        Returns:
            ``(curves, prefixes, queries, bins)``.
        """
        known = last[..., None].clamp(min=0.5)
        end = ends[:, None, None]
        query = torch.stack(
            [
                asked / 100,
                asked.log() / 4.6,
                (asked / known).log() / 2,
                (asked - known).clamp(min=1e-3).log() / 4.6,
                asked / end,
                (1 - asked / end).square(),
            ],
            -1,
        )
        both = torch.cat([query, seen[:, :, None].expand(*query.shape[:3], seen.shape[-1])], -1)
        hidden = F.gelu(self.joined(understood)[:, :, None] + self.asked(both))
        hidden = hidden + F.gelu(self.thought(hidden))
        out: Tensor = self.answer(hidden)
        return out

    def forward(
        self, times: Tensor, values: Tensor, ends: Tensor, prior: Tensor, prefixes: Tensor, targets: Tensor
    ) -> Tensor:
        """Return the negative log-density of later values.

        Args:
            times: ``(curves, epochs)``, on the grid from 1 to 100.
            values: ``(curves, epochs)``.
            ends: ``(curves,)``.
            prior: number of each curve's prior ``(curves,)``.
            prefixes: lengths of context ``(p,)``.
            targets: requested positions ``(p, q)``, each at or beyond its prefix.

        Returns:
            ``(curves, p, q)``, nats, of values in units of the whole range.
        """
        frames = Frames(values[:, :-1])
        seen = frames.tokens(times[:, :-1], ends)
        understood = self.encode(seen, prior)
        last = F.pad(times, (1, 0))[:, prefixes]
        logits = self.ask(understood[:, prefixes], seen[:, prefixes], last, times[:, targets], ends)
        centres, scales = frames.centres[:, prefixes, None], frames.scales[:, prefixes, None]
        return self.cost(logits.float(), (values[:, targets] - centres) / scales) + scales.log()

    def cost(self, logits: Tensor, z: Tensor) -> Tensor:
        """Return the negative log-density of framed values, under bins of constant density."""
        which = torch.bucketize(z.contiguous(), self.edges[1:-1])
        width = torch.diff(self.edges)
        return F.cross_entropy(logits.flatten(0, -2), which.flatten(), reduction="none").view_as(z) + width[which].log()
