"""The network of NAS-Bench-101 (arXiv:1902.09635, figure 1 and section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

STEM, STACKS, CELLS = 128, 3, 3


class ConvBNReLU(nn.Sequential):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__(
            nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(c_out, eps=1e-5, momentum=0.003),
            nn.ReLU(inplace=True),
        )


def vertex_channels(c_in: int, c_out: int, edges: Sequence[tuple[int, int]], vertices: int) -> list[int]:
    """Return the channels of each vertex.

    The sources of the output divide its channels equally; other vertices have the channels of their targets.
    """
    last = vertices - 1
    channels = [c_in, *[0] * (vertices - 2), c_out]
    feeding = [a for a, b in edges if b == last and a != 0]
    for i, vertex in enumerate(sorted(feeding)):
        # The remainder of the division goes to the first vertices.
        channels[vertex] = c_out // len(feeding) + (i < c_out % len(feeding))
    for vertex in range(vertices - 3, 0, -1):
        if not channels[vertex]:
            channels[vertex] = max(channels[b] for a, b in edges if a == vertex)
    return channels


class Cell(nn.Module):
    """A cell: vertices add their inputs, and the output concatenates its inputs."""

    def __init__(self, edges: Sequence[tuple[int, int]], operations: Sequence[str], c_in: int, c_out: int) -> None:
        super().__init__()
        self.last = len(operations) + 1
        self.into = [[a for a, b in edges if b == vertex] for vertex in range(self.last + 1)]
        self.channels = vertex_channels(c_in, c_out, edges, self.last + 1)
        self.projections = nn.ModuleDict({str(b): ConvBNReLU(c_in, self.channels[b], 1) for a, b in edges if a == 0})
        self.operations = nn.ModuleList()
        for vertex, operation in enumerate(operations, 1):
            c = self.channels[vertex]
            if operation == "maxpool3x3":
                self.operations.append(nn.MaxPool2d(3, stride=1, padding=1))
            else:
                self.operations.append(ConvBNReLU(c, c, 3 if operation.startswith("conv3x3") else 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, c_in, h, w)`` to ``(batch, c_out, h, w)``."""
        values = [x]
        for vertex, operation in enumerate(self.operations, 1):
            # A vertex with fewer channels than its source uses the first ones.
            terms = [values[a][:, : self.channels[vertex]] for a in self.into[vertex] if a]
            if 0 in self.into[vertex]:
                terms.append(self.projections[str(vertex)](x))
            values.append(operation(sum(terms[1:], terms[0])))
        joined = [values[a] for a in self.into[self.last] if a]
        out = torch.cat(joined, 1) if joined else None
        if 0 in self.into[self.last]:
            projected: Tensor = self.projections[str(self.last)](x)
            out = projected if out is None else out + projected
        assert out is not None  # the cell has a path to its output
        return out


class CellNetwork(nn.Module):
    """Stem, three stacks of three cells with pooling between them, the mean over pixels, a linear classifier."""

    def __init__(self, edges: Sequence[tuple[int, int]], operations: Sequence[str], *, num_classes: int) -> None:
        super().__init__()
        self.stem = ConvBNReLU(3, STEM, 3)
        width = STEM
        body: list[nn.Module] = []
        for stack in range(STACKS):
            c_in, width = width, STEM * 2**stack
            if stack:
                body.append(nn.MaxPool2d(2))
            body += [Cell(edges, operations, c_in if i == 0 else width, width) for i in range(CELLS)]
        self.body = nn.Sequential(*body)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``."""
        logits: Tensor = self.classifier(self.head(self.body(self.stem(x))))
        return logits
