"""The encoders of the FlexiBERT space: layers differ in the mixing of positions, heads, width and depth of the stack.

Source: S. Tuli et al., "FlexiBERT: Are Current Transformer Architectures too Homogeneous and Rigid?", JAIR 77 (2023),
arXiv:2205.11656, table 1; with the settings that A. Serianni and J. Kalita trained, "Training-free Neural Architecture
Search for RNNs and Transformers", ACL 2023, arXiv:2306.00288, section 4.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import Space, chain, mix_layers, quoted, written_form
from zcbench.spaces._forms import NotPlainError
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

#: operations that mix positions: attention (scaled dot product, weighted multiplicative), Fourier and cosine transform,
#: span-wise convolution with kernels of 5 and 9
OPERATIONS = ("SA-SDP", "SA-WMA", "LT-DFT", "LT-DCT", "DSC-5", "DSC-9")
HEADS = (2, 4)
STACKS = (1, 3)
DEPTHS = (2, 4)
#: the authors' names of the choices of a layer
_NAMES = {
    "operation_type",
    "operation_parameter",
    "num_operation_heads",
    "feed_forward_dimension",
    "num_feed_forward",
}
_LAYER = re.compile(r"(SA-SDP|SA-WMA|LT-DFT|LT-DCT|DSC-5|DSC-9)-(\d+)-(\d+)x(\d+)")


class LayerChoice(NamedTuple):
    """One layer: operation, its heads, width of the feed-forward stack, number of its hidden layers."""

    operation: str
    heads: int
    inner: int
    stack: int

    def __str__(self) -> str:
        return f"{self.operation}-{self.heads}-{self.inner}x{self.stack}"


class FlexiBERTSpace(Space):
    """Encoders of two or four layers, each layer with its own choices.

    The string of an architecture is its width and its layers, ``256|SA-SDP-4-1024x1|LT-DFT-2-512x3``: operation,
    heads, width of the feed-forward stack and number of its hidden layers.

    Args:
        name: name of the space; its architectures carry it.
        widths: hidden sizes.
        inner: widths of the feed-forward stack.
        words: size of the vocabulary.
        places: longest sequence.
        embedding: width of the embeddings of words and positions.
        std: standard deviation of the initial weights; BERT's is .02 for a width of 768.
    """

    domains: tuple[str, ...] = ("transformer",)
    forms = (
        "the width and the layers, '256|SA-SDP-4-1024x1|LT-DFT-2-512x3', or the authors' settings, {'hidden_size': …,"
        " 'encoder_layers': […]}"
    )

    def __init__(
        self,
        name: str = "flexibert",
        *,
        widths: tuple[int, ...] = (128, 256),
        inner: tuple[int, ...] = (512, 1024),
        words: int = 30_522,
        places: int = 512,
        embedding: int = 128,
        std: float = 0.02,
    ) -> None:
        super().__init__(name)
        self.widths = widths
        self.inner = inner
        self.words = words
        self.places = places
        self.embedding = embedding
        self.std = std
        self.input_shape = (places,)

    @property
    def size(self) -> int:
        """Number of strings: 10,621,440, of which 5,123,200 differ (a transform has no heads)."""
        layers = len(OPERATIONS) * len(HEADS) * len(self.inner) * len(STACKS)
        encoders: int = sum(layers**depth for depth in DEPTHS)
        return len(self.widths) * encoders

    def __iter__(self) -> Iterator[Architecture]:
        """Yield all encoders, the last layer varying fastest."""
        choices = [LayerChoice(*choice) for choice in itertools.product(OPERATIONS, HEADS, self.inner, STACKS)]
        for depth, width in itertools.product(DEPTHS, self.widths):
            for layers in itertools.product(choices, repeat=depth):
                yield self.from_layers(width, layers)

    # -- strings -------------------------------------------------------------------------------

    def _from_text(self, text: str) -> Architecture:
        """Read a string such as ``256|SA-SDP-4-1024x1|LT-DFT-2-512x3``, or the authors' settings as text."""
        if text.startswith("{") and (form := written_form(text)) is not None:
            return self._from_form(form)
        return self.from_layers(*self._read(text))

    def _from_form(self, form: Any) -> Architecture:
        if not isinstance(form, dict):
            return super()._from_form(form)
        inner = form.get("nas_config", form)
        layers = inner.get("encoder_layers") if isinstance(inner, dict) else None
        if not isinstance(layers, list) or not all(
            isinstance(layer, dict) and layer.keys() >= _NAMES for layer in layers
        ):
            raise NotPlainError(
                f"settings are 'hidden_size' and 'encoder_layers', each with {', '.join(sorted(_NAMES))}"
            )
        parts = [
            "{operation_type}-{operation_parameter}-{num_operation_heads}-{feed_forward_dimension}x{num_feed_forward}".format(
                **{name: layer[name] for name in _NAMES}
            )
            for layer in layers
        ]
        return self.from_layers(*self._read("|".join([str(form.get("hidden_size")), *parts])))

    def from_layers(self, width: int, layers: Sequence[LayerChoice]) -> Architecture:
        """Return the encoder of this width with these layers."""
        return Architecture(self.name, "|".join([str(width), *map(str, layers)]))

    def layers(self, architecture: Architecture) -> tuple[int, list[LayerChoice]]:
        """Return width and layers of an encoder.

        Raises:
            InvalidArchitectureError: the architecture belongs to another space or is malformed.
        """
        return self._read(self.key(architecture))

    def _read(self, text: str) -> tuple[int, list[LayerChoice]]:
        head, *rest = text.split("|")
        found = [_LAYER.fullmatch(part) for part in rest]
        layers = [LayerChoice(m[1], int(m[2]), int(m[3]), int(m[4])) for m in found if m]
        good = (
            head in map(str, self.widths)
            and len(layers) == len(found)
            and len(layers) in DEPTHS
            and all(layer.heads in HEADS and layer.inner in self.inner and layer.stack in STACKS for layer in layers)
        )
        if not good:
            raise InvalidArchitectureError(
                f"{quoted(text)} is not an encoder of {self.name}: write the width ({_either(self.widths)}) and"
                f" {_either(DEPTHS)} layers,"
                f" e.g. '{self.widths[0]}|SA-SDP-2-{self.inner[0]}x1|LT-DFT-4-{self.inner[1]}x3';"
                f" operations: {', '.join(OPERATIONS)}; heads: {_either(HEADS)}; stacks: {_either(STACKS)}."
            )
        return int(head), layers

    # -- drawing and changing ------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw width, depth and every layer's choices uniformly."""

        def one(options: Sequence[Any]) -> Any:
            return options[int(rng.integers(len(options)))]

        width, depth = one(self.widths), one(DEPTHS)
        layers = [LayerChoice(one(OPERATIONS), one(HEADS), one(self.inner), one(STACKS)) for _ in range(depth)]
        return self.from_layers(width, layers)

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those that differ in the width, in one choice of one layer, or by doubling or halving the layers."""
        width, layers = self.layers(architecture)
        found = [self.from_layers(other, layers) for other in self.widths if other != width]
        for place, layer in enumerate(layers):
            for field, options in zip(LayerChoice._fields, (OPERATIONS, HEADS, self.inner, STACKS), strict=True):
                for option in options:
                    if option != getattr(layer, field):
                        changed = layer._replace(**{field: option})  # type: ignore[arg-type]
                        found.append(self.from_layers(width, [*layers[:place], changed, *layers[place + 1 :]]))
        other = layers[::2] if len(layers) == max(DEPTHS) else [layer for layer in layers for _ in range(2)]
        return [*found, self.from_layers(width, other)]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take width, depth and each layer from either parent (that has this layer)."""
        parents = (self.layers(a), self.layers(b))
        width = parents[int(rng.integers(2))][0]
        return self.from_layers(width, mix_layers(parents[0][1], parents[1][1], rng))

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the same encoder with two heads wherever heads have no effect (Fourier and cosine transforms)."""
        width, layers = self.layers(architecture)
        return self.from_layers(
            width, [layer._replace(heads=HEADS[0]) if layer.operation.startswith("LT") else layer for layer in layers]
        )

    # -- numbers and networks ------------------------------------------------------------------

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return float64 ``(37,)``: whether the width is larger; for each of four positions, the choices of the layer.

        The operation is one-hot; heads, inner and stack are 1 for the larger option. Positions that a shallow encoder
        lacks are zero.
        """
        width, layers = self.layers(self.canonical(architecture))
        code = np.zeros((max(DEPTHS), len(OPERATIONS) + 3))
        for row, layer in zip(code, layers, strict=False):
            row[OPERATIONS.index(layer.operation)] = 1
            row[-3:] = (layer.heads == HEADS[-1], layer.inner == self.inner[-1], layer.stack == STACKS[-1])
        return np.concatenate([[width == self.widths[-1]], code.ravel()]).astype(np.float64)

    def graph(self, architecture: Architecture) -> Graph:
        """Return the width, as a separate node, and the layers in sequence."""
        width, layers = self.layers(self.canonical(architecture))
        return chain([f"width-{width}", *map(str, layers)])

    def build(self, architecture: Architecture, *, num_classes: int | None = None) -> nn.Module:
        """Build the encoder with BERT's initialisation (normal weights, biases zero).

        Returns:
            A module from tokens ``(batch, length)`` to hidden states ``(batch, length, width)``; with ``num_classes`` a
            linear layer on top returns logits ``(batch, length, num_classes)``.
        """
        from zcbench.spaces._flexibert_network import Encoder

        width, layers = self.layers(architecture)
        described = [
            {
                "operation_type": layer.operation.split("-")[0],
                "operation_parameter": layer.operation.split("-")[1],
                "num_operation_heads": layer.heads,
                "feed_forward_dimension": layer.inner,
                "num_feed_forward": layer.stack,
            }
            for layer in layers
        ]
        return Encoder(
            width,
            described,
            words=self.words,
            places=self.places,
            embedding=self.embedding,
            logits=num_classes,
            std=self.std,
        )


def _either(options: Sequence[int]) -> str:
    return " or ".join(map(str, options))


register_space(
    FlexiBERTSpace(),
    # BERT's initial weights, scaled to widths about 16 times smaller: with .02 small encoders hardly start to learn.
    FlexiBERTSpace("chars-bert", widths=(32, 64), inner=(64, 128), words=90, places=64, embedding=32, std=0.08),
)
