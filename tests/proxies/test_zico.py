"""zico against a loop over gradient entries."""

import math

import numpy as np
import pytest
import torch
from by_hand import layers, value
from networks import convnet, images
from torch.nn import functional as F

import zcbench


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
