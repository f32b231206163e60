"""Networks of Once-for-All against the published counts."""

import numpy as np
import pytest
import torch
from published import count, macs, rows
from torch import nn

import zcbench
from zcbench.spaces import get_space


def test_once_for_all(data_folder):
    space = get_space("ofa-mbv3")
    for row in rows(data_folder / "ofa_mbv3" / "dynas_mbv3_w10.parquet", 400):
        network = space.build(space.parse(row["Sub-network"]))
        assert count(network) == row["Model Parameters"]
        assert macs(network, torch.zeros(1, 3, 224, 224)) == row["MACs"]


class Numbered(nn.Module):
    """The same layers as one sequence of numbers, drawn in the order in which they run."""

    def __init__(self, stages, width, classes):
        super().__init__()

        def rounded(value):
            nearest = max(8, int(value + 4) // 8 * 8)
            return nearest + 8 if nearest < 0.9 * value else nearest

        c = rounded(16 * width)
        body = [
            nn.Conv2d(3, c, 3, 2, 1, bias=False),
            nn.BatchNorm2d(c),
            nn.Hardswish(),
            Block(c, c, 3, 1, 1, nn.ReLU, 0),
        ]
        acts, squeezed = [nn.ReLU] * 2 + [nn.Hardswish] * 3, [0, 1, 0, 1, 1]
        for i, (layers, channels) in enumerate(zip(stages, (24, 40, 80, 112, 160), strict=True)):
            for j, (kernel, expand) in enumerate(layers):
                out, stride = rounded(channels * width), 2 if j == 0 and i != 3 else 1
                body.append(Block(c, out, kernel, stride, expand, acts[i], squeezed[i] * rounded(c * expand // 4)))
                c = out
        wide, mixed = rounded(960 * width), rounded(1280 * width)
        self.body = nn.Sequential(*body)
        self.head = nn.Sequential(
            nn.Conv2d(c, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.Hardswish(),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(wide, mixed, 1, bias=False),
            nn.Hardswish(),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(mixed, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x):
        return self.classifier(self.head(self.body(x)))


class Weigh(nn.Module):
    def __init__(self, channels, inner):
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(),
            nn.Conv2d(inner, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x):
        return x * self.weigh(x)


class Block(nn.Module):
    def __init__(self, c, out, kernel, stride, expand, act, squeeze):
        super().__init__()
        inner = c * expand  # a multiple of 8 here, as c is
        layers = [nn.Conv2d(c, inner, 1, bias=False), nn.BatchNorm2d(inner), act()] if expand > 1 else []
        layers += [nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False)]
        layers += [nn.BatchNorm2d(inner), act(), *([Weigh(inner, squeeze)] if squeeze else [])]
        self.conv = nn.Sequential(*layers, nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = stride == 1 and c == out

    def forward(self, x):
        return x + self.conv(x) if self.shortcut else self.conv(x)


@pytest.mark.parametrize("name", ["ofa-mbv3", "ofa-mbv3-w1.2"])
def test_weights_outputs_and_scores_are_those_of_numbered_layers(name):
    """Names of modules are no part of a measurement: the same draws in the same order, the same blocks."""
    space = get_space(name)
    one = space.parse("3x3,5x4|7x3,3x3,5x6|3x4,3x3|5x6,5x4,5x3,5x3|3x3,7x6")
    networks = []
    for build in (lambda: space.build(one, num_classes=4), lambda: Numbered(space.stages(one), space.width, 4)):
        torch.manual_seed(3)
        networks.append(build())
    ours, theirs = networks
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(4, 3, 32, 32, generator=generator), torch.tensor([0, 1, 2, 3])
    assert torch.equal(ours.eval()(x), theirs.eval()(x))
    names = [
        "az_expressivity",
        "az_progressivity",
        "az_trainability",
        "synflow",
        "naswot",
        "grad_norm",
        "zen",
        "params",
    ]
    a, b = (zcbench.score(network.train(), x, y, names) for network in networks)
    assert {name: score.value for name, score in a.items()} == {name: score.value for name, score in b.items()}
    assert all(score.value is not None for score in a.values())


def test_modules_of_smaller_networks_have_names_of_the_largest():
    space = get_space("ofa-mbv3")
    names, rng = {name for name, _ in space.build(space.largest).named_parameters()}, np.random.default_rng(0)
    for one in (space.smallest, *(space.sample(rng) for _ in range(2))):
        assert {name for name, _ in space.build(one).named_parameters()} <= names
