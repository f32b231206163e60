"""Noise: images of any size."""

import torch

from zcbench.batches import get_batch


def test_noise():
    batch = get_batch("noise@8", 100)
    assert batch.inputs.shape == (100, 3, 8, 8)
    assert set(batch.targets.tolist()) == set(range(9))
    assert torch.equal(batch.inputs, get_batch("noise@8", 100).inputs)
