"""naswot, swap and linear regions from codes that hooks of the test's own record."""

import math

import numpy as np
import pytest
import torch
from by_hand import cell, digits, value
from networks import convnet, images
from torch import nn

import zcbench
from zcbench.proxies.naswot import _different_patterns


@pytest.mark.parametrize("batch", [5, 8, 64, 70])
def test_swap_and_linear_regions(batch):
    for model, x in ((convnet(inplace=True), images(batch=batch)[0]), (cell(), digits(batch)[0])):
        codes = []
        for module in model.modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_pre_hook(lambda _, args, codes=codes: codes.append(args[0].flatten(1) > 0))
        model.train()
        model(x)
        table = torch.cat(codes, 1)
        for module in model.modules():
            module._forward_pre_hooks.clear()
        assert value("swap", model, x) == len({tuple(column) for column in table.T.tolist()})
        assert value("linear_regions", model, x) == len({tuple(row) for row in table.tolist()})


@pytest.mark.parametrize("batch", [1, 7, 8, 63, 64, 65, 130, 200])
def test_patterns_of_any_number_of_samples(batch):
    """Bits are packed without loss: units differ in any one sample, the last included."""
    generator = torch.Generator().manual_seed(batch)
    codes = [torch.rand(batch, units, generator=generator) > 0.5 for units in (40, 1, 300)]
    codes.append(codes[0].clone())
    codes[-1][-1] = ~codes[-1][-1]
    codes.append(torch.stack([torch.arange(batch) != sample for sample in range(batch)], 1))

    expected = len({tuple(column) for column in torch.cat(codes, 1).T.tolist()})
    assert _different_patterns(codes) == expected


def test_reg_swap():
    model, (x, _) = convnet(), images()
    thousands = value("params", model, x) / 1000
    factor = math.exp(-((thousands - 2.0) ** 2) / 3.0)
    assert value("reg_swap:mu=2:sigma=3", model, x) == pytest.approx(value("swap", model, x) * factor)


def test_linear_regions_of_equal_samples():
    assert value("linear_regions", convnet(), images(batch=1)[0].expand(4, -1, -1, -1)) == 1


def naswot_by_loops(codes: list[list[list[bool]]]) -> float:
    batch = len(codes[0])
    kernel = np.zeros((batch, batch))
    for code in codes:
        for i in range(batch):
            for j in range(batch):
                kernel[i, j] += sum(a == b for a, b in zip(code[i], code[j], strict=True))
    return math.log(abs(np.linalg.det(kernel)))


def hooked_codes(model: nn.Module, inputs: torch.Tensor) -> list[list[list[bool]]]:
    codes = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(lambda _, args: codes.append((args[0].flatten(1) > 0).tolist()))
    model.train()
    model(inputs)
    return codes


def test_naswot(cell_and_images):
    for model, inputs in ((convnet(), images()[0]), (convnet(inplace=True), images()[0]), cell_and_images[:2]):
        found = value("naswot", model, inputs)
        assert found == pytest.approx(naswot_by_loops(hooked_codes(model, inputs)), rel=1e-9)


def test_naswot_of_equal_samples_is_singular():
    inputs = images(batch=1)[0].expand(4, -1, -1, -1)
    result = zcbench.score(convnet(), inputs, proxies=["naswot"])["naswot"]
    assert result.status == "non-finite"


def test_nasbench201_network_of_five_convolutions():
    """Independent implementations give 1,288,506 parameters and, on random images, a naswot near 822.8."""
    space = zcbench.get_space("nasbench201")
    torch.manual_seed(0)
    network = space.build(
        space.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|")
    )
    result = zcbench.score(network, torch.randn(64, 3, 32, 32), proxies=["params", "naswot", "num_layers"])
    assert float(result["params"]) == 1_288_506
    assert float(result["naswot"]) == pytest.approx(822.8, abs=3)
    assert float(result["num_layers"]) == 83
