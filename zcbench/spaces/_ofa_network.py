"""The MobileNetV3-Large that once-for-all searches (arXiv:1908.09791; A. Howard et al., arXiv:1905.02244, table 1)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

#: by stage: channels, stride of the first layer, activation, squeeze and excitation
STAGES = (
    (24, 2, nn.ReLU, False),
    (40, 2, nn.ReLU, True),
    (80, 2, nn.Hardswish, False),
    (112, 1, nn.Hardswish, True),
    (160, 2, nn.Hardswish, True),
)
STEM, MIXED = 16, 1280


def divisible(value: float, by: int = 8) -> int:
    """Return the nearest multiple of 8 that is at most a tenth below ``value``."""
    rounded = max(by, int(value + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * value else rounded


def block_name(stage: int, layer: int) -> str:
    """Return the name of a block in the body, both numbers from 0: the same in networks of all depths."""
    return f"stage{stage}_block{layer}"


class SqueezeExcite(nn.Module):
    """Channels weighted by the output of a small network on their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = divisible(channels // 4)
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, channels, 1),
            nn.Hardsigmoid(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, h, w)`` to the same shape."""
        out: Tensor = x * self.weigh(x)
        return out


class MobileBlock(nn.Module):
    """Expand, filter each channel, weight channels, project; with a shortcut if the size is unchanged."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int,
        expand: int,
        activation: type[nn.Module],
        squeeze: bool,
    ) -> None:
        super().__init__()
        inner = divisible(round(c_in * expand)) if expand > 1 else c_in
        layers: dict[str, nn.Module] = {}
        if expand > 1:
            layers["expand"] = nn.Conv2d(c_in, inner, 1, bias=False)
            layers["expand_norm"] = nn.BatchNorm2d(inner)
            layers["expand_act"] = activation(inplace=True)
        layers["filter"] = nn.Conv2d(inner, inner, kernel, stride, padding=kernel // 2, groups=inner, bias=False)
        layers["filter_norm"] = nn.BatchNorm2d(inner)
        layers["filter_act"] = activation(inplace=True)
        if squeeze:
            layers["squeeze"] = SqueezeExcite(inner)
        layers["project"] = nn.Conv2d(inner, c_out, 1, bias=False)
        layers["project_norm"] = nn.BatchNorm2d(c_out)
        self.conv = nn.Sequential(OrderedDict(layers))
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, c_in, h, w)`` to ``(batch, c_out, h / stride, w / stride)``."""
        out: Tensor = self.conv(x)
        return x + out if self.shortcut else out


class MobileNetV3(nn.Module):
    """Stem, one plain block, five stages, two wide 1x1 convolutions around the pooling, a linear classifier.

    Modules have the same names in networks of all sizes, by stage and position.

    Args:
        stages: kernel and expansion of each layer of each stage.
        width: factor of all channels.
        num_classes: number of outputs.
    """

    def __init__(self, stages: Sequence[Sequence[tuple[int, int]]], *, width: float, num_classes: int) -> None:
        super().__init__()
        c = divisible(STEM * width)
        body: dict[str, nn.Module] = {
            "stem": nn.Conv2d(3, c, 3, stride=2, padding=1, bias=False),
            "stem_norm": nn.BatchNorm2d(c),
            "stem_act": nn.Hardswish(inplace=True),
            "first": MobileBlock(c, c, 3, 1, 1, nn.ReLU, squeeze=False),
        }
        for place, (layers, (channels, stride, activation, squeeze)) in enumerate(zip(stages, STAGES, strict=True)):
            for i, (kernel, expand) in enumerate(layers):
                c_out = divisible(channels * width)
                body[block_name(place, i)] = MobileBlock(
                    c, c_out, kernel, 1 if i else stride, expand, activation, squeeze
                )
                c = c_out
        wide, mixed = divisible(STAGES[-1][0] * 6 * width), divisible(MIXED * width)
        self.body = nn.Sequential(OrderedDict(body))
        self.head = nn.Sequential(
            nn.Conv2d(c, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.Hardswish(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(wide, mixed, 1, bias=False),
            nn.Hardswish(inplace=True),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(mixed, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``."""
        logits: Tensor = self.classifier(self.head(self.body(x)))
        return logits
