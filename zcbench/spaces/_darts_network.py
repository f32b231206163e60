"""The evaluation network of DARTS for CIFAR (arXiv:1806.09055, appendix A.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zcbench.spaces._nasbench201_network import ReLUConvBN
from zcbench.spaces._transnasbench101_network import FactorizedReduce

#: channels of the stem, as a multiple of those of the first cells
STEM = 3


class Zero(nn.Module):
    """The operation "none": zeros, with the resolution of its edge."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Return zeros in the shape of every ``stride``-th pixel of ``x``."""
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


def separable(c: int, kernel: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    """Return ReLU, one filter per channel, 1x1 convolution, batch norm."""
    padding = dilation * (kernel - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(c, c, kernel, stride, padding, dilation, groups=c, bias=False),
        nn.Conv2d(c, c, 1, bias=False),
        nn.BatchNorm2d(c),
    ]


def operation(name: str, c: int, stride: int) -> nn.Module:
    """Return the module of an operation on ``c`` channels."""
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(c, c)
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    kernel = 3 if name.endswith("3x3") else 5
    if name.startswith("dil_conv"):
        return nn.Sequential(*separable(c, kernel, stride, dilation=2))
    return nn.Sequential(*separable(c, kernel, stride), *separable(c, kernel, 1))


class DARTSCell(nn.Module):
    """Two inputs mapped to ``c`` channels, nodes that add two operations each, and the concatenation of all nodes."""

    def __init__(
        self,
        edges: Sequence[tuple[str, int]],
        c_before: int,
        c_last: int,
        c: int,
        *,
        reduction: bool,
        reduced_before: bool,
    ) -> None:
        super().__init__()
        self.before = FactorizedReduce(c_before, c) if reduced_before else ReLUConvBN(c_before, c, 1)
        self.last = ReLUConvBN(c_last, c, 1)
        self.sources = [source for _, source in edges]
        self.edges = nn.ModuleList(operation(name, c, 2 if reduction and source < 2 else 1) for name, source in edges)

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        """Map the outputs of the last two cells to ``(batch, nodes * c, h, w)``; a reduction cell halves h and w."""
        states = [self.before(before), self.last(last)]
        for i in range(0, len(self.sources), 2):
            a, b = (self.edges[j](states[self.sources[j]]) for j in (i, i + 1))
            states.append(a + b)
        return torch.cat(states[2:], 1)


class DARTSNetwork(nn.Module):
    """Stem, cells, pooling, linear classifier."""

    def __init__(
        self,
        normal: Sequence[tuple[str, int]],
        reduce: Sequence[tuple[str, int]],
        *,
        channels: int,
        cells: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        stem = STEM * channels
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem))
        c_before, c_last, c, reduced = stem, stem, channels, False
        self.cells = nn.ModuleList()
        for i in range(cells):
            reduction = i in (cells // 3, 2 * cells // 3)
            c *= 2 if reduction else 1
            edges = reduce if reduction else normal
            self.cells.append(DARTSCell(edges, c_before, c_last, c, reduction=reduction, reduced_before=reduced))
            c_before, c_last, reduced = c_last, c * len(edges) // 2, reduction
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(c_last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``."""
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        logits: Tensor = self.classifier(self.head(last))
        return logits
