"""The network of NAS-Bench-201 as a plain ``nn.Module`` (macro skeleton of arXiv:2001.00326, figure 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zcbench.spaces.nasbench201 import EDGES


class ReLUConvBN(nn.Sequential):
    """ReLU, convolution without bias, batch norm: the benchmark's only parametric operation."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(c_out),
        )


class ReductionBlock(nn.Module):
    """Residual block that halves the resolution and changes the number of channels."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(c_in, c_out, 3, stride=2)
        self.conv_b = ReLUConvBN(c_out, c_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shortcut(x) + self.conv_b(self.conv_a(x))
        return out


class Cell(nn.Module):
    """Four nodes; node j is the sum over i < j of operation (i, j) applied to node i.

    Edges from node 0 change the number of channels if ``c_in`` differs (size search space); a skip does this by a
    convolution and batch norm.
    """

    def __init__(self, operations: Sequence[str], channels: int, c_in: int | None = None) -> None:
        super().__init__()
        self.edges = nn.ModuleDict()
        for (source, target), operation in zip(EDGES, operations, strict=True):
            width = channels if c_in is None or source else c_in
            if operation == "nor_conv_3x3":
                layer: nn.Module = ReLUConvBN(width, channels, 3)
            elif operation == "nor_conv_1x1":
                layer = ReLUConvBN(width, channels, 1)
            elif operation == "avg_pool_3x3":
                layer = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
            elif operation == "skip_connect" and width == channels:
                layer = nn.Identity()
            elif operation == "skip_connect":
                layer = nn.Sequential(nn.Conv2d(width, channels, 1, bias=False), nn.BatchNorm2d(channels))
            else:  # "none": the edge is absent
                continue
            self.edges[f"{source}{target}"] = layer

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for target in (1, 2, 3):
            terms = [
                self.edges[name](nodes[source])
                for source in range(target)
                if (name := f"{source}{target}") in self.edges
            ]
            nodes.append(sum(terms[1:], terms[0]) if terms else torch.zeros_like(x))
        return nodes[3]


class CellNetwork(nn.Module):
    """Stem, stages of equal cells with reductions between them, and a linear classifier."""

    def __init__(
        self,
        operations: Sequence[str],
        *,
        channels: int,
        cells_per_stage: int,
        stages: int,
        in_channels: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        body: list[nn.Module] = []
        for stage in range(stages):
            width = channels * 2**stage
            if stage > 0:
                body.append(ReductionBlock(width // 2, width))
            body.extend(Cell(operations, width) for _ in range(cells_per_stage))
        self.body = nn.Sequential(*body)
        self.head = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.head(self.body(self.stem(x))))
        return logits


class SizedNetwork(nn.Module):
    """The network of the size search space: cells and reductions alternate, and all widths are searched."""

    def __init__(self, operations: Sequence[str], channels: Sequence[int], *, num_classes: int) -> None:
        super().__init__()
        a, b, c, d, e = channels
        self.stem = nn.Sequential(nn.Conv2d(3, a, 3, padding=1, bias=False), nn.BatchNorm2d(a))
        self.body = nn.Sequential(
            Cell(operations, a),
            ReductionBlock(a, b),
            Cell(operations, c, b),
            ReductionBlock(c, d),
            Cell(operations, e, d),
        )
        self.head = nn.Sequential(nn.BatchNorm2d(e), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(e, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``."""
        logits: Tensor = self.classifier(self.head(self.body(self.stem(x))))
        return logits
