"""Small networks of every domain, each with a batch, for contract tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.types import Batch

BATCH, CLASSES, WORDS, LENGTH = 10, 5, 17, 6


@dataclass(frozen=True)
class Specimen:
    """A function that builds a network, and the network's batch.

    Attributes:
        name: description of the network.
        domain: "convolutional", "transformer", "recurrent" or "perceptron".
        make: builds the network; the same weights every time.
        batch: inputs and targets.
    """

    name: str
    domain: str
    make: Callable[[], nn.Module]
    batch: Batch


def _seeded(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def seeded() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return make()

    return seeded


def _images(size: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.randn(BATCH, 3, size, size, generator=generator), torch.arange(BATCH) % CLASSES)


def _tokens(*, next_word: bool) -> Batch:
    generator = torch.Generator().manual_seed(2)
    words = torch.randint(1, WORDS, (BATCH, LENGTH + 1), generator=generator)
    targets = words[:, 1:] if next_word else torch.arange(BATCH) % CLASSES
    return Batch(words[:, :-1], targets)


class Residual(nn.Module):
    """A convolutional network with a residual block, strides, and in-place ReLUs."""

    def __init__(self, *, batch_norm: bool = True) -> None:
        super().__init__()

        def normal(width: int) -> nn.Module:
            return nn.BatchNorm2d(width) if batch_norm else nn.Identity()

        bias = not batch_norm
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=bias), normal(8), nn.ReLU(inplace=True))
        self.branch = nn.Sequential(
            nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=bias),
            normal(12),
            nn.ReLU(inplace=True),
            nn.Conv2d(12, 12, 3, padding=1, bias=bias),
            normal(12),
        )
        self.shortcut = nn.Conv2d(8, 12, 1, stride=2, bias=bias)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        x = self.stem(x)
        x = F.relu_(self.branch(x) + self.shortcut(x))
        logits: Tensor = self.head(self.pool(x).flatten(1))
        return logits


def plain_convnet() -> nn.Module:
    """Build three convolutions in sequence."""
    layers: list[nn.Module] = []
    for c_in, c_out in ((3, 8), (8, 8), (8, 12)):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, CLASSES))


class Attention(nn.Module):
    """Multi-head self-attention, written out or by PyTorch's fused function."""

    def __init__(self, width: int, heads: int, *, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, length, width)`` to the same shape."""
        q, k, v = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1) @ v
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class Encoder(nn.Module):
    """A transformer encoder over words, with logits per sequence or per word."""

    def __init__(self, *, fused: bool = True, per_word: bool = False, width: int = 16) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, width), nn.Embedding(LENGTH, width)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "attention": Attention(width, 4, fused=fused),
                    "norm1": nn.LayerNorm(width),
                    "up": nn.Linear(width, 2 * width),
                    "down": nn.Linear(2 * width, width),
                    "norm2": nn.LayerNorm(width),
                }
            )
            for _ in range(2)
        )
        self.drop = nn.Dropout(0.1)
        self.per_word = per_word
        self.head = nn.Linear(width, WORDS if per_word else CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(batch, length)`` to logits."""
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        for layer in self.layers:
            parts = layer._modules
            x = x + self.drop(_call(parts["attention"], _call(parts["norm1"], x)))
            hidden = F.gelu(_call(parts["up"], _call(parts["norm2"], x)))
            x = x + self.drop(_call(parts["down"], hidden))
        logits: Tensor = self.head(x if self.per_word else x.mean(1))
        return logits


class VisionTransformer(nn.Module):
    """Patches, an encoder of PyTorch's own layers, the mean of the patches, a classifier."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.places = nn.Parameter(torch.randn(1, 4, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        logits: Tensor = self.head(self.encoder(tokens).mean(1))
        return logits


def _call(module: nn.Module | None, x: Tensor) -> Tensor:
    assert module is not None
    out: Tensor = module(x)
    return out


class Recurrent(nn.Module):
    """A language model: embedding, recurrent layers, logits per word."""

    def __init__(self, kind: Callable[..., nn.RNNBase], layers: int = 2, width: int = 12) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.core = kind(width, width, num_layers=layers, batch_first=True)
        self.head = nn.Linear(width, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(batch, length)`` to logits ``(batch, length, words)``."""
        logits: Tensor = self.head(self.core(self.words(tokens))[0])
        return logits


class Cell(nn.Module):
    """A gated recurrent cell made of linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate, self.new = nn.Linear(2 * width, width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Map input and state ``(batch, width)`` to the new state."""
        both = torch.cat([x, state], 1)
        gate = torch.sigmoid(self.gate(both))
        return gate * state + (1 - gate) * torch.tanh(self.new(both))


class HandWritten(nn.Module):
    """A language model with a hand-written cell, called once per word."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.words, self.cell, self.head = nn.Embedding(WORDS, width), Cell(width), nn.Linear(width, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(batch, length)`` to logits ``(batch, length, words)``."""
        state = self.head.weight.new_zeros(len(tokens), self.head.in_features)
        outputs = []
        for x in self.words(tokens).unbind(1):
            state = self.cell(x, state)
            outputs.append(self.head(state))
        return torch.stack(outputs, 1)


class Mixed(nn.Module):
    """Convolutions, then attention over the positions of the map, then an LSTM over the output of attention."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.attention = nn.TransformerEncoderLayer(width, 2, 2 * width, 0.1, "gelu", batch_first=True)
        self.core = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        sequence = self.attention(self.stem(x).flatten(2).transpose(1, 2))
        logits: Tensor = self.head(self.core(sequence)[0][:, -1])
        return logits


class Scaled(nn.Module):
    """Root mean square norm, written out as in decoders."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(…, width)`` to the same shape."""
        return self.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6))


class Decoder(nn.Module):
    """A decoder like LLaMA, with samples second: ``(length, batch, width)`` inside; gate and values in one matrix."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": Scaled(width),
                    "attention": Attention(width, 4, fused=False),
                    "norm2": Scaled(width),
                    "both": nn.Linear(width, 4 * width, bias=False),
                    "down": nn.Linear(2 * width, width, bias=False),
                }
            )
            for _ in range(2)
        )
        self.norm, self.head = Scaled(width), nn.Linear(width, CLASSES)

    def forward(self, words: Tensor) -> Tensor:
        """Map words to logits."""
        x = self.words(words.T)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleDict)
            x = x + layer["attention"](layer["norm1"](x).transpose(0, 1)).transpose(0, 1)
            gate, up = layer["both"](layer["norm2"](x)).chunk(2, -1)
            x = x + layer["down"](F.silu(gate) * up)
        logits: Tensor = self.head(self.norm(x).mean(0))
        return logits


class Frames(nn.Module):
    """Convolutions over frames that are folded into the batch; the three colours serve as frames."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
            *(nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        )
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        maps = self.body(x.flatten(0, 1)[:, None])
        logits: Tensor = self.head(maps.mean((2, 3)).view(len(x), -1, maps.shape[1]).mean(1))
        return logits


def perceptron() -> nn.Module:
    """Build a perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(192, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, CLASSES)
    )


def specimens() -> list[Specimen]:
    """List all specimens."""
    words, sentences = _tokens(next_word=True), _tokens(next_word=False)
    return [
        Specimen("convolutions in a row", "convolutional", _seeded(plain_convnet), _images()),
        Specimen("residual network", "convolutional", _seeded(Residual), _images()),
        Specimen(
            "residual network without batch norm",
            "convolutional",
            _seeded(lambda: Residual(batch_norm=False)),
            _images(),
        ),
        Specimen("encoder", "transformer", _seeded(Encoder), sentences),
        Specimen(
            "masked language model",
            "transformer",
            _seeded(lambda: Encoder(fused=False, per_word=True)),
            words,
        ),
        Specimen("decoder, samples second", "transformer", _seeded(Decoder), sentences),
        Specimen("frames in the batch", "convolutional", _seeded(Frames), _images()),
        Specimen("vision transformer", "transformer", _seeded(VisionTransformer), _images()),
        Specimen("LSTM", "recurrent", _seeded(lambda: Recurrent(nn.LSTM)), words),
        Specimen("GRU", "recurrent", _seeded(lambda: Recurrent(nn.GRU, layers=1)), words),
        Specimen("hand-written cell", "recurrent", _seeded(HandWritten), words),
        Specimen("convolutions, attention and an LSTM", "mixed", _seeded(Mixed), _images()),
        Specimen("perceptron", "perceptron", _seeded(perceptron), _images()),
    ]


class Dead(nn.Module):
    """A network without a path from the input to the output."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits that are equal for all."""
        logits: Tensor = self.head(torch.zeros(len(x), 4, dtype=x.dtype, device=x.device))
        return logits


class Twice(nn.Module):
    """A convolution that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.shared = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        x = F.relu(self.stem(x), inplace=True)
        x = F.relu(self.shared(x), inplace=True)
        x = F.relu(self.shared(x), inplace=True)
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


class Rounded(Residual):
    """Rounds its features, so their gradient is zero everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        logits: Tensor = self.head(self.pool(self.stem(x).round()).flatten(1).repeat(1, 2)[:, :12])
        return logits


def oddities() -> Iterator[tuple[str, nn.Module, Batch]]:
    """Yield networks and batches that must give a correct number or a reason, never an exception."""
    images = _images()
    assert isinstance(images.targets, Tensor)
    yield "dead network", _seeded(Dead)(), images
    yield "non-differentiable operation", _seeded(Rounded)(), images
    yield "module used twice", _seeded(Twice)(), images
    yield "batch of one", _seeded(Residual)(), images[:1]
    yield "one class only", _seeded(Residual)(), Batch(images.inputs, torch.zeros_like(images.targets))
    constant = _seeded(Residual)()
    constant.requires_grad_(True)
    for parameter in constant.parameters():
        nn.init.zeros_(parameter)
    yield "constant output", constant, images
    poisoned = _seeded(Residual)()
    nn.init.constant_(next(poisoned.parameters()), math.nan)
    yield "nan weights", poisoned, images
    frozen = _seeded(Residual)().requires_grad_(False)
    yield "all parameters frozen", frozen, images
    partly = _seeded(Residual)()
    next(partly.parameters()).requires_grad_(False)
    yield "first layer frozen", partly, images
    half = _seeded(Residual)().half()
    yield "half precision", half, Batch(images.map(lambda t: t.half()), images.targets)
    yield (
        "no parameters",
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        Batch(images.inputs, images.targets % 3),
    )
    huge = _seeded(lambda: Residual(batch_norm=False))()
    with torch.no_grad():
        for parameter in huge.parameters():
            parameter.mul_(1e12)
    yield "gigantic weights", huge, images
