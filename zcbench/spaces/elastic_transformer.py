"""A small transformer encoder: width, depth, and heads and feed-forward width of each layer.

The choices are those of AutoFormer (M. Chen et al., ICCV 2021, arXiv:2107.00651, section 3.2), at the size of 8 x 8
images.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import Space, chain, mix_layers, quoted
from zcbench.spaces._forms import NotPlainError
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

WIDTHS, DEPTHS = (16, 24, 32), (1, 2, 3)
HEADS, FEED_FORWARD = (1, 2, 4), (16, 32, 64)
#: features of a head
HEAD_WIDTH = 8
_LAYERS = tuple(itertools.product(HEADS, FEED_FORWARD))
_LAYER = re.compile(r"h(\d+)f(\d+)")

#: heads and feed-forward width
Layer = tuple[int, int]


class ElasticTransformerSpace(Space):
    """Encoders of one to three layers, written ``24|h2f64,h4f32``: width, then heads and feed-forward of each layer.

    Args:
        name: name of the space; its architectures carry it.
    """

    domains: tuple[str, ...] = ("transformer",)
    forms = "width (16, 24, 32) and one to three layers of heads (1, 2, 4) and feed-forward width, '24|h2f64,h4f32'"
    input_shape: tuple[int, ...] = (1, 8, 8)
    size = len(WIDTHS) * sum(len(_LAYERS) ** depth for depth in DEPTHS)

    def __init__(self, name: str = "elastic-transformer") -> None:
        super().__init__(name)

    def __iter__(self) -> Iterator[Architecture]:
        """Yield all architectures, narrow and shallow ones first."""
        for width in WIDTHS:
            for depth in DEPTHS:
                for layers in itertools.product(_LAYERS, repeat=depth):
                    yield self.of(width, layers)

    def of(self, width: int, layers: Sequence[Layer]) -> Architecture:
        """Return the architecture of a width and layers."""
        return Architecture(self.name, f"{width}|" + ",".join(f"h{heads}f{wide}" for heads, wide in layers))

    def _from_text(self, text: str) -> Architecture:
        width, _, rest = text.partition("|")
        layers = [_LAYER.fullmatch(layer.strip()) for layer in rest.split(",")]
        read = [(int(one[1]), int(one[2])) for one in layers if one is not None]
        known = width.strip() in map(str, WIDTHS) and len(read) == len(layers) and set(read) <= set(_LAYERS)
        if not (known and len(read) in DEPTHS):
            raise InvalidArchitectureError(f"{quoted(text)} is not an architecture of {self.name}: give {self.forms}.")
        return self.of(int(width), read)

    def _from_form(self, form: Any) -> Architecture:
        if isinstance(form, list) and len(form) == 2 and isinstance(form[1], list):
            layers = ",".join(f"h{one[0]}f{one[1]}" for one in form[1] if isinstance(one, list) and len(one) == 2)
            return self._from_text(f"{form[0]}|{layers}")
        raise NotPlainError("give a list of the width and a list of (heads, feed-forward)")

    def parts(self, architecture: Architecture) -> tuple[int, list[Layer]]:
        """Return width and layers."""
        width, _, rest = self.parse(self.key(architecture)).key.partition("|")
        return int(width), [(int(h), int(f)) for h, f in _LAYER.findall(rest)]

    @property
    def largest(self) -> Architecture:
        """The network that contains all others."""
        return self.of(WIDTHS[-1], [_LAYERS[-1]] * DEPTHS[-1])

    @property
    def smallest(self) -> Architecture:
        """The network that all others contain."""
        return self.of(WIDTHS[0], [_LAYERS[0]] * DEPTHS[0])

    #: the dimensions that shrink
    dimensions = ("heads", "feed_forward", "depth", "width")

    def restricted(self, architecture: Architecture, free: Sequence[str]) -> Architecture:
        """Return the same architecture with all but the ``free`` dimensions as in the largest network."""
        width, layers = self.parts(architecture)
        if "depth" not in free:
            layers = layers + layers[-1:] * (DEPTHS[-1] - len(layers))
        kept = [
            (h if "heads" in free else HEADS[-1], f if "feed_forward" in free else FEED_FORWARD[-1]) for h, f in layers
        ]
        return self.of(width if "width" in free else WIDTHS[-1], kept)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw width, depth and layers uniformly."""
        depth = DEPTHS[int(rng.integers(len(DEPTHS)))]
        layers = [_LAYERS[int(place)] for place in rng.integers(len(_LAYERS), size=depth)]
        return self.of(WIDTHS[int(rng.integers(len(WIDTHS)))], layers)

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those with another width, one other number in a layer, or the last layer removed or repeated."""
        width, layers = self.parts(architecture)
        found = [self.of(other, layers) for other in WIDTHS if other != width]
        for place, (heads, wide) in enumerate(layers):
            others = [(h, wide) for h in HEADS if h != heads] + [(heads, f) for f in FEED_FORWARD if f != wide]
            found += [self.of(width, [*layers[:place], other, *layers[place + 1 :]]) for other in others]
        if len(layers) > DEPTHS[0]:
            found.append(self.of(width, layers[:-1]))
        if len(layers) < DEPTHS[-1]:
            found.append(self.of(width, [*layers, layers[-1]]))
        return found

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take the width and the depth from either parent, and each layer from either (that has this layer)."""
        (width, layers), (other, others) = self.parts(a), self.parts(b)
        return self.of((width, other)[int(rng.integers(2))], list(mix_layers(layers, others, rng)))

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the same architecture in its standard form."""
        return self.parse(self.key(architecture))

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return float64 ``(21,)``: one-hot width, heads and feed-forward of three layers; zeros beyond the depth."""
        width, layers = self.parts(architecture)
        code = np.zeros((DEPTHS[-1], len(HEADS) + len(FEED_FORWARD)))
        for row, (heads, wide) in zip(code, layers, strict=False):
            row[HEADS.index(heads)] = row[len(HEADS) + FEED_FORWARD.index(wide)] = 1
        return np.concatenate([np.asarray([width == one for one in WIDTHS], np.float64), code.ravel()])

    def graph(self, architecture: Architecture) -> Graph:
        """Return the layers in sequence; each label includes the width."""
        width, layers = self.parts(architecture)
        return chain([f"w{width}h{heads}f{wide}" for heads, wide in layers])

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the network with new initial weights (Xavier, uniform).

        Returns:
            A module from images ``(batch, 1, 8, 8)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._elastic_transformer_network import ElasticTransformer

        width, layers = self.parts(architecture)
        return ElasticTransformer(width, layers, num_classes=num_classes)


register_space(ElasticTransformerSpace())
