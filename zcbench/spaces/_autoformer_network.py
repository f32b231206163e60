"""AutoFormer's vision transformer: pre-norm blocks, attention with relative positions in two dimensions.

Source: arXiv:2107.00651, section 3 and figure 3; relative positions after P. Shaw et al., arXiv:1803.02155, equations 3
and 4, with one table for rows and one for columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: larger distances count as this one; index 0 of a table is for pairs with the class token
FARTHEST = 14


class Attention(nn.Module):
    """width: width of input and output."""

    def __init__(self, width: int, heads: int, inner: int, side: int) -> None:
        super().__init__()
        self.heads, self.head = heads, inner // heads
        self.qkv = nn.Linear(width, 3 * inner)
        self.proj = nn.Linear(inner, width)
        names = ("key_rows", "key_columns", "value_rows", "value_columns")
        self.tables = nn.ParameterDict({name: torch.empty(2 * FARTHEST + 2, self.head) for name in names})
        for table in self.tables.values():
            nn.init.trunc_normal_(table, std=0.02)
        place = torch.arange(side * side)
        for name, index in (("rows", place // side), ("columns", place % side)):
            distance = (index[None] - index[:, None]).clamp(-FARTHEST, FARTHEST) + FARTHEST + 1
            self.register_buffer(name, nn.functional.pad(distance, (1, 0, 1, 0)), persistent=False)

    def _relative(self, kind: str) -> Tensor:
        """Return the relative positions ``(tokens, tokens, head)``."""
        rows, columns = self.get_buffer("rows"), self.get_buffer("columns")
        out: Tensor = self.tables[f"{kind}_rows"][rows] + self.tables[f"{kind}_columns"][columns]
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, width)`` to the same shape."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, self.head)).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(2, 3) + torch.einsum("bhqd,qkd->bhqk", q, self._relative("key"))
        weights = (scores * self.head**-0.5).softmax(3)
        mixed = weights @ v + torch.einsum("bhqk,qkd->bhqd", weights, self._relative("value"))
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Attention, then an MLP; each has normalised input and a residual connection."""

    def __init__(self, width: int, heads: int, ratio: float, inner: int, side: int) -> None:
        super().__init__()
        hidden = int(width * ratio)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, inner, side)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, width)`` to the same shape."""
        x = x + self.attention(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class VisionTransformer(nn.Module):
    """Patches, a class token, positions, blocks, the mean over patches, a linear classifier.

    Args:
        width: width of the tokens.
        blocks: heads and MLP ratio of each block.
        attention: width of queries, keys and values together; None for 64 per head.
        image: height and width of the images.
        patch: height and width of a patch.
        num_classes: number of outputs.
    """

    def __init__(
        self,
        width: int,
        blocks: Sequence[tuple[int, float]],
        *,
        attention: int | None,
        image: int,
        patch: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        side = image // patch
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.token = nn.Parameter(torch.empty(1, 1, width))
        self.places = nn.Parameter(torch.empty(1, side * side + 1, width))
        self.blocks = nn.Sequential(*(Block(width, h, r, attention or 64 * h, side) for h, r in blocks))
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, num_classes)
        nn.init.trunc_normal_(self.token, std=0.02)
        nn.init.trunc_normal_(self.places, std=0.02)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 3, image, image)`` to logits ``(batch, num_classes)``."""
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.places
        tokens = self.norm(self.blocks(tokens))
        logits: Tensor = self.classifier(tokens[:, 1:].mean(1))
        return logits
