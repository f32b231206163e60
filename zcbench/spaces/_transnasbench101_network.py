"""The encoders of TransNAS-Bench-101 with a linear classifier (arXiv:2105.11871, figure 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zcbench.spaces._nasbench201_network import ReLUConvBN
from zcbench.spaces.nasbench201 import EDGES

WIDTH = 64


class FactorizedReduce(nn.Module):
    """A skip that halves the resolution: two 1x1 convolutions, the second on the image shifted by one pixel."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, c_in, h, w)`` to ``(batch, c_out, h / 2, w / 2)``, halves rounded up."""
        x = self.relu(x)
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        out: Tensor = self.norm(torch.cat([self.even(x), self.odd(shifted)], 1))
        return out


class MicroCell(nn.Module):
    """Four nodes; edges from node 0 change channels and resolution."""

    def __init__(self, operations: Sequence[str], c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.c_out, self.stride = c_out, stride
        self.edges = nn.ModuleDict()
        for (source, target), operation in zip(EDGES, operations, strict=True):
            width, step = (c_out, 1) if source else (c_in, stride)
            if operation == "none":
                continue
            if operation == "skip_connect":
                layer: nn.Module = nn.Identity() if step == 1 and width == c_out else FactorizedReduce(width, c_out)
            else:
                layer = ReLUConvBN(width, c_out, 3 if operation == "nor_conv_3x3" else 1, step)
            self.edges[f"{source}{target}"] = layer

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, c_in, h, w)`` to ``(batch, c_out, h / stride, w / stride)``."""
        height, width = (-(-size // self.stride) for size in x.shape[2:])
        nodes = [x]
        for target in (1, 2, 3):
            terms = [
                self.edges[name](nodes[source])
                for source in range(target)
                if (name := f"{source}{target}") in self.edges
            ]
            nodes.append(sum(terms[1:], terms[0]) if terms else x.new_zeros(len(x), self.c_out, height, width))
        return nodes[3]


class BasicBlock(nn.Module):
    """Two convolutions, each after its ReLU, and a shortcut."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(c_in, c_out, 3, stride)
        self.conv_b = ReLUConvBN(c_out, c_out, 3)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, c_in, h, w)`` to ``(batch, c_out, h / stride, w / stride)``."""
        out: Tensor = self.shortcut(x) + self.conv_b(self.conv_a(x))
        return out


class MacroNet(nn.Module):
    """Stem at a quarter of the resolution, modules of two blocks or cells, pooling, a linear classifier.

    Args:
        modules: type of each module: types 2 and 4 double the channels, types 3 and 4 halve the resolution.
        operations: operations of the cell's edges; None for residual blocks.
        num_classes: number of outputs.
    """

    def __init__(self, modules: str, operations: Sequence[str] | None, *, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, WIDTH // 2, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH // 2),
            ReLUConvBN(WIDTH // 2, WIDTH, 3, stride=2),
        )
        width, body = WIDTH, []
        for module in modules:
            c_in, width = width, width * (2 if module in "24" else 1)
            for c, stride in ((c_in, 2 if module in "34" else 1), (width, 1)):
                body.append(
                    BasicBlock(c, width, stride) if operations is None else MicroCell(operations, c, width, stride)
                )
        self.body = nn.Sequential(*body)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(width, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``."""
        logits: Tensor = self.classifier(self.head(self.body(self.stem(x))))
        return logits
