"""The encoders of the FlexiBERT space as Serianni and Kalita built and trained them (arXiv:2306.00288, section 4).

Each layer mixes positions by its own operation and then applies a feed-forward stack. The published counts of
parameters show how: see :class:`Convolution`, :class:`Transform`, and the tests. (All published counts are of networks
256 wide with stacks 1,024 wide, whatever the architecture says.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Scaled dot-product attention; "WMA" has a matrix between queries and keys."""

    def __init__(self, width: int, heads: int, *, weighted: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.between = nn.Linear(width, width, bias=False) if weighted else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, length, width)`` to the same shape."""
        q, k, v = (
            y.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for y in (self.query(x), self.between(self.key(x)), self.value(x))
        )
        mixed: Tensor = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return mixed


class Transform(nn.Module):
    """Mixing by a fixed linear transform of positions and channels, as in FNet, without parameters."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, length, width)`` to the same shape."""
        if self.kind == "DFT":
            mixed: Tensor = torch.fft.fft2(x, dim=(1, 2)).real
            return mixed
        return _dct(_dct(x, 1), 2)


def _dct(x: Tensor, dim: int) -> Tensor:
    """Compute the discrete cosine transform of type II, orthonormal."""
    n = x.shape[dim]
    places = torch.arange(n, dtype=x.dtype, device=x.device)
    matrix = torch.cos(math.pi / n * (places + 0.5) * places[:, None]) * math.sqrt(2 / n)
    matrix = torch.cat([matrix[:1] / math.sqrt(2), matrix[1:]])
    return (x.movedim(dim, -1) @ matrix.T).movedim(-1, dim)


class Convolution(nn.Module):
    """ConvBERT's mixed attention: half the width uses attention, half is convolved with kernels from the input."""

    def __init__(self, width: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.heads, self.kernel, inner = heads // 2, kernel, width // 2
        self.query, self.key, self.value = (nn.Linear(width, inner) for _ in range(3))
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.pointwise = nn.Conv1d(width, inner, 1)
        self.kernels = nn.Linear(inner, self.heads * kernel)
        self.convolved = nn.Linear(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, length, width)`` to the same shape."""
        query, length = self.query(x), x.shape[1]
        span = self.pointwise(self.depthwise(x.transpose(1, 2))).transpose(1, 2)
        kernels = self.kernels(span * query).unflatten(2, (self.heads, self.kernel)).softmax(3)
        windows = F.pad(self.convolved(x), (0, 0, self.kernel // 2, self.kernel // 2)).unfold(1, self.kernel, 1)
        windows = windows.reshape(len(x), length, self.heads, -1, self.kernel)
        convolved = (windows * kernels[:, :, :, None]).sum(4).reshape(len(x), length, -1)
        q, k, v = (y.unflatten(2, (self.heads, -1)).transpose(1, 2) for y in (query, self.key(x), self.value(x)))
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return torch.cat([attended, convolved], 2)


class Layer(nn.Module):
    """Mixing, then a feed-forward stack, each with a residual connection."""

    def __init__(self, width: int, layer: Mapping[str, Any]) -> None:
        super().__init__()
        kind, parameter, heads = layer["operation_type"], layer["operation_parameter"], layer["num_operation_heads"]
        if kind == "SA":
            self.mix: nn.Module = SelfAttention(width, heads, weighted=parameter == "WMA")
        elif kind == "LT":
            self.mix = Transform(parameter)
        else:
            self.mix = Convolution(width, heads, int(parameter))
        self.dense = nn.Linear(width, width)
        self.norm1 = nn.Identity() if kind == "LT" else nn.LayerNorm(width, eps=1e-12)
        inner = layer["feed_forward_dimension"]
        widths = [width, *[inner] * layer["num_feed_forward"]]
        self.up = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.down = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, length, width)`` to the same shape."""
        x = self.norm1(x + self.dense(self.mix(x)))
        hidden = x
        for layer in self.up:
            hidden = F.gelu(layer(hidden))
        out: Tensor = self.norm2(x + self.down(hidden))
        return out


class Encoder(nn.Module):
    """Embeddings of words and positions, then layers; without a head it returns the last hidden state.

    Args:
        width: "hidden size".
        layers: one mapping per layer with ``operation_type`` (SA, LT, DSC), ``operation_parameter`` (SDP, WMA; DFT,
            DCT; the kernel), ``num_operation_heads``, ``feed_forward_dimension`` and ``num_feed_forward``.
        words: size of the vocabulary.
        places: longest sequence.
        embedding: width of the embeddings.
        logits: width of a linear head; None for no head.
        std: standard deviation of the initial weights.
    """

    def __init__(
        self,
        width: int,
        layers: Sequence[Mapping[str, Any]],
        *,
        words: int = 30522,
        places: int = 512,
        embedding: int = 128,
        logits: int | None = None,
        std: float = 0.02,
    ) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, embedding), nn.Embedding(places, embedding)
        self.types = nn.Embedding(2, embedding)
        self.norm = nn.LayerNorm(embedding, eps=1e-12)
        self.project = nn.Identity() if width == embedding else nn.Linear(embedding, width)
        self.layers = nn.ModuleList(Layer(width, layer) for layer in layers)
        self.head = nn.Identity() if logits is None else nn.Linear(width, logits)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=std)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(batch, length)`` to ``(batch, length, width)``, or to ``logits`` features with a head."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.words(tokens) + self.places(places) + self.types(torch.zeros_like(tokens))
        x = self.project(self.norm(x))
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.head(x)
        return out
