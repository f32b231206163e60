"""Small networks and batches that many tests share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def images(batch: int = 8, channels: int = 3, size: int = 8, classes: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random images and labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(batch, channels, size, size, generator=generator)
    return inputs, torch.randint(classes, (batch,), generator=generator)


def convnet(*, inplace: bool = False, batch_norm: bool = True, classes: int = 5, seed: int = 0) -> nn.Sequential:
    """Two convolutions, ReLU, a classifier."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for c_in, c_out in ((3, 6), (6, 4)):
        layers.append(nn.Conv2d(c_in, c_out, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(c_out))
        layers.append(nn.ReLU(inplace=inplace))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, classes))


def mlp(*, features: int = 4, classes: int = 3, seed: int = 0) -> nn.Sequential:
    """One hidden layer."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(features, 8), nn.ReLU(), nn.Linear(8, classes))


class Twice(nn.Module):
    """A convolution that runs twice, each time followed by an in-place ReLU."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.shared = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        x = self.relu(self.shared(x))
        x = self.relu(self.shared(x))
        return self.head(x.mean((2, 3)))


class Tied(nn.Module):
    """A language model whose decoder is its embedding; layer and group norm, dropout, logits in a mapping."""

    def __init__(self, words: int = 11, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(words, width, padding_idx=0)
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, width)
        self.drop = nn.Dropout(0.5)
        self.group = nn.GroupNorm(2, width)
        self.decode = nn.Linear(width, words, bias=False)
        self.decode.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        x = torch.relu(self.mix(self.norm(self.embed(tokens))))
        x = self.group(self.drop(x).transpose(1, 2)).transpose(1, 2)
        return {"logits": self.decode(x)}


class Dead(nn.Module):
    """No path from the input to the output."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.zeros(len(x), 4, dtype=x.dtype))


def zoo() -> dict[str, tuple[nn.Module, object, Tensor]]:
    """Networks that trip naive instruments, each with inputs and targets of eight samples."""
    inputs, labels = images()
    tokens = torch.randint(11, (8, 6), generator=torch.Generator().manual_seed(1))
    no_statistics = convnet()
    for module in no_statistics.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
    frozen = convnet()
    frozen[0].requires_grad_(False)
    return {
        "convnet": (convnet(), inputs, labels),
        "in-place": (convnet(inplace=True), inputs, labels),
        "no batch norm": (convnet(batch_norm=False), inputs, labels),
        "no running statistics": (no_statistics, inputs, labels),
        "frozen stem": (frozen, inputs, labels),
        "eval mode": (convnet().eval(), inputs, labels),
        "module twice": (Twice(), inputs, labels),
        "tied weights": (Tied(), {"tokens": tokens}, tokens),
        "dead": (Dead(), inputs, labels),
        "mlp": (mlp(), torch.randn(8, 4, generator=torch.Generator().manual_seed(2)), labels % 3),
    }
