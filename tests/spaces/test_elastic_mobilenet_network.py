"""Networks of the small MobileNets against counts and a forward by hand."""

import numpy as np
import torch
from torch.nn import functional as F

from zcbench.spaces import get_space

SPACE = get_space("elastic-mobilenet")


def by_hand(stages):
    """Parameters, layer by layer; each batch norm has two of a channel."""
    total, inputs = 8 * 9 + 2 * 8, 8
    for depth, width, kernel, expansion in stages:
        for _ in range(depth):
            inner = inputs * expansion
            total += (inputs * inner + 2 * inner if expansion > 1 else 0) + inner * kernel**2 + 2 * inner
            total += inner * width + 2 * width
            inputs = width
    return total + inputs * 10 + 10


def test_parameters():
    rng = np.random.default_rng(0)
    for one in [SPACE.smallest, SPACE.largest, *(SPACE.sample(rng) for _ in range(5))]:
        assert sum(p.numel() for p in SPACE.build(one).parameters()) == by_hand(SPACE.stages(one))


def test_the_forward_pass():
    torch.manual_seed(0)
    one = SPACE.parse("d2w8k3e3|d2w16k5e1")
    network, x = SPACE.build(one, num_classes=5).double().eval(), torch.randn(3, 1, 8, 8, dtype=torch.float64)
    weights = dict(network.state_dict())
    for name, value in weights.items():  # statistics that matter
        if name.endswith(("running_mean", "running_var")):
            value.uniform_(0.5, 1.5)

    def layer(x, name, number, stride=1, groups=1, act=True):
        kernel = weights[f"{name}.{number}.weight"]
        x = F.conv2d(x, kernel, None, stride, kernel.shape[-1] // 2, 1, groups)
        norm = f"{name}.{number + 1}"
        mean, var, w, b = (
            weights[f"{norm}.{end}"].view(-1, 1, 1) for end in ("running_mean", "running_var", "weight", "bias")
        )
        x = (x - mean) / (var + 1e-5).sqrt() * w + b
        return x.clamp(0, 6) if act else x

    y = layer(x, "stem", 0)
    for stage, (depth, _, _, expansion) in enumerate(SPACE.stages(one)):
        for block in range(depth):
            name, before = f"stages.{stage}.{block}", y
            y = layer(y, f"{name}.expand", 0) if expansion > 1 else y
            y = layer(y, f"{name}.filter", 0, 2 if stage == 1 and block == 0 else 1, y.shape[1])
            y = layer(y, f"{name}.project", 0, act=False) + (before if block else 0)
    y = y.mean((2, 3)) @ weights["classifier.weight"].T + weights["classifier.bias"]
    assert y.shape == (3, 5)
    assert torch.allclose(network(x), y, atol=1e-12)


def test_modules_of_smaller_networks_have_names_of_the_largest():
    names = {name for name, _ in SPACE.build(SPACE.largest).named_parameters()}
    for one in (SPACE.smallest, SPACE.parse("d2w8k3e3|d1w24k5e1")):
        assert {name for name, _ in SPACE.build(one).named_parameters()} < names
