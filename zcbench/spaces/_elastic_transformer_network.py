"""Transformer encoders over the patches of 8 x 8 images, whose modules have the same names in all sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.spaces.elastic_transformer import HEAD_WIDTH

#: side of a patch, and number of patches
PATCH, PATCHES = 2, 16


class Attention(nn.Module):
    """Attention between all patches, with heads of a fixed width; several query heads may share keys and values.

    Args:
        width: features of inputs and outputs.
        heads: query heads.
        head_width: features of each.
        groups: number of heads of keys and values; each serves ``heads / groups`` query heads. Default: as many as
            heads.
    """

    def __init__(self, width: int, heads: int, head_width: int, groups: int | None = None) -> None:
        super().__init__()
        self.heads, self.head_width, self.groups = heads, head_width, heads if groups is None else groups
        self.query = nn.Linear(width, heads * head_width)
        self.key = nn.Linear(width, self.groups * head_width)
        self.value = nn.Linear(width, self.groups * head_width)
        self.out = nn.Linear(heads * head_width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, patches, width)`` to the same shape."""
        query, key, value = (
            one(x).unflatten(-1, (-1, self.head_width)).transpose(1, 2) for one in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value, enable_gqa=self.groups != self.heads)
        out: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return out


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each with a layer norm before it and a residual connection."""

    def __init__(self, width: int, heads: int, wide: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, HEAD_WIDTH)
        self.widen, self.narrow = nn.Linear(width, wide), nn.Linear(wide, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, patches, width)`` to the same shape."""
        x = x + self.attention(self.before(x))
        out: Tensor = x + self.narrow(F.gelu(self.widen(self.between(x))))
        return out


class ElasticTransformer(nn.Module):
    """Patches of 2 x 2 pixels, learned positions, layers, the mean over patches, a linear classifier."""

    def __init__(self, width: int, layers: Sequence[tuple[int, int]], *, num_classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, PATCH, PATCH)
        self.places = nn.Parameter(torch.empty(PATCHES, width))
        self.layers = nn.Sequential(*(EncoderLayer(width, heads, wide) for heads, wide in layers))
        self.last = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, num_classes)
        nn.init.normal_(self.places, std=0.2)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 1, 8, 8)`` to logits ``(batch, num_classes)``."""
        x = self.patches(x).flatten(2).transpose(1, 2) + self.places
        logits: Tensor = self.classifier(self.last(self.layers(x)).mean(1))
        return logits
