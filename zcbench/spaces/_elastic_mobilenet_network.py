"""Networks of inverted residual blocks, whose modules have the same names in all sizes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

#: channels of the first convolution
STEM = 8


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; with a shortcut unless it is the first of its stage."""

    def __init__(self, inputs: int, outputs: int, kernel: int, expansion: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        inner = inputs * expansion
        self.shortcut = shortcut
        if expansion > 1:
            self.expand: nn.Module | None = nn.Sequential(
                nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6()
            )
        else:
            self.expand = None
        self.filter = nn.Sequential(
            nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU6(),
        )
        self.project = nn.Sequential(nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        wide = x if self.expand is None else self.expand(x)
        out: Tensor = self.project(self.filter(wide))
        return x + out if self.shortcut else out


class ElasticMobileNet(nn.Module):
    """A convolution, stages of blocks, pooling, a linear classifier.

    Args:
        stages: depth, width, kernel and expansion of each stage; all but the first halve the resolution.
        num_classes: number of outputs.
    """

    def __init__(self, stages: Sequence[tuple[int, int, int, int]], *, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, STEM, 3, padding=1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU6())
        self.stages = nn.ModuleList()
        inputs = STEM
        for place, (depth, width, kernel, expansion) in enumerate(stages):
            blocks = []
            for number in range(depth):
                stride = 2 if place and not number else 1
                blocks.append(InvertedResidual(inputs, width, kernel, expansion, stride, shortcut=number > 0))
                inputs = width
            self.stages.append(nn.Sequential(*blocks))
        self.classifier = nn.Linear(inputs, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 1, height, width)`` to logits ``(batch, num_classes)``."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits
