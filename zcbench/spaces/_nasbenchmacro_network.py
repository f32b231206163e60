"""The network of NAS-Bench-Macro: MobileNetV2's blocks for images of 32 x 32 (arXiv:2103.11922, appendix)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from zcbench.spaces.nasbenchmacro import STAGES

WIDTH, LAST = 32, 1280


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; with a shortcut if the size is unchanged."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = c_in * expand
        self.conv = nn.Sequential(
            nn.Conv2d(c_in, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, kernel, stride, padding=kernel // 2, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, c_out, 1, bias=False),
            nn.BatchNorm2d(c_out),
        )
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, c_in, h, w)`` to ``(batch, c_out, h / stride, w / stride)``."""
        out: Tensor = self.conv(x)
        return x + out if self.shortcut else out


def layer(operation: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    """Return the module of an operation."""
    if operation == "mb3_3x3":
        return InvertedResidual(c_in, c_out, 3, stride, 3)
    if operation == "mb6_5x5":
        return InvertedResidual(c_in, c_out, 5, stride, 6)
    if c_in == c_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))


class MacroNetwork(nn.Module):
    """Stem, eight layers in three stages, a wide 1x1 convolution, pooling, linear classifier."""

    def __init__(self, operations: Sequence[str], *, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)
        )
        remaining, body, width = list(operations), [], WIDTH
        for layers in STAGES:
            body.append(layer(remaining.pop(0), width, 2 * width, 2))
            width *= 2
            body += [layer(remaining.pop(0), width, width, 1) for _ in range(layers - 1)]
        self.body = nn.Sequential(*body)
        self.head = nn.Sequential(
            nn.Conv2d(width, LAST, 1, bias=False),
            nn.BatchNorm2d(LAST),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(LAST, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``."""
        logits: Tensor = self.classifier(self.head(self.body(self.stem(x))))
        return logits
