"""zico against a loop over gradient entries."""

import math

import numpy as np
import pytest
import torch
from by_hand import layers, value
from networks import convnet, images
from torch.nn import functional as F

import zcbench
from zcbench.proxies.zico import _ratios


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("parts", [2, 4])
def test_zico(parts, signed):
    model, (x, y) = convnet(batch_norm=False), images()
    found = [
        torch.autograd.grad(F.cross_entropy(model(a), b), [m.weight for m in layers(model)])
        for a, b in zip(x.chunk(parts), y.chunk(parts), strict=True)
    ]
    expected = 0.0
    for gradients in zip(*found, strict=True):
        total = 0.0
        for entries in zip(*(g.flatten().tolist() for g in gradients), strict=True):
            absolute = [abs(e) for e in entries]
            deviation = np.std(entries if signed else absolute)
            if deviation != 0:
                total += np.mean(absolute) / deviation
        if total:
            expected += math.log(total)
    name = f"zico:batches={parts}:signed={signed}"
    (found_value,) = zcbench.score(model, x, y, [name]).values()
    assert float(found_value) == pytest.approx(expected, rel=1e-3)


def test_zico_of_equal_batches_and_of_small_ones():
    x, y = images()
    assert value("zico", convnet(), torch.cat([x[:4], x[:4]]), torch.cat([y[:4], y[:4]])) == 0
    small = zcbench.score(convnet(), x[:3], y[:3], ["zico"])["zico"]
    assert (small.status, "at least two" in small.detail) == ("unsupported", True)


@pytest.mark.parametrize("signed", [True, False])
def test_the_closed_form_for_two_is_the_general_one(signed):
    """Each part twice has the mean and the deviation of the parts; and equal parts have none, to the bit."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(50, 7, generator=generator) for _ in range(2))
    b[:5] = a[:5]
    for one, other in ((a, b), (a, -a), (a * 1e-18, b * 1e-18)):
        both = np.stack([one.double().numpy(), other.double().numpy()])
        size, deviation = np.abs(both).mean(0), (both if signed else np.abs(both)).std(0)
        expected = float((size[deviation > 0] / deviation[deviation > 0]).sum())
        assert float(_ratios((one, other), signed)) == pytest.approx(expected, rel=1e-5)
        if one is a:  # the general form takes squares, which vanish below 1e-38
            assert float(_ratios((one, other, one, other), signed)) == pytest.approx(expected, rel=1e-5)
    for number in (2, 3, 5):
        assert float(_ratios((a,) * number, signed)) == 0
    assert float(_ratios((a, None), signed)) == a.numel()


def test_ratios_of_half_precision_do_not_overflow():
    large = torch.full((3,), 6e4, dtype=torch.float16)
    assert float(_ratios((large, large / 2), True)) == pytest.approx(9)
