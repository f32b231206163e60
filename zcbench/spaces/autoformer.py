"""The search space of AutoFormer (tiny): vision transformers whose blocks differ in heads and width of the MLP.

Source: M. Chen, H. Peng, J. Fu, H. Ling, "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021,
arXiv:2107.00651, table 1.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import Space, chain, mix_layers, quoted, written_form
from zcbench.spaces._forms import NotPlainError
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

WIDTHS = (192, 216, 240)
DEPTHS = (12, 13, 14)
HEADS = (3, 4)
RATIOS = (3.5, 4.0)
_BLOCKS = tuple((heads, ratio) for heads in HEADS for ratio in RATIOS)


class AutoFormerSpace(Space):
    """Vision transformers; the string is the width and each block's heads and MLP ratio, ``216|4x3.5|3x4.0|…``.

    Args:
        name: name of the space; its architectures carry it.
        image: height and width of the images.
        patch: height and width of a patch.
        attention: width of queries, keys and values together; None for the paper's 64 per head.
    """

    forms = (
        "the width and 12 to 14 blocks, heads x ratio, '192|3x3.5|4x4.0|…', or the authors' configuration,"
        " {'layer_num': …, 'embed_dim': …, 'num_heads': […], 'mlp_ratio': […]}"
    )
    domains: tuple[str, ...] = ("transformer",)
    #: 3 widths, 12 to 14 blocks of four kinds
    size = len(WIDTHS) * sum(len(_BLOCKS) ** depth for depth in DEPTHS)

    def __init__(
        self, name: str = "autoformer-tiny", *, image: int = 224, patch: int = 16, attention: int | None = None
    ) -> None:
        super().__init__(name)
        self.attention = attention
        self.image = image
        self.patch = patch
        self.input_shape = (3, image, image)

    def __iter__(self) -> Iterator[Architecture]:
        """Yield all transformers, shallow ones first, the last block varying fastest."""
        for depth in DEPTHS:
            for width in WIDTHS:
                for number in range(len(_BLOCKS) ** depth):
                    digits = np.base_repr(number, len(_BLOCKS)).zfill(depth)
                    yield self.from_blocks(width, [_BLOCKS[int(digit)] for digit in digits])

    # -- strings -------------------------------------------------------------------------------

    def _from_text(self, text: str) -> Architecture:
        """Read a string such as ``216|4x3.5|3x4.0|…``, or the authors' configuration as text."""
        if text.startswith("{") and (form := written_form(text)) is not None:
            return self._from_form(form)
        return self.from_blocks(*self._read(text))

    def _from_form(self, form: Any) -> Architecture:
        if not isinstance(form, dict):
            return super()._from_form(form)
        depth, width = form.get("layer_num"), form.get("embed_dim")
        heads, ratios = form.get("num_heads"), form.get("mlp_ratio")
        if isinstance(width, list) and len(set(map(repr, width))) == 1:
            width = width[0]
        if type(depth) is not int or type(width) is not int:
            raise NotPlainError("a configuration has the integers 'layer_num' and 'embed_dim'")
        if not isinstance(heads, list) or not isinstance(ratios, list) or not depth <= len(heads) == len(ratios):
            raise NotPlainError(
                "a configuration has the lists 'num_heads' and 'mlp_ratio' with an entry for each layer"
            )
        blocks = list(zip(heads[:depth], ratios[:depth], strict=True))
        if (width, depth) not in itertools.product(WIDTHS, DEPTHS) or any(block not in _BLOCKS for block in blocks):
            raise NotPlainError(f"widths are {WIDTHS}, depths {DEPTHS}, heads {HEADS} and ratios {RATIOS}")
        return self.from_blocks(width, blocks)

    def from_blocks(self, width: int, blocks: Sequence[tuple[int, float]]) -> Architecture:
        """Return the transformer of this width with these blocks (heads, MLP ratio)."""
        return Architecture(self.name, "|".join([str(width), *(f"{h}x{r:.1f}" for h, r in blocks)]))

    def blocks(self, architecture: Architecture) -> tuple[int, list[tuple[int, float]]]:
        """Return the width, and heads and MLP ratio of each block."""
        return self._read(self.key(architecture))

    def _read(self, text: str) -> tuple[int, list[tuple[int, float]]]:
        head, *rest = text.split("|")
        blocks = [(int(part[0]), float(part[2:])) for part in rest if re.fullmatch(r"[34]x(3\.5|4|4\.0)", part)]
        if head not in map(str, WIDTHS) or len(blocks) != len(rest) or len(blocks) not in DEPTHS:
            raise InvalidArchitectureError(
                f"{quoted(text)} is not a transformer of {self.name}: write the width (192, 216, 240) and 12 to 14"
                " blocks, heads (3, 4) x MLP ratio (3.5, 4.0), e.g. '192|3x3.5|4x4.0|…'."
            )
        return int(head), blocks

    # -- drawing and changing ------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw width, depth and every block uniformly, as in the training of the supernet."""
        width, depth = (options[int(rng.integers(3))] for options in (WIDTHS, DEPTHS))
        return self.from_blocks(width, [_BLOCKS[i] for i in rng.integers(len(_BLOCKS), size=depth)])

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those that differ in the width or in one block, or whose last block is removed or repeated."""
        width, blocks = self.blocks(architecture)
        found = [(other, blocks) for other in WIDTHS if other != width]
        for i, (heads, ratio) in enumerate(blocks):
            for block in ((sum(HEADS) - heads, ratio), (heads, sum(RATIOS) - ratio)):
                found.append((width, [*blocks[:i], block, *blocks[i + 1 :]]))
        if len(blocks) > min(DEPTHS):
            found.append((width, blocks[:-1]))
        if len(blocks) < max(DEPTHS):
            found.append((width, [*blocks, blocks[-1]]))
        return [self.from_blocks(*other) for other in found]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take width, depth and each block from either parent (that has this block)."""
        parents = (self.blocks(a), self.blocks(b))
        width = parents[int(rng.integers(2))][0]
        return self.from_blocks(width, mix_layers(parents[0][1], parents[1][1], rng))

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the same blocks, with one decimal in the ratios."""
        return self.from_blocks(*self.blocks(architecture))

    # -- numbers and networks ------------------------------------------------------------------

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return float64 ``(43,)``: width / 240; for each of 14 positions: is there a block, 4 heads, ratio 4."""
        width, blocks = self.blocks(architecture)
        code = np.zeros((max(DEPTHS), 3))
        for row, (heads, ratio) in zip(code, blocks, strict=False):
            row[:] = (1, heads == HEADS[-1], ratio == RATIOS[-1])
        return np.concatenate([[width / max(WIDTHS)], code.ravel()])

    def graph(self, architecture: Architecture) -> Graph:
        """Return the embedding, labelled by its width, and the blocks in sequence."""
        width, blocks = self.blocks(architecture)
        return chain([f"embed-{width}", *(f"block-{heads}x{ratio:.1f}" for heads, ratio in blocks)])

    def build(self, architecture: Architecture, *, num_classes: int = 1000) -> nn.Module:
        """Build the subnet as a separate network, with the authors' initialisation (truncated normal, deviation .02).

        Returns:
            A module from images ``(batch, 3, image, image)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._autoformer_network import VisionTransformer

        width, blocks = self.blocks(architecture)
        return VisionTransformer(
            width,
            blocks,
            attention=self.attention,
            image=self.image,
            patch=self.patch,
            num_classes=num_classes,
        )


register_space(
    AutoFormerSpace(),
    # As in TangleNAS: queries, keys and values are 240 wide for any number of heads.
    AutoFormerSpace("autoformer-224", attention=240),
    AutoFormerSpace("autoformer-32", image=32, patch=2, attention=240),
)
